"""Where a trained network lies that a user names: the champion, one of the registry, or a folder."""

from pathlib import Path
from typing import NamedTuple

from tasks.results.errors import DataError
from tasks.storage.files import read_json
from tasks.storage.registry import Registry


class Trained(NamedTuple):
    """A network's folder, and the prepared reviews that it learned from and was tested on."""

    folder: Path
    train: Path
    test: Path

    @property
    def word_index(self) -> Path:
        """Where all words with a rank stand; data that came without words have no such file."""
        return self.test.parent / "word_index.json"


def find_network(outputs: Path, name: str) -> Trained:
    """A network by its name.

    Args:
        outputs: the folder above the registry.
        name: "champion", the start of a network's hash in the registry, or the path of a network's folder.

    Raises:
        DataError: there is no such network, its files were changed, or its data are gone.
    """
    registry = Registry(outputs)
    if name == "champion":
        champion = registry.champion()
        if champion is None:
            raise DataError(f"{registry.root}: no champion yet; promote a run with `promote RUN`, or name a folder")
        return _in_registry(registry, champion.network)
    if (Path(name) / "network.json").is_file():
        return _in_folder(outputs, Path(name))
    matches = [network for network in registry.networks() if name and network.startswith(name)]
    if len(matches) != 1:
        known = ", ".join(registry.networks()) or "none"
        raise DataError(
            f'network {name!r}: found {len(matches)}, expected one; give "champion", a folder with network.json, or '
            f"one of the registry ({known})"
        )
    return _in_registry(registry, matches[0])


def _in_registry(registry: Registry, network: str) -> Trained:
    registry.verify(network)
    folder = registry.folder(network)
    return Trained(folder, folder / "train.parquet", folder / "test.parquet")


def _in_folder(outputs: Path, folder: Path) -> Trained:
    """A folder of `outputs/models`, whose data are in `outputs/data`, or a copy of one of the registry."""
    dataset = outputs / "data" / str(read_json(folder / "network.json").get("dataset", {}).get("fingerprint"))
    places = [place for place in (folder, dataset) if (place / "test.parquet").is_file()]
    if not places:
        raise DataError(f"{folder}: found no test.parquet in it or in {dataset}; repeat the run, or name the champion")
    return Trained(folder, places[0] / "train.parquet", places[0] / "test.parquet")
