"""Shows a run's steps and training: bars or lines in the terminal, progress and learning curves in the UI."""

import contextvars
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, cast
from uuid import UUID

from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactUpdate
from prefect.logging import get_run_logger
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.theme import Theme

from artifacts.figures.render import data_uri, png
from artifacts.figures.training import learning_curve
from artifacts.markup import escape_markdown
from tasks.job import Job
from tasks.progress import TRACKER, Advance
from tasks.results.training import Epoch
from tasks.storage.layout import PROGRESS
from tasks.storage.training_state import JournalReader
from tasks.train import train

POLL_SECONDS = 0.25
WIDE = 100  # Columns of a terminal that has room for long bars.
DRAWING_SHARE = 0.05  # Drawing curves may take this fraction of the training time.
GROWTH = 2  # A curve is drawn again once it has grown by this factor: Prefect's server keeps every version.


class RowCount(NamedTuple):
    """How many branches of a step have ended, and how many there are."""

    ended: int
    total: int


class RunProgress:
    """What a run shows while it works.

    In a terminal, each step and each branch in training has a bar. Elsewhere each epoch is a log line; Prefect logs the
    other steps. In the UI each branch has a progress artifact and a learning curve that grows.
    """

    def __init__(self) -> None:
        self._bars: Progress | None = None
        self._steps: dict[str, TaskID] = {}
        self._rows: dict[str, RowCount] = {}
        self._branches: dict[str, TaskID] = {}
        self._epochs: dict[str, int] = {}
        self._current: TaskID | None = None
        self._trials: TaskID | None = None

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show bars within the block, if the output is a terminal."""
        console = prefect_console()
        if not console.is_terminal:
            yield
            return
        columns = (
            TextColumn("{task.description}", table_column=Column(no_wrap=True)),
            BarColumn(bar_width=20 if console.width >= WIDE else 10),
            TextColumn("{task.percentage:>3.0f} %", table_column=Column(no_wrap=True)),
            TimeRemainingColumn(table_column=Column(no_wrap=True)),
            # The rest of the line: what does not fit is cut.
            TextColumn("{task.fields[status]}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
        )
        token = TRACKER.set(self._track_bytes)
        # Prefect's theme lacks the styles of bars. On Prefect's console, log lines appear above them.
        with console.use_theme(Theme()), Progress(*columns, console=console, expand=True) as bars:
            self._bars = bars
            try:
                yield
            finally:
                self._bars = None
                TRACKER.reset(token)

    @contextmanager
    def followed(self, jobs: Sequence[Job]) -> Iterator[None]:
        """Show the training of branches within the block. A failure to show it never disturbs the training."""
        if self._bars:
            self._epochs = {train.title(job): job.plan.epochs for job in jobs}
            self._branches = {
                title: self._bars.add_task(title, total=epochs, status="waiting")
                for title, epochs in self._epochs.items()
            }
        done = threading.Event()
        follower = _Follower(jobs, self.show_event)
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(follower.follow, done), daemon=True, name="progress")
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join(30)

    @contextmanager
    def counting(self, trials: int) -> Iterator[Callable[[str], None]]:
        """Within the block, show one bar for all trials instead of one for each; yield what sets the text beside it."""
        if self._bars is None:
            yield lambda _: None
            return
        bars, bar = self._bars, self._bars.add_task("trials", total=trials, status="")
        self._trials = bar
        try:
            yield lambda status: bars.update(bar, status=status)
        finally:
            self._trials = None

    def begin(self, step: str, titles: Sequence[str]) -> None:
        """Show that a step has started. With a single title, the bar shows only that work is in progress."""
        if self._bars is None or self._trials is not None or all(title in self._branches for title in titles):
            return
        total, status = (None, "") if len(titles) == 1 else (len(titles), f"0 of {len(titles)}")
        self._steps[step] = self._bars.add_task(step, total=total, status=status)
        self._rows[step] = RowCount(0, len(titles))
        self._current = self._steps[step]

    def end(self, step: str, title: str, *, was_reused: bool = False) -> None:
        """Count a finished branch of a step, and show whether its result was reused."""
        if self._bars is None:
            return
        if self._trials is not None:
            self._bars.advance(self._trials, step == train.name)
            return
        note = ["reused"] if was_reused else []
        if title not in self._branches:
            ended, total = self._rows[step].ended + 1, self._rows[step].total
            self._rows[step] = RowCount(ended, total)
            count = [f"{ended} of {total}"] if total > 1 else []
            self._bars.update(self._steps[step], total=total, completed=ended, status=", ".join(count + note))
        elif was_reused:
            self._bars.update(self._branches[title], completed=self._epochs[title], status="reused")

    def fail(self, step: str, title: str) -> None:
        """Show that a step failed in one branch."""
        if self._bars and self._trials is None:
            self._bars.update(self._branches[title] if title in self._branches else self._steps[step], status="failed")

    def show_event(self, job: Job, event: dict[str, Any]) -> None:
        """Show an event from a branch's journal: move its bar, or log an epoch."""
        if self._bars is None:
            if event["event"] == "epoch":
                _log_epoch(job, event)
            return
        bar = self._branches[train.title(job)]
        if event["event"] == "begin":
            self._bars.reset(bar, total=job.plan.epochs, status="starting")
        elif event["event"] == "batch":
            self._bars.update(bar, completed=event["epoch"] - 1 + event["batch"] / event["batches"])
        elif event["event"] == "epoch":
            status = (
                f"{event['epoch']}/{job.plan.epochs} val {event['val_accuracy']:.4f} acc {event['accuracy']:.4f} "
                f"loss {event['loss']:.4f}"
            )
            self._bars.update(bar, completed=event["epoch"], status=status)

    @contextmanager
    def _track_bytes(self, description: str, total: int | None, completed: int) -> Iterator[Advance]:
        """Within the block, advance the current step's bar by bytes."""
        bars, bar = self._bars, self._current
        if bars is None or bar is None:
            yield lambda _count: None
            return
        bars.reset(bar, total=total, completed=completed, status=description)
        yield lambda count: bars.update(bar, advance=count)


