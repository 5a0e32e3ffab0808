"""Files written during training: checkpoints to resume from, and a journal that other processes can follow."""

import json
import time
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.results.training import Epoch
from tasks.storage.files import atomic_path, check_regular

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

    def fits(self, state: Mapping[str, NDArray[Any]], epochs: int) -> bool:
        """Whether training with this state and this number of epochs can resume from the checkpoint."""
        kinds, expected = (
            {name: (array.shape, array.dtype) for name, array in each.items()} for each in (self.state, state)
        )
        numbers = [epoch.epoch for epoch in self.history]
        return kinds == expected and 0 < len(numbers) <= epochs and numbers == list(range(1, len(numbers) + 1))

    def write(self, path: Path) -> None:
        """Write the checkpoint atomically."""
        epochs = np.array([astuple(epoch) for epoch in self.history])
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **{HISTORY: epochs}, **self.state)

    @classmethod
    def read(cls, path: Path) -> "Checkpoint | None":
        """Read a checkpoint that `write` wrote; None if there is none or it cannot be read."""
        if not path.is_file():
            return None
        try:
            with zipfile.ZipFile(path) as archive:
                if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
                    return None  # `write` compresses nothing: a few bytes could unpack to any size.
            with np.load(path, allow_pickle=False) as file:
                state = dict(file)
            rows = state.pop(HISTORY)
            return cls(state, tuple(Epoch(int(row[0]), *map(float, row[1:])) for row in rows))
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error):
            return None


class Journal:
    """Appends events to `path`. A link there is removed; its target does not change.

    Raises:
        DataError: there is a folder or a pipe at `path`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = 0.0
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink():
            path.unlink()
        check_regular(path, str(path))

    def write(self, **event: Any) -> None:
        """Append an event with the current time."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"time": time.time(), **event}) + "\n")

    def write_seldom(self, **event: Any) -> None:
        """Append an event, unless this method wrote one in the last quarter of a second."""
        if time.monotonic() - self._last > 0.25:
            self._last = time.monotonic()
            self.write(**event)


class JournalReader:
    """Reads the events appended after its creation. A line that is still being written is left for the next call."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = path.stat().st_size if path.exists() else 0

    def new_events(self) -> list[dict[str, Any]]:
        """Return the events since the last call, oldest first, without damaged lines; none while there is no file."""
        if not self._path.is_file():
            return []
        try:
            with self._path.open("rb") as file:
                if file.seek(0, 2) < self._offset:
                    self._offset = 0
                file.seek(self._offset)
                content = file.read()
        except FileNotFoundError:
            return []
        complete = content[: content.rfind(b"\n") + 1]
        self._offset += len(complete)
        return [event for line in complete.splitlines() if (event := _event(line))]


def _event(line: bytes) -> dict[str, Any] | None:
    """The event in a line; None if the line is damaged."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None
