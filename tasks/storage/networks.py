"""Finds a trained network by the name a user gives: a run, the champion, a hash in the registry, or a folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tasks.errors import DataError
from tasks.results.data import SAMPLE_TITLE
from tasks.results.scoring import ScoringNetwork, ThresholdChoice, Toy
from tasks.results.training import THRESHOLD
from tasks.storage.files import read_json
from tasks.storage.layout import DATA, LATEST, MANIFEST, NETWORK, RUNS, TEST, TRAIN, VOCABULARY, WORD_INDEX
from tasks.storage.paths import below
from tasks.storage.registry import Registry, folder_hash
from tasks.storage.runs import FinishedRun, find_run, finished_runs, is_smoke, read_run

NAMES = 'give "auto", "champion", "latest", the name of a run, RUN:NETWORK, a hash in the registry, or a folder'

AUTO, CHAMPION = "auto", "champion"


class Trained(NamedTuple):
    """A network's folder, and the prepared reviews it was trained and tested on; `toy` is as in `ScoringNetwork`."""

    folder: Path
    train: Path
    test: Path
    toy: Toy | None = None

    @property
    def word_index(self) -> Path:
        """The file with all ranked words; absent if the data came without words."""
        return self.test.parent / WORD_INDEX


def find_network(outputs: Path, name: str) -> Trained:
    """Find a network by name, with its data.

    Args:
        outputs: the folder that contains the runs and the registry.
        name: as in `find_folder`.

    Raises:
        DataError: there is no such network, its files have changed, or its data are missing.
    """
    found = _find(outputs, name)
    folder = found.folder
    if (folder / MANIFEST).is_file() or (folder / TEST).is_file():  # The registry stores networks with their data.
        return Trained(folder, folder / TRAIN, folder / TEST, found.toy())
    data = _dataset(outputs, folder)
    if not (data / TEST).is_file():
        raise DataError(f"{folder}: found no {TEST} in it or in {data}; repeat the run, or name the champion")
    return Trained(folder, data / TRAIN, data / TEST, found.toy())


def find_scoring_network(outputs: Path, name: str, threshold: ThresholdChoice = THRESHOLD) -> ScoringNetwork:
    """Find a network by name, with the words it reads; a copy of its folder is enough.

    Args:
        outputs: the folder that contains the runs and the registry.
        name: as in `find_folder`.
        threshold: texts with a probability above this get the positive label; "best": the network's own one, with the
            best balanced accuracy on its validation reviews.

    Raises:
        DataError: there is no such network, its files have changed, its words are missing, or it has no threshold.
    """
    found = _find(outputs, name)
    value = _best_threshold(found.folder) if threshold == "best" else threshold
    if not 0 <= value <= 1:
        raise DataError(f"--threshold {value:g}: expected best, or a number from 0 to 1")
    folder = found.folder
    places = (folder / WORD_INDEX, _dataset(outputs, folder) / WORD_INDEX, folder / VOCABULARY)
    words = next((path for path in places if path.is_file()), None)
    if words is None:
        raise DataError(f"{folder}: found neither {WORD_INDEX} nor {VOCABULARY} in it; copy the whole folder")
    return ScoringNetwork(folder, words, folder_hash(folder), found.run, found.data, found.toy(), value)


def _best_threshold(folder: Path) -> float:
    threshold = _description(folder).get("threshold")
    if isinstance(threshold, bool) or not isinstance(threshold, int | float):
        raise DataError(
            f"--threshold best: {folder / NETWORK} has no threshold, as networks of earlier versions; train the "
            "network again, or give a number"
        )
    return float(threshold)


class _Found(NamedTuple):
    """A network's folder and, if it is known, the run that trained it."""

    folder: Path
    run: str | None = None
    settings: Mapping[str, Any] = {}

    @property
    def data(self) -> str:
        """The title of the data that it was trained on; empty if it is not known."""
        if not (self.folder / NETWORK).is_file():
            return ""
        return str(_description(self.folder).get("dataset", {}).get("title", ""))

    def toy(self) -> Toy | None:
        """Why it says nothing about real texts: a smoke run trained it, or it has read only the bundled sample."""
        if is_smoke(self.settings):
            return "smoke"
        return "sample" if self.data == SAMPLE_TITLE else None


def find_folder(outputs: Path, name: str) -> Path:
    """Find the folder of a network.

    Args:
        outputs: the folder that contains the runs and the registry.
        name: "auto" for the champion or, before the first promotion, the best network of the newest run by validation,
            smoke runs and runs on the bundled sample last; "champion"; "latest" or the start of a run's name, for the
            best network of that run by validation; the same followed by ":" and the name of a network of that run; the
            start of a hash in the registry; or the path of a folder.

    Raises:
        DataError: there is no such network, or its files have changed.
    """
    return _find(outputs, name).folder


def _find(outputs: Path, name: str) -> _Found:
    registry = Registry(outputs)
    if name in (AUTO, CHAMPION):
        champion = registry.champion()
        if champion is not None:
            return _Found(_in_registry(registry, champion.network), champion.run, champion.settings)
        if name == CHAMPION:
            raise DataError(
                f"{registry.root}: no champion yet; promote the newest run with `uv run flows/main.py promote latest`, "
                "or name a network's folder"
            )
        return _of_run(_newest_run(outputs), None)
    if (Path(name) / NETWORK).is_file():
        return _Found(Path(name))
    run, _, model = name.partition(":")
    matches = [network for network in registry.networks() if name and network.startswith(name)]
    runs = [path.name for path in finished_runs(outputs)]
    if run == LATEST or (run and any(name.startswith(run) for name in runs)):
        if matches:
            raise DataError(f"--model {name}: found a run and a network of the registry; give more of the name")
        return _of_run(read_run(find_run(outputs, run)), model or None)
    if len(matches) != 1:
        known = ", ".join(registry.networks()) or "none"
        found = "no such network" if not matches else "several networks have hashes that start with it"
        found = "found no network.json in this folder" if name and Path(name).is_dir() else found
        raise DataError(f"--model {name}: {found}; {NAMES} (the registry has: {known})")
    return _Found(_in_registry(registry, matches[0]))


def _of_run(run: FinishedRun, model: str | None) -> _Found:
    return _Found(run.candidate(model).folder, run.name, run.settings)


def _newest_run(outputs: Path) -> FinishedRun:
    """The newest run that is neither a smoke run nor on the bundled sample; without one, the newest.

    Raises:
        DataError: there is no finished run that can be read.
    """
    newest: FinishedRun | None = None
    for folder in reversed(finished_runs(outputs)):
        try:
            run = read_run(folder)
        except DataError:
            continue
        if run.is_real:
            return run
        newest = newest or run
    if newest is None:
        raise DataError(f"{outputs / RUNS}: no finished run yet; train networks with `uv run flows/main.py` first")
    return newest


def _in_registry(registry: Registry, network: str) -> Path:
    registry.verify(network)
    return registry.folder(network)


def _dataset(outputs: Path, folder: Path) -> Path:
    """The folder of a network's prepared data, which may be missing."""
    return below(outputs / DATA, str(_description(folder).get("dataset", {}).get("fingerprint")))


def _description(folder: Path) -> dict[str, Any]:
    """The content of a network's `network.json`.

    Raises:
        DataError: it cannot be read.
    """
    path = folder / NETWORK
    try:
        description: dict[str, Any] = read_json(path)
        description.get("dataset", {}).get("fingerprint")
    except (OSError, ValueError, AttributeError) as error:
        raise DataError(f"{path}: no readable description of a network; train it again") from error
    return description
