"""Checkpoints: everything that an interrupted training resumes from, in one file."""

import zipfile
import zlib
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.results.training import Epoch
from tasks.storage.files import atomic_path

HISTORY = "history"


@dataclass(frozen=True)
class Checkpoint:
    """What training needs to resume after an epoch.

    Attributes:
        state: the learner's state as named arrays.
        history: the epochs completed so far.
    """

    state: dict[str, NDArray[Any]]
    history: tuple[Epoch, ...]

    def write(self, path: Path) -> None:
        """Write the checkpoint, atomically."""
        epochs = np.array([astuple(epoch) for epoch in self.history])
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **{HISTORY: epochs}, **self.state)

    @classmethod
    def read(cls, path: Path) -> "Checkpoint | None":
        """The checkpoint that `write` wrote; None if there is none that can be read."""
        try:
            with np.load(path, allow_pickle=False) as file:
                state = dict(file)
            rows = state.pop(HISTORY)
            return cls(state, tuple(Epoch(int(row[0]), *map(float, row[1:])) for row in rows))
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error):
            return None
