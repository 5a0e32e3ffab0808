"""The progress of a branch in training: a file with one JSON object per line, which any process can follow."""

import json
import time
from pathlib import Path
from typing import Any


class Journal:
    """Appends events to `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = 0.0
        path.parent.mkdir(parents=True, exist_ok=True)

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
    """Reads the events that are appended from now on. A line that is still being written waits for the next call."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = path.stat().st_size if path.exists() else 0

    def new_events(self) -> list[dict[str, Any]]:
        """The events since the last call, oldest first; none while the file does not exist."""
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
        return [json.loads(line) for line in complete.splitlines()]