class _Follower:
    """Reads the journals of the branches in training and shows their events."""

    def __init__(self, jobs: Sequence[Job], show: Callable[[Job, dict[str, Any]], None]) -> None:
        self._journals = [(job, JournalReader(job.folder / PROGRESS)) for job in jobs]
        self._show, self._artifacts = show, TrainingArtifacts(jobs)
        self._logger = get_run_logger()
        self._has_warned = False

    def follow(self, done: threading.Event) -> None:
        """Show new events until `done` is set, and then the remaining ones."""
        is_last = False
        while not is_last:
            is_last = done.wait(POLL_SECONDS)
            for job, journal in self._journals:
                for event in journal.new_events():
                    self._guard(self._show, job, event)
                    self._guard(self._artifacts.add, job, event)
            self._guard(self._artifacts.publish, is_last)

    def _guard(self, show: Callable[..., None], *arguments: Any) -> None:
        try:
            show(*arguments)
        except Exception as error:
            if not self._has_warned:
                self._has_warned = True
                self._logger.warning("Progress could not be shown (%s); training continues", error)


class TrainingArtifacts:
    """The training of branches in the UI: a progress artifact and a growing learning curve for each."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._models = list(dict.fromkeys(job.spec.name for job in jobs))
        self._progress: dict[str, UUID] = {}
        self._curves: dict[str, UUID] = {}
        self._histories: dict[str, list[Epoch]] = {}
        self._unpublished: dict[str, Job] = {}
        self._drawn: dict[str, int] = {}
        self._undrawn: dict[str, Job] = {}
        self._next_publication = 0.0

    def add(self, job: Job, event: dict[str, Any]) -> None:
        """Process an event: create a progress artifact when a branch begins; keep an epoch for `publish`."""
        key = _artifact_key(job)
        if event["event"] == "begin":
            self._histories[key] = []
            artifact = create_progress_artifact(
                0.0, key=f"progress-{key}", description=f"Training {escape_markdown(job.label)}"
            )
            self._progress[key] = cast(UUID, artifact)
        elif event["event"] == "epoch":
            epoch = Epoch(**{name: event[name] for name in Epoch.__dataclass_fields__ if name in event})
            self._histories.setdefault(key, []).append(epoch)
            self._unpublished[key] = job

    def publish(self, is_last: bool) -> None:
        """Update the artifacts of branches that have new epochs, unless the last update was too recent."""
        started = time.monotonic()
        if not is_last and started < self._next_publication:
            return
        while self._unpublished:
            key, job = self._unpublished.popitem()
            history = self._histories[key]
            self._undrawn[key] = job
            if key in self._progress:
                update_progress_artifact(self._progress[key], 100.0 * history[-1].epoch / job.plan.epochs)
        for key in list(self._undrawn):
            epochs = len(self._histories[key])
            if is_last or epochs >= GROWTH * self._drawn.get(key, 0):
                self._publish_curve(key, self._undrawn.pop(key), self._histories[key])
                self._drawn[key] = epochs
        ended = time.monotonic()
        self._next_publication = ended + (ended - started) / DRAWING_SHARE

    def _publish_curve(self, key: str, job: Job, history: list[Epoch]) -> None:
        name = job.spec.name
        data = f"{job.dataset.title}, {job.group}" if job.group else job.dataset.title
        curve = learning_curve(name, self._models.index(name), history, data)
        text = f"![Learning curve of {escape_markdown(name)}]({data_uri(png(curve))})"
        if key in self._curves:
            with get_client(sync_client=True) as client:
                client.update_artifact(self._curves[key], ArtifactUpdate(data=text))
            return
        description = f"Learning curve of {escape_markdown(job.label)}"
        artifact = create_markdown_artifact(text, key=f"learning-curve-{key}", description=description)
        self._curves[key] = cast(UUID, artifact)


def _artifact_key(job: Job) -> str:
    """The part of an artifact's key that names the branch: lower-case letters, digits and dashes."""
    group = f"{job.group}-" if job.group else ""
    return re.sub("[^a-z0-9]+", "-", f"{group}{job.spec.name}-seed{job.seed}".lower().replace(",", ""))


def _log_epoch(job: Job, event: dict[str, Any]) -> None:
    get_run_logger().info(
        "%s: epoch %d/%d, %.1f s, loss %.4f, accuracy %.4f, validation loss %.4f, validation accuracy %.4f",
        job.label,
        event["epoch"],
        job.plan.epochs,
        event["seconds"],
        event["loss"],
        event["accuracy"],
        event["val_loss"],
        event["val_accuracy"],
    )


def prefect_console() -> Console:
    """The console to which Prefect writes log lines."""
    for handler in logging.getLogger().handlers:
        console = getattr(handler, "console", None)
        if isinstance(console, Console):
            return console
    return Console(stderr=True)
