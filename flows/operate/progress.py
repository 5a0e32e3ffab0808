"""Follows a run's steps and the training of its branches, and shows them in the terminal and in the UI."""

import contextvars
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from prefect.logging import get_run_logger

from flows.operate.terminal import Bars, Lines, terminal_view
from flows.operate.ui import ArtifactView
from tasks.job import Job
from tasks.storage.journal import JournalReader

POLL_SECONDS = 0.25


class View(Protocol):
    """Shows the progress of branches."""

    def show(self, job: Job, event: dict[str, Any]) -> None:
        """Show an event from the journal of a branch."""


class Board:
    """Where a run notes what becomes of its steps. The terminal shows it while `watched` lasts."""

    def __init__(self) -> None:
        self.view: Bars | Lines = Lines()

    def begin(self, step: str, titles: Sequence[str]) -> None:
        """Rows of a step are to be made or reused."""
        self.view.begin(step, titles)

    def end(self, step: str, title: str, *, was_reused: bool = False) -> None:
        """A row of a step has ended."""
        self.view.end(step, title, was_reused=was_reused)

    def fail(self, step: str, title: str) -> None:
        """A row of a step has failed."""
        self.view.fail(step, title)


@contextmanager
def watched(board: Board, jobs: Sequence[Job]) -> Iterator[None]:
    """Show steps and branches until the block ends. A failure to show a branch never disturbs its training."""
    done = threading.Event()
    with terminal_view(jobs) as terminal:
        board.view = terminal
        follower = _Follower(jobs, terminal, ArtifactView(jobs))
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(follower.follow, done), daemon=True, name="progress")
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join(30)
            board.view = Lines()


class _Follower:
    def __init__(self, jobs: Sequence[Job], terminal: View, artifacts: ArtifactView) -> None:
        self._journals = [(job, JournalReader(job.folder / "progress.jsonl")) for job in jobs]
        self._terminal, self._artifacts = terminal, artifacts
        self._logger = get_run_logger()
        self._has_warned = False

    def follow(self, done: threading.Event) -> None:
        """Show new events until `done` is set, and then the remaining ones."""
        is_last = False
        while not is_last:
            is_last = done.wait(POLL_SECONDS)
            for job, journal in self._journals:
                for event in journal.new_events():
                    self._guard(self._terminal.show, job, event)
                    self._guard(self._artifacts.show, job, event)
            self._guard(self._artifacts.publish, is_last)

    def _guard(self, show: Callable[..., None], *arguments: Any) -> None:
        try:
            show(*arguments)
        except Exception as error:
            if not self._has_warned:
                self._has_warned = True
                self._logger.warning("Progress could not be shown (%s); training continues", error)
