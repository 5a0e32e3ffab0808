"""Runs on disk: the record that the program reads back, and the removal of old runs and their networks."""

import os
import shutil
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from tasks.errors import UNREADABLE, DataError
from tasks.machine import process_start, project
from tasks.results.comparison import Comparison, ModelSummary
from tasks.results.data import Dataset
from tasks.results.sizes import SizeCurves
from tasks.results.training import Branch, best_epoch
from tasks.storage.files import is_whole, locked, read_json, remove, write_json
from tasks.storage.layout import FIGURES, IN_USE, LATEST, MODELS, PROMOTED, RECORD, RUN, RUNS
from tasks.storage.paths import located_in, relative_to, resolved

SCHEMA = 1  # The version of `run.json`; increase it when the format changes.
RETENTION_LOCK = Path(RUNS) / "retention.lock"
# A run on another host, which cannot be checked, counts as alive for this long.
LONGEST_RUN_SECONDS = 7 * 24 * 3600.0
# Another run may be about to copy figures drawn this recently.
DRAWN_SECONDS = 3600.0


def is_smoke(settings: Mapping[str, Any]) -> bool:
    """Whether these are the settings of a smoke run; they come from a file, so that they may be anything."""
    run = settings.get("run")
    return isinstance(run, Mapping) and bool(run.get("smoke"))


@dataclass(frozen=True)
class FinishedRun:
    """A finished run, as stored in `run.json`.

    Attributes:
        name: the name of its folder.
        dataset: the dataset its networks were trained on.
        branches: its networks.
        models: the test accuracies of its networks, over their seeds.
        settings: its settings, as nested JSON values.
        command: the command line that repeats it.
        durations: the wall time of each step, in seconds.
        others: the folders of further networks that it used, such as those of subsets.
        sizes: its networks trained on fewer reviews; None without `--training-sizes`.
    """

    name: str
    dataset: Dataset
    branches: tuple[Branch, ...]
    models: tuple[ModelSummary, ...]
    settings: dict[str, Any]
    command: str
    durations: dict[str, float]
    others: tuple[Path, ...] = ()
    sizes: SizeCurves | None = None

    @property
    def is_real(self) -> bool:
        """Whether its networks may be of use: no smoke run, and real reviews."""
        return not is_smoke(self.settings) and not self.dataset.is_sample

    def candidate(self, model: str | None) -> Branch:
        """Return the first branch with the best balanced validation accuracy in any epoch; test reviews are not used.

        Args:
            model: consider only branches of the network with this name; None for all.

        Raises:
            DataError: there is no such branch, or its files have changed.
        """
        branches = [branch for branch in self.branches if model in (None, branch.name)]
        if not branches:
            names = ", ".join(dict.fromkeys(branch.name for branch in self.branches))
            raise DataError(f"run {self.name}: found the networks {names}, no {model}; choose one of them")
        best = max(branches, key=lambda branch: best_epoch(branch.history).rank)
        if not is_whole(best):
            raise DataError(f"{best.folder}: files are missing or were changed; train {best.label} again")
        return best


def write_run(folder: Path, comparison: Comparison, others: Sequence[Path] = ()) -> FinishedRun:
    """Write `run.json` to a run's folder, and return it. A folder with this file is that of a finished run.

    Args:
        folder: the run's folder.
        comparison: the run's results.
        others: the folders of further networks that the run used, besides those of subsets.
    """
    of_subsets = comparison.sizes.folders() if comparison.sizes else ()
    run = FinishedRun(
        name=comparison.run,
        dataset=comparison.dataset,
        branches=comparison.branches,
        models=comparison.evidence.models,
        settings=comparison.settings,
        command=comparison.command,
        durations=comparison.durations,
        others=tuple(dict.fromkeys((*others, *of_subsets))),
        sizes=comparison.sizes,
    )
    write_finished_run(folder, run)
    return run


def write_finished_run(folder: Path, run: FinishedRun) -> None:
    """Write a run's record to its folder."""
    fields = to_jsonable_python(relative_to(_outputs_of(folder), run))
    write_json(folder / RUN, {"schema": SCHEMA, "version": project().version, "run": fields})


