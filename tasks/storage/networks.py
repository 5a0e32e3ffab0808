"""Finds a trained network by the name a user gives: a run, the champion, a hash in the registry, or a folder."""

from pathlib import Path
from typing import NamedTuple

from tasks.errors import DataError
from tasks.results.scoring import ScoringNetwork
from tasks.storage.files import read_json
from tasks.storage.layout import DATA, LATEST, MANIFEST, NETWORK, TEST, TRAIN, VOCABULARY, WORD_INDEX
from tasks.storage.paths import below
from tasks.storage.registry import Registry, folder_hash
from tasks.storage.runs import find_run, finished_runs, read_run

NAMES = 'give "latest", the name of a run, RUN:NETWORK, "champion", a hash in the registry, or a folder'


class Trained(NamedTuple):
    """A network's folder, and the prepared reviews it was trained and tested on."""

    folder: Path
    train: Path
    test: Path

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
    folder = find_folder(outputs, name)
    if (folder / MANIFEST).is_file() or (folder / TEST).is_file():  # The registry stores networks with their data.
        return Trained(folder, folder / TRAIN, folder / TEST)
    data = _dataset(outputs, folder)
    if not (data / TEST).is_file():
        raise DataError(f"{folder}: found no {TEST} in it or in {data}; repeat the run, or name the champion")
    return Trained(folder, data / TRAIN, data / TEST)


def find_scoring_network(outputs: Path, name: str) -> ScoringNetwork:
    """Find a network by name, with the words it reads; a copy of its folder is enough.

    Args:
        outputs: the folder that contains the runs and the registry.
        name: as in `find_folder`.

    Raises:
        DataError: there is no such network, its files have changed, or its words are missing.
    """
    folder = find_folder(outputs, name)
    places = (folder / WORD_INDEX, _dataset(outputs, folder) / WORD_INDEX, folder / VOCABULARY)
    words = next((path for path in places if path.is_file()), None)
    if words is None:
        raise DataError(f"{folder}: found neither {WORD_INDEX} nor {VOCABULARY} in it; copy the whole folder")
    return ScoringNetwork(folder, words, folder_hash(folder))


def find_folder(outputs: Path, name: str) -> Path:
    """Find the folder of a network.

    Args:
        outputs: the folder that contains the runs and the registry.
        name: "latest" or the start of a run's name, for the best network of that run by validation; the same followed
            by ":" and the name of a network of that run; "champion"; the start of a hash in the registry; or the path
            of a folder.

    Raises:
        DataError: there is no such network, or its files have changed.
    """
    registry = Registry(outputs)
    if name == "champion":
        champion = registry.champion()
        if champion is None:
            raise DataError(
                f"{registry.root}: no champion yet; promote the newest run with `uv run flows/main.py promote latest`, "
                "or name a network's folder"
            )
        return _in_registry(registry, champion.network)
    if (Path(name) / NETWORK).is_file():
        return Path(name)
    run, _, model = name.partition(":")
    matches = [network for network in registry.networks() if name and network.startswith(name)]
    runs = [path.name for path in finished_runs(outputs)]
    if run == LATEST or (run and any(name.startswith(run) for name in runs)):
        if matches:
            raise DataError(f"--model {name}: found a run and a network of the registry; give more of the name")
        return read_run(find_run(outputs, run)).candidate(model or None).folder
    if len(matches) != 1:
        known = ", ".join(registry.networks()) or "none"
        found = "no such network" if not matches else "several networks have hashes that start with it"
        found = "found no network.json in this folder" if name and Path(name).is_dir() else found
        raise DataError(f"--model {name}: {found}; {NAMES} (the registry has: {known})")
    return _in_registry(registry, matches[0])


def _in_registry(registry: Registry, network: str) -> Path:
    registry.verify(network)
    return registry.folder(network)


def _dataset(outputs: Path, folder: Path) -> Path:
    """The folder of a network's prepared data, which may be missing."""
    path = folder / NETWORK
    try:
        return below(outputs / DATA, str(read_json(path).get("dataset", {}).get("fingerprint")))
    except (OSError, ValueError, AttributeError) as error:
        raise DataError(f"{path}: no readable description of a network; train it again") from error
