"""Follows the training of a run's branches, and shows it in the terminal and in the UI."""

import contextvars
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from prefect.logging import get_run_logger

from flows.operate.terminal import terminal_view
from flows.operate.ui import ArtifactView
from tasks.job import Job
from tasks.storage.journal import JournalReader

POLL_SECONDS = 0.25


class View(Protocol):
    """Shows the progress of branches."""

    def show(self, job: Job, event: dict[str, Any]) -> None:
        """Show an event from the journal of a branch."""


@contextmanager
def watched(jobs: Sequence[Job]) -> Iterator[None]:
    """Show the progress of the branches until the block ends. A failure to show it never disturbs the training."""
    done = threading.Event()
    with terminal_view(jobs) as terminal:
        follower = _Follower(jobs, terminal, ArtifactView(jobs))
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(follower.follow, done), daemon=True, name="progress")
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join(30)


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
