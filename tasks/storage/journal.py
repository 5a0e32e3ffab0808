"""What a branch tells while it trains: one JSON object a line, appended to a file that any process can follow."""

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
        """Append an event, with the time."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"time": time.time(), **event}) + "\n")

    def write_seldom(self, **event: Any) -> None:
        """Append an event unless one went out in the last quarter of a second."""
        if time.monotonic() - self._last > 0.25:
            self._last = time.monotonic()
            self.write(**event)


class JournalReader:
    """Gives the events that were appended since the reader was made; a line still being written waits."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = path.stat().st_size if path.exists() else 0

    def new_events(self) -> list[dict[str, Any]]:
        """The new events, oldest first; none while there is no file."""
        try:
            with self._path.open("rb") as file:
                if file.seek(0, 2) < self._offset:
                    self._offset = 0
                file.seek(self._offset)
                content = file.read()
        except FileNotFoundError:
            return []
        whole = content[: content.rfind(b"\n") + 1]
        self._offset += len(whole)
        return [json.loads(line) for line in whole.splitlines()]
