"""A finished run, read from its folder, and the network of it that is a candidate for promotion."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from tasks.results.data import Dataset
from tasks.results.errors import DataError
from tasks.results.training import Branch
from tasks.storage.files import is_whole, read_json


@dataclass(frozen=True)
class FinishedRun:
    """What a run left: its networks, the data that they learned from, its settings."""

    name: str
    dataset: Dataset
    branches: tuple[Branch, ...]
    settings: dict[str, Any]

    def candidate(self, model: str | None) -> Branch:
        """The branch with the best validation accuracy at any epoch, the first of equals; test reviews play no part.

        Args:
            model: only branches of the network with this name; None: all.

        Raises:
            DataError: there is no such branch, or its files were changed.
        """
        branches = [branch for branch in self.branches if model in (None, branch.name)]
        if not branches:
            names = ", ".join(dict.fromkeys(branch.name for branch in self.branches))
            raise DataError(f"run {self.name}: found the networks {names}, no {model}; choose one of them")
        best = max(branches, key=best_validation)
        if not is_whole(best):
            raise DataError(f"{best.folder}: files are missing or were changed; train {best.label} again")
        return best


def best_validation(branch: Branch) -> float:
    """The validation accuracy of `best.keras`."""
    return max(epoch.val_accuracy for epoch in branch.history)


def read_run(folder: Path) -> FinishedRun:
    """The run in a folder below `outputs/runs`.

    Raises:
        DataError: the folder holds no readable `metrics.json`.
    """
    path = folder / "metrics.json"
    try:
        metrics = read_json(path)
        dataset = TypeAdapter(Dataset).validate_python(metrics["dataset"])
        branches = TypeAdapter(tuple[Branch, ...]).validate_python(metrics["branches"])
        return FinishedRun(folder.name, dataset, branches, metrics["settings"])
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        raise DataError(f"{path}: no readable description of a run; give the name of a finished run") from error
