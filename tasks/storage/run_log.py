"""The log of all runs, `outputs/history.parquet`, and the differences between two runs."""

import json
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock
from pydantic import TypeAdapter

from tasks.errors import UNREADABLE, DataError, shortened
from tasks.results.comparison import ModelSummary
from tasks.results.run_summary import RunComparison, RunDifference, RunSummary, flat
from tasks.results.training import Estimate
from tasks.storage.files import atomic_path, check_regular, parsed_json
from tasks.storage.layout import RUN_LOG
from tasks.storage.runs import FinishedRun

NUMBERS, TEXTS = pa.map_(pa.string(), pa.float64()), pa.map_(pa.string(), pa.string())

SCHEMA = pa.schema({
    "run": pa.string(),
    "ended": pa.timestamp("us", tz="UTC"),
    "data": pa.string(),
    "fingerprint": pa.string(),
    "seeds": pa.int64(),
    "accuracies": NUMBERS,
    "seconds": pa.float64(),
    "durations": NUMBERS,
    "settings": pa.string(),  # JSON: the settings are nested and have many types.
    "versions": TEXTS,
    "command": pa.string(),
    "balanced": NUMBERS,
    "f1": NUMBERS,
    "area": NUMBERS,
    "rarer_test_share": pa.float64(),
})  # fmt: skip


def summarize(run: FinishedRun, ended: float) -> RunSummary:
    """Summarize a run: mean test accuracies over seeds, and all the inputs they depend on."""
    uneven, names = run.dataset.is_uneven, [branch.name for branch in run.branches]
    models = sorted(run.models, key=lambda model: names.index(model.name))  # In the order of the settings.
    scores = {model.name: model.by_label for model in models if model.by_label and uneven}
    return RunSummary(
        run=run.name,
        ended=ended,
        data=run.dataset.title,
        fingerprint=run.dataset.fingerprint,
        seeds=len(names) // len(models),
        accuracies={model.name: model.accuracy.value for model in models},
        seconds=sum(run.durations.values()),
        durations=run.durations,
        settings=run.settings,
        versions=run.branches[0].machine.versions,
        command=run.command,
        balanced={name: each.balanced.value for name, each in scores.items()},
        f1={name: each.f1 for name, each in scores.items()},
        area={name: each.area for name, each in scores.items()},
        rarer_test_share=run.dataset.rarer_test_share if uneven else 0.0,
    )


def append_to_run_log(outputs: Path, summary: RunSummary) -> list[RunSummary]:
    """Append a run to the log, which concurrent runs share; return all runs, oldest first."""
    path = outputs / RUN_LOG
    with FileLock(path.with_suffix(".lock")):
        runs = [*read_run_log(outputs), summary]
        with atomic_path(path) as temporary:
            pq.write_table(pa.Table.from_pylist([_row(run) for run in runs], SCHEMA), temporary)
    return runs


def read_run_log(outputs: Path) -> list[RunSummary]:
    """Read all runs, oldest first; empty if there is no log.

    Raises:
        DataError: the file is damaged.
    """
    path = outputs / RUN_LOG
    if not path.exists():
        return []
    try:
        check_regular(path, RUN_LOG)
        return TypeAdapter(list[RunSummary]).validate_python(list(map(_values, pq.read_table(path).to_pylist())))
    except (*UNREADABLE, DataError) as error:
        raise DataError(
            f"{path}: not a readable log of runs ({shortened(error)}); move it away, and the next run starts a new one"
        ) from error


def _row(run: RunSummary) -> dict[str, Any]:
    return vars(run) | {"settings": json.dumps(run.settings), "ended": datetime.fromtimestamp(run.ended, UTC)}


def _values(row: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a row of the file to the fields of a `RunSummary`."""
    # Logs of earlier versions lack the scores of uneven labels.
    maps = ("accuracies", "durations", "versions", "balanced", "f1", "area")
    return {
        **row,
        **{name: dict(row.get(name) or ()) for name in maps},
        "rarer_test_share": row.get("rarer_test_share") or 0.0,
        "settings": parsed_json(row["settings"]),
        "ended": row["ended"].timestamp(),
    }


def compare_runs(first: FinishedRun, second: FinishedRun) -> RunComparison:
    """Return the inputs in which two runs differ, and all their results."""
    inputs, results = (
        [
            RunDifference(name, before.get(name), after.get(name), _change(before.get(name), after.get(name)))
            for name in dict.fromkeys([*before, *after])
        ]
        for before, after in (
            (dict(_inputs(first)), dict(_inputs(second))),
            (dict(_results(first)), dict(_results(second))),
        )
    )
    changed = [difference._replace(change=None) for difference in inputs if difference.first != difference.second]
    return RunComparison((first.name, second.name), changed, results)


def _inputs(run: FinishedRun) -> Iterator[tuple[str, Any]]:
    yield from flat(run.settings).items()
    yield "dataset", run.dataset.fingerprint
    yield "source", run.dataset.source.sha256
    for package, version in run.branches[0].machine.versions.items():
        yield f"version of {package}", version


def _results(run: FinishedRun) -> Iterator[tuple[str, float | Estimate]]:
    for model in run.models:
        yield f"{model.name}: test accuracy", _accuracy(model)
        yield f"{model.name}: AUC", model.auc
        if model.by_label:
            yield f"{model.name}: balanced test accuracy, best epoch", model.by_label.balanced.value
        last = [branch.history[-1].val_accuracy for branch in run.branches if branch.name == model.name]
        yield f"{model.name}: validation accuracy", sum(last) / len(last)
    for point in run.sizes.points if run.sizes else ():
        accuracy = point.accuracy.value if point.seeds == 2 else point.accuracy  # A range over two seeds, as above.
        yield f"{point.name}: test accuracy after training on {point.size:,} reviews, best epoch", accuracy
    for step, seconds in run.durations.items():
        yield f"seconds: {step}", seconds


def _accuracy(model: ModelSummary) -> float | Estimate:
    """The accuracy, with its confidence interval if it has one; a range over seeds is not a confidence interval."""
    return model.accuracy.value if model.basis == "range" else model.accuracy


def _change(first: Any, second: Any) -> float | Estimate | None:
    """The second result minus the first; None if a run lacks the result or the result is not a number.

    The interval of the difference combines those of both results (MOVER: Zou and Donner 2008, doi:10.1002/sim.3095) as
    if the runs were independent; for the same test reviews, it is wider than necessary.
    """
    if not (isinstance(first, float | Estimate) and isinstance(second, float | Estimate)):
        return None
    if not (isinstance(first, Estimate) and isinstance(second, Estimate)):
        return float(_value(second) - _value(first))
    change = second.value - first.value
    down = math.hypot(second.value - second.low, first.high - first.value)
    up = math.hypot(second.high - second.value, first.value - first.low)
    return Estimate(change, change - down, change + up)


def _value(result: float | Estimate) -> float:
    return result.value if isinstance(result, Estimate) else result
