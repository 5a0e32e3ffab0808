"""The log of all runs, `outputs/history.parquet`, and the differences between two runs."""

import json
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock
from pydantic import TypeAdapter

from tasks.results.comparison import Comparison
from tasks.results.errors import DataError
from tasks.results.evaluation import Estimate
from tasks.results.run_log import RunSummary, flat
from tasks.storage.files import atomic_path, read_json

FILE = "history.parquet"
NUMBERS, TEXTS = pa.map_(pa.string(), pa.float64()), pa.map_(pa.string(), pa.string())
SCHEMA = pa.schema({
    "run": pa.string(),
    "ended": pa.timestamp("us", tz="UTC"),
    "data": pa.string(),
    "fingerprint": pa.string(),
    "seeds": pa.int64(),
    "accuracies": NUMBERS,
    "aucs": NUMBERS,
    "seconds": pa.float64(),
    "durations": NUMBERS,
    "settings": pa.string(),  # JSON: the settings are nested, and of many types.
    "versions": TEXTS,
    "command": pa.string(),
})  # fmt: skip


class Difference(NamedTuple):
    """A setting, a version or a result in two runs; None where a run lacks it."""

    name: str
    first: Any
    second: Any


class RunComparison(NamedTuple):
    """The inputs in which two runs differ (settings, data, versions), and all their results."""

    inputs: list[Difference]
    results: list[Difference]


def summarize(comparison: Comparison, ended: float) -> RunSummary:
    """The run in short: mean test accuracies over seeds, and all the inputs on which they depend."""
    models = sorted(comparison.evidence.models, key=lambda model: comparison.models().index(model.name))
    return RunSummary(
        run=comparison.run,
        ended=ended,
        data=comparison.dataset.title,
        fingerprint=comparison.dataset.fingerprint,
        seeds=len(comparison.branches) // len(models),
        accuracies={model.name: model.accuracy.value for model in models},
        aucs={model.name: model.auc for model in models},
        seconds=sum(comparison.durations.values()),
        durations=comparison.durations,
        settings=comparison.settings,
        versions=comparison.branches[0].machine.versions,
        command=comparison.command,
    )


def append_to_run_log(outputs: Path, summary: RunSummary) -> list[RunSummary]:
    """Append a run to the log, which concurrent runs share; returns all runs, oldest first."""
    path = outputs / FILE
    with FileLock(path.with_suffix(".lock")):
        runs = [*read_run_log(outputs), summary]
        with atomic_path(path) as temporary:
            pq.write_table(pa.Table.from_pylist([_row(run) for run in runs], SCHEMA), temporary)
    return runs


def read_run_log(outputs: Path) -> list[RunSummary]:
    """All runs, oldest first; none if there is no log.

    Raises:
        DataError: the file is damaged.
    """
    path = outputs / FILE
    if not path.exists():
        return []
    try:
        rows = [_values(row) for row in pq.read_table(path).to_pylist()]
        return TypeAdapter(list[RunSummary]).validate_python(rows)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"{path}: not a readable log of runs ({error}); move it away, and the next run starts a new one"
        ) from error


def _row(run: RunSummary) -> dict[str, Any]:
    return vars(run) | {"settings": json.dumps(run.settings), "ended": datetime.fromtimestamp(run.ended, UTC)}


def _values(row: dict[str, Any]) -> dict[str, Any]:
    """A row as the fields of a `RunSummary`; earlier versions wrote JSON for every mapping, and seconds as a number."""
    values = dict(row)
    for name in ("accuracies", "aucs", "durations", "settings", "versions"):
        values[name] = json.loads(row[name]) if isinstance(row[name], str) else dict(row[name])
    if isinstance(row["ended"], datetime):
        values["ended"] = row["ended"].timestamp()
    return values


def find_run(outputs: Path, name: str) -> Path:
    """The folder of a run, given by its name, the start of it, or "latest".

    Raises:
        DataError: no run or more than one has that name.
    """
    runs = sorted(path.parent for path in (outputs / "runs").glob("*/metrics.json"))
    if name == "latest" and runs:
        return (outputs / "latest").resolve()
    matches = [run for run in runs if run.name.startswith(name)]
    if len(matches) != 1:
        newest = ", ".join(run.name for run in runs[-5:]) or "none"
        raise DataError(
            f"run {name}: {len(matches)} runs in {outputs / 'runs'} match, expected one; the newest are: {newest}"
        )
    return matches[0]


def last_command(outputs: Path) -> str | None:
    """The command line of the newest finished run; None if there is none."""
    try:
        return str(read_json(outputs / "latest" / "metrics.json")["command"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def compare_runs(first: Path, second: Path) -> RunComparison:
    """The inputs in which the runs in two folders differ, and all their results.

    Raises:
        DataError: the metrics of one of them are damaged.
    """
    contents = [_contents(run / "metrics.json") for run in (first, second)]
    inputs = _side_by_side(*(inputs for inputs, _ in contents))
    results = _side_by_side(*(results for _, results in contents))
    return RunComparison([pair for pair in inputs if pair.first != pair.second], results)


def _contents(path: Path) -> tuple[dict[str, Any], dict[str, float | Estimate]]:
    """The inputs and the results of a run."""
    try:
        metrics = read_json(path)
        return dict(_inputs(metrics)), dict(_results(metrics))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, ZeroDivisionError) as error:
        raise DataError(f"{path}: no readable description of a run; name another run, or repeat it") from error


def _side_by_side(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Difference]:
    return [Difference(name, first.get(name), second.get(name)) for name in dict.fromkeys([*first, *second])]


def _inputs(metrics: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from flat(metrics["settings"]).items()
    yield "dataset", metrics["dataset"]["fingerprint"]
    yield "source", metrics["dataset"]["source"]["sha256"]
    for package, version in metrics["branches"][0]["machine"]["versions"].items():
        yield f"version of {package}", version


def _results(metrics: Mapping[str, Any]) -> Iterator[tuple[str, float | Estimate]]:
    for model in metrics["evidence"]["models"]:
        yield f"{model['name']}: test accuracy", _accuracy(model)
        yield f"{model['name']}: AUC", model["auc"]
        last = [branch["history"][-1] for branch in metrics["branches"] if branch["name"] == model["name"]]
        yield f"{model['name']}: validation accuracy", sum(epoch["val_accuracy"] for epoch in last) / len(last)
    for step, seconds in metrics["durations"].items():
        yield f"seconds: {step}", seconds


def _accuracy(model: Mapping[str, Any]) -> float | Estimate:
    """The accuracy with its interval, where it has one: the range of two seeds is none."""
    accuracy = model["accuracy"]
    has_interval = "low" in accuracy and model.get("basis") != "range"
    return Estimate(**accuracy) if has_interval else float(accuracy["value"])


def second_minus_first(result: Difference) -> float | Estimate | None:
    """How much larger the second run's result is; None where a run lacks it.

    The interval joins the intervals of both (MOVER: Zou and Donner 2008, doi:10.1002/sim.3095) as if the runs were
    independent; on the same test reviews it is wider than it need be.
    """
    first, second = result.first, result.second
    if first is None or second is None:
        return None
    if not (isinstance(first, Estimate) and isinstance(second, Estimate)):
        return float(_value(second) - _value(first))
    change = second.value - first.value
    down = math.hypot(second.value - second.low, first.high - first.value)
    up = math.hypot(second.high - second.value, first.value - first.low)
    return Estimate(change, change - down, change + up)


def _value(result: float | Estimate) -> float:
    return result.value if isinstance(result, Estimate) else result
