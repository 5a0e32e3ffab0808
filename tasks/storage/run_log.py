"""Every run as a row of `outputs/history.parquet`, and what differs between two runs."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock
from pydantic import TypeAdapter

from tasks.results.comparison import Comparison
from tasks.results.errors import DataError
from tasks.results.run_log import HistoryRow
from tasks.storage.files import atomic_path, read_json

FILE = "history.parquet"
# Names of models, settings and packages differ between runs, so these are JSON in one column each.
TEXTS = ["accuracies", "aucs", "durations", "settings", "versions"]


def row_of(comparison: Comparison, ended: float) -> HistoryRow:
    """The run's row: mean test accuracies over seeds, and everything that one needs to know where they come from."""
    models = sorted(comparison.evidence.models, key=lambda model: comparison.models().index(model.name))
    return HistoryRow(
        run=comparison.run, ended=ended, data=comparison.dataset.title, fingerprint=comparison.dataset.fingerprint,
        seeds=len(comparison.branches) // len(models),
        accuracies={model.name: model.accuracy.value for model in models},
        aucs={model.name: model.auc for model in models},
        seconds=sum(comparison.durations.values()), durations=comparison.durations,
        settings=comparison.settings, versions=comparison.branches[0].machine.versions, command=comparison.command,
    )  # fmt: skip


def remember(outputs: Path, row: HistoryRow) -> list[HistoryRow]:
    """Append a row to the history, which concurrent runs share; gives all rows, oldest first."""
    path = outputs / FILE
    with FileLock(path.with_suffix(".lock")):
        rows = [*read_history(outputs), row]
        with atomic_path(path) as temporary:
            pd.DataFrame([_plain(one) for one in rows]).to_parquet(temporary, index=False)
    return rows


def read_history(outputs: Path) -> list[HistoryRow]:
    """All rows, oldest first; none where there is no history.

    Raises:
        DataError: the file is damaged.
    """
    path = outputs / FILE
    if not path.exists():
        return []
    try:
        frame = pd.read_parquet(path)
        frame[TEXTS] = frame[TEXTS].map(json.loads)
        return TypeAdapter(list[HistoryRow]).validate_python(frame.to_dict("records"))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(f"{path}: no readable history ({error}); move it away, and the next run begins one") from error


def _plain(row: HistoryRow) -> dict[str, Any]:
    return {name: json.dumps(value) if name in TEXTS else value for name, value in vars(row).items()}


def find_run(outputs: Path, name: str) -> Path:
    """The folder of a run, by its name or the start of it, or by "latest".

    Raises:
        DataError: no run or more than one has that name.
    """
    runs = sorted(path.parent for path in (outputs / "runs").glob("*/metrics.json"))
    if name == "latest" and runs:
        return (outputs / "latest").resolve()
    found = [run for run in runs if run.name.startswith(name)]
    if len(found) != 1:
        known = ", ".join(run.name for run in runs[-5:]) or "none"
        raise DataError(f"run {name}: {len(found)} runs in {outputs / 'runs'} start so; the newest are: {known}")
    return found[0]


def differences(first: Path, second: Path) -> tuple[list[tuple[str, Any, Any]], list[tuple[str, Any, Any]]]:
    """What differs between two runs' folders: settings, data and versions; and all results side by side."""
    one, other = (read_json(run / "metrics.json") for run in (first, second))
    causes, before = dict(_causes(one)), dict(_causes(other))
    changed = [
        (name, causes.get(name), before.get(name))
        for name in dict.fromkeys([*causes, *before])
        if causes.get(name) != before.get(name)
    ]
    mine, theirs = dict(_results(one)), dict(_results(other))
    return changed, [(name, mine.get(name), theirs.get(name)) for name in dict.fromkeys([*mine, *theirs])]


def _causes(metrics: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from _flat(metrics["settings"])
    yield "dataset", metrics["dataset"]["fingerprint"]
    yield "source", metrics["dataset"]["source"]["sha256"]
    for package, version in metrics["branches"][0]["machine"]["versions"].items():
        yield f"version of {package}", version


def _results(metrics: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for model in metrics["evidence"]["models"]:
        yield f"{model['name']}: test accuracy", model["accuracy"]["value"]
        yield f"{model['name']}: AUC", model["auc"]
        last = [branch["history"][-1] for branch in metrics["branches"] if branch["name"] == model["name"]]
        yield f"{model['name']}: validation accuracy", sum(epoch["val_accuracy"] for epoch in last) / len(last)
    for step, seconds in metrics["durations"].items():
        yield f"seconds: {step}", seconds


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