def read_run(folder: Path) -> FinishedRun:
    """Read the run in a folder below `outputs/runs`.

    Raises:
        DataError: the folder has no readable `run.json`, or the run has no trained networks.
    """
    path = folder / RUN
    try:
        content = read_json(path)
        if content["schema"] != SCHEMA:
            raise DataError(f"{path}: found schema {content['schema']}, expected {SCHEMA}; repeat the run")
        run = located_in(_outputs_of(folder), TypeAdapter(FinishedRun).validate_python(content["run"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: no readable description of a run; give the name of a finished run") from error
    trained = {branch.name for branch in run.branches if branch.history}
    if not trained or trained != {model.name for model in run.models} | {branch.name for branch in run.branches}:
        raise DataError(f"{path}: names no trained network; repeat the run")
    return run


def _outputs_of(run: Path) -> Path:
    """The outputs folder of a run's folder, which may be a link to it."""
    return resolved(run).parents[1]


def finished_runs(outputs: Path) -> list[Path]:
    """List the folders of all finished runs, oldest first."""
    return sorted(path.parent for path in (outputs / RUNS).glob(f"*/{RUN}"))


def find_run(outputs: Path, name: str) -> Path:
    """Find the folder of a finished run by its name, the start of its name, or "latest".

    Raises:
        DataError: no run or several runs match.
    """
    runs = finished_runs(outputs)
    if name == LATEST and runs:
        return resolved(outputs / LATEST)
    matches = [run for run in runs if run.name.startswith(name)]
    if len(matches) != 1:
        newest = ", ".join(run.name for run in runs[-5:]) or "none"
        raise DataError(
            f"run {name}: {len(matches)} runs in {outputs / RUNS} match, expected one; the newest are: {newest}"
        )
    return matches[0]


def last_command(outputs: Path) -> str | None:
    """Return the command line of the newest finished run; None if there is none."""
    try:
        return read_run(outputs / LATEST).command
    except DataError:
        return None


@contextmanager
def in_use(run: Path, networks: Sequence[Path]) -> Iterator[None]:
    """During the block, keep a record of the networks that a run uses, so that `keep_last` in another run keeps them.

    If the run's folder is empty afterwards, it is removed.
    """
    mark_in_use(run, networks)
    try:
        yield
    finally:
        remove(run / IN_USE)
        if not any(run.iterdir()):
            run.rmdir()


def mark_in_use(run: Path, networks: Sequence[Path]) -> None:
    """Write which networks a run uses, within `in_use`."""
    with locked(run.parents[1] / RETENTION_LOCK):
        write_json(
            run / IN_USE,
            {
                "host": socket.gethostname(),
                "process": os.getpid(),
                "process_start": process_start(os.getpid()),
                "marked": time.time(),
                "networks": [str(network.resolve()) for network in networks],
            },
        )


def keep_last(outputs: Path, count: int) -> list[str]:
    """Remove all but the newest `count` runs; return the names of the removed ones.

    Never removed are the targets of `outputs/latest` and `outputs/promoted`, a run without a readable `run.json` (it
    may still be in progress, or be damaged), and a network that is being trained, is in use by a run in progress, or
    was used by a remaining run; no network at all while the record of a remaining run is damaged.
    """
    outputs = outputs.resolve()
    with locked(outputs / RETENTION_LOCK):
        runs = finished_runs(outputs)[::-1]
        protected = {resolved(outputs / link) for link in (LATEST, PROMOTED) if (outputs / link).exists()}
        networks = {run: _networks(run) for run in runs}
        old = [run for run in runs[count:] if resolved(run) not in protected and networks[run]]
        candidates = {network for run in old for network in networks[run] if network.parent == outputs / MODELS}
        for run in old:
            remove(run)
        remaining = [run for run in runs if run not in old]
        used = {network for run in remaining for network in networks[run]}
        if all(networks[run] for run in remaining):  # A run whose record is damaged may use any network.
            for network in candidates - used - protected - _networks_in_use(outputs):
                _remove_network(network)
        _remove_figures(outputs / FIGURES, count)
    return sorted(run.name for run in old)


def _remove_figures(figures: Path, count: int) -> None:
    """Remove all but the newest `count` kept sets of figures; every report has its own copies."""
    newest_first = sorted(figures.glob(f"*/{RECORD}"), key=lambda record: record.stat().st_mtime, reverse=True)
    for record in newest_first[count:]:
        if time.time() - record.stat().st_mtime > DRAWN_SECONDS:
            remove(record.parent)


def _networks(run: Path) -> list[Path]:
    """The networks of a run; none if its record is damaged."""
    try:
        found = read_run(run)
        return [resolved(folder) for folder in (*(branch.folder for branch in found.branches), *found.others)]
    except DataError:
        return []


def _networks_in_use(outputs: Path) -> set[Path]:
    """The networks of all runs in progress."""
    used: set[Path] = set()
    for path in (outputs / RUNS).glob(f"*/{IN_USE}"):
        with suppress(*UNREADABLE):  # A run writes its mark whole; others are damaged.
            mark = read_json(path)
            if _is_under_way(mark):
                used |= {Path(network) for network in mark["networks"]}
    return used


def _is_under_way(mark: dict[str, object]) -> bool:
    if mark["host"] != socket.gethostname():
        return time.time() - float(str(mark["marked"])) < LONGEST_RUN_SECONDS
    return process_start(int(str(mark["process"]))) == mark["process_start"]


def _remove_network(network: Path) -> None:
    try:
        with FileLock(network.with_suffix(".lock"), timeout=0):
            shutil.rmtree(network, ignore_errors=True)
    except Timeout:
        return  # Another run is training it.
