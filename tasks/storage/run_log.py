"""The log of all runs, `outputs/history.parquet`, and the differences between two runs."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from filelock import FileLock
from pydantic import TypeAdapter

from tasks.results.comparison import Comparison
from tasks.results.errors import DataError
from tasks.results.run_log import RunSummary
from tasks.storage.files import atomic_path, read_json

FILE = "history.parquet"
# Each run has its own names of networks, settings and packages: these columns hold JSON.
JSON_COLUMNS = ["accuracies", "aucs", "durations", "settings", "versions"]
RENAMED = {"data.words": "data.vocabulary_size", "data.steps": "data.max_length"}  # In runs of earlier versions.


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
            pd.DataFrame([_row(run) for run in runs]).to_parquet(temporary, index=False)
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
        frame = pd.read_parquet(path)
        frame[JSON_COLUMNS] = frame[JSON_COLUMNS].map(json.loads)
        return TypeAdapter(list[RunSummary]).validate_python(frame.to_dict("records"))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"{path}: not a readable log of runs ({error}); move it away, and the next run starts a new one"
        ) from error


def _row(run: RunSummary) -> dict[str, Any]:
    return {name: json.dumps(value) if name in JSON_COLUMNS else value for name, value in vars(run).items()}


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


def compare_runs(first: Path, second: Path) -> RunComparison:
    """The inputs in which the runs in two folders differ, and all their results."""
    metrics = [read_json(run / "metrics.json") for run in (first, second)]
    inputs = _side_by_side(*(dict(_inputs(values)) for values in metrics))
    results = _side_by_side(*(dict(_results(values)) for values in metrics))
    return RunComparison([pair for pair in inputs if pair.first != pair.second], results)


def _side_by_side(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Difference]:
    return [Difference(name, first.get(name), second.get(name)) for name in dict.fromkeys([*first, *second])]


def _inputs(metrics: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in _leaves(metrics["settings"]):
        yield RENAMED.get(name, name), value
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


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The values of nested mappings, each under its dotted path."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
