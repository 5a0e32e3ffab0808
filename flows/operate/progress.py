"""What people see while branches train: bars or lines in the terminal, progress and learning curves in the UI."""

import contextvars
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, cast
from uuid import UUID

from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactUpdate
from prefect.logging import get_run_logger
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.theme import Theme

from artifacts.figures import training as figures
from tasks.job import Job
from tasks.results.training import Epoch
from tasks.storage.journal import JournalReader

POLL_SECONDS = 0.25
DRAW_SHARE = 0.05  # The most of the time that drawing curves may take from the training.


class View(Protocol):
    """Something in the terminal that shows a branch's events."""

    def show(self, job: Job, event: dict[str, Any]) -> None:
        """Show one event of the journal."""


@contextmanager
def watched(jobs: Sequence[Job]) -> Iterator[None]:
    """Follow the branches' journals until the block ends. What cannot be shown never disturbs the training."""
    done = threading.Event()
    console = _console()
    with _bars(console, jobs) if console.is_terminal else _lines() as terminal:
        follower = _Follower(jobs, terminal)
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(follower.follow, done), daemon=True, name="progress")
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join(30)


class _Follower:
    def __init__(self, jobs: Sequence[Job], terminal: View) -> None:
        self._journals = [(job, JournalReader(job.folder / "progress.jsonl")) for job in jobs]
        self._terminal, self._ui = terminal, _Ui()
        self._logger = get_run_logger()
        self._told = False

    def follow(self, done: threading.Event) -> None:
        last = False
        while not last:
            last = done.wait(POLL_SECONDS)
            for job, journal in self._journals:
                for event in journal.new_events():
                    self._guarded(self._terminal.show, job, event)
                    self._guarded(self._ui.show, job, event)
            self._guarded(self._ui.catch_up, last)

    def _guarded(self, show: Callable[..., None], *arguments: Any) -> None:
        try:
            show(*arguments)
        except Exception as error:
            if not self._told:
                self._told = True
                self._logger.warning("Progress could not be shown (%s); training goes on", error)


class _Bars:
    """A bar for each branch, on the console that Prefect logs to, so that log lines stand above the bars."""

    def __init__(self, progress: Progress, jobs: Sequence[Job]) -> None:
        self._progress = progress
        self._bars: dict[str, TaskID] = {
            job.label: progress.add_task(job.label, total=job.plan.epochs, figures="waiting") for job in jobs
        }

    def show(self, job: Job, event: dict[str, Any]) -> None:
        bar = self._bars[job.label]
        if event["event"] == "begin":
            self._progress.reset(bar, total=job.plan.epochs, figures="starting")
        elif event["event"] == "batch":
            self._progress.update(bar, completed=event["epoch"] - 1 + event["batch"] / event["batches"])
        elif event["event"] == "epoch":
            text = (
                f"epoch {event['epoch']}/{job.plan.epochs} loss {event['loss']:.4f} acc {event['accuracy']:.4f} "
                f"val {event['val_accuracy']:.4f}"
            )
            self._progress.update(bar, completed=event["epoch"], figures=text)


@contextmanager
def _bars(console: Console, jobs: Sequence[Job]) -> Iterator[View]:
    columns = (
        TextColumn("{task.description}"), BarColumn(bar_width=20), TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[figures]}"), TimeRemainingColumn(),
    )  # fmt: skip
    # Prefect's console comes without the colours of bars.
    with console.use_theme(Theme()), Progress(*columns, console=console) as progress:
        yield _Bars(progress, jobs)


class _Lines:
    """One plain line an epoch, for logs and pipes."""

    def show(self, job: Job, event: dict[str, Any]) -> None:
        if event["event"] == "epoch":
            get_run_logger().info(
                "%s: epoch %d/%d, %.1f s, loss %.4f, accuracy %.4f, validation loss %.4f, validation accuracy %.4f",
                job.label, event["epoch"], job.plan.epochs, event["seconds"], event["loss"], event["accuracy"],
                event["val_loss"], event["val_accuracy"],
            )  # fmt: skip


@contextmanager
def _lines() -> Iterator[View]:
    yield _Lines()


class _Ui:
    """A progress artifact and a growing learning curve for each branch."""

    def __init__(self) -> None:
        self._progress: dict[str, UUID] = {}
        self._curves: dict[str, UUID] = {}
        self._histories: dict[str, list[Epoch]] = {}
        self._behind: dict[str, Job] = {}
        self._again = 0.0

    def show(self, job: Job, event: dict[str, Any]) -> None:
        key = f"{job.spec.name}-seed{job.seed}".replace("_", "-")
        if event["event"] == "begin":
            self._histories[key] = []
            made = create_progress_artifact(0.0, key=f"progress-{key}", description=f"Training {job.label}")
            self._progress[key] = cast(UUID, made)
        elif event["event"] == "epoch":
            epoch = Epoch(**{name: event[name] for name in Epoch.__dataclass_fields__})
            self._histories.setdefault(key, []).append(epoch)
            self._behind[key] = job

    def catch_up(self, last: bool) -> None:
        """Publish what is new, but not all the time."""
        began = time.monotonic()
        if not last and began < self._again:
            return
        while self._behind:
            key, job = self._behind.popitem()
            history = self._histories[key]
            self._show_curve(key, job, history)
            if key in self._progress:
                update_progress_artifact(self._progress[key], 100.0 * history[-1].epoch / job.plan.epochs)
        now = time.monotonic()
        self._again = now + (now - began) / DRAW_SHARE

    def _show_curve(self, key: str, job: Job, history: list[Epoch]) -> None:
        drawn = figures.learning_curve(job.spec.name, history, job.dataset.title)
        text = f"![Learning curve of {job.spec.name}]({figures.data_uri(figures.png(drawn))})"
        if key not in self._curves:
            made = create_markdown_artifact(
                text, key=f"learning-curve-{key}", description=f"Learning curve of {job.label}"
            )
            self._curves[key] = cast(UUID, made)
            return
        with get_client(sync_client=True) as client:
            client.update_artifact(self._curves[key], ArtifactUpdate(data=text))


def _console() -> Console:
    """The console that Prefect's log lines go to."""
    for handler in logging.getLogger().handlers:
        if isinstance(found := getattr(handler, "console", None), Console):
            return found
    return Console(stderr=True)
