"""Wall time of a run's steps."""

import time


class Clock:
    """Wall time of the steps of a run, in seconds, in their order."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._since = time.perf_counter()

    def lap(self, step: str) -> None:
        """The time since the last lap was spent on `step`; a step that is run again counts both times."""
        now = time.perf_counter()
        self.laps[step] = self.laps.get(step, 0.0) + now - self._since
        self._since = now
