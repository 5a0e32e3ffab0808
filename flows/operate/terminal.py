"""The progress of a run in the terminal: bars, or plain lines where the output is a file or a pipe."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from prefect.logging import get_run_logger
from rich.console import Console
from rich.progress import BarColumn, Progress, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.theme import Theme

from tasks.job import Job
from tasks.train import train


@contextmanager
def terminal_view(jobs: Sequence[Job]) -> "Iterator[Bars | Lines]":
    """The view that suits the output, for as long as the block lasts."""
    console = _prefect_console()
    if not console.is_terminal:
        yield Lines()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[status]}"),
        TimeRemainingColumn(),
    )
    # Prefect's theme lacks the styles of bars.
    with console.use_theme(Theme()), Progress(*columns, console=console) as progress:
        yield Bars(progress, jobs)


class Bars:
    """A bar for each branch in training and one for each other step. On Prefect's console: log lines appear above."""

    def __init__(self, progress: Progress, jobs: Sequence[Job]) -> None:
        self._progress = progress
        self._branches: dict[str, TaskID] = {
            train.title(job): progress.add_task(train.title(job), total=job.plan.epochs, status="waiting")
            for job in jobs
        }
        self._steps: dict[str, TaskID] = {}

    def show(self, job: Job, event: dict[str, Any]) -> None:
        """Move the branch's bar, and show the metrics of its last epoch."""
        bar = self._branches[train.title(job)]
        if event["event"] == "begin":
            self._progress.reset(bar, total=job.plan.epochs, status="starting")
        elif event["event"] == "batch":
            self._progress.update(bar, completed=event["epoch"] - 1 + event["batch"] / event["batches"])
        elif event["event"] == "epoch":
            status = (
                f"epoch {event['epoch']}/{job.plan.epochs} loss {event['loss']:.4f} acc {event['accuracy']:.4f} "
                f"val {event['val_accuracy']:.4f}"
            )
            self._progress.update(bar, completed=event["epoch"], status=status)

    def begin(self, step: str, titles: Sequence[str]) -> None:
        """Add a bar for a step, if its rows are no branches in training. One row alone has a bar that only moves."""
        if all(title in self._branches for title in titles):
            return
        total = len(titles) if len(titles) > 1 else None
        status = f"0 of {total}" if total else ""
        if step in self._steps:
            self._progress.reset(self._steps[step], total=total, status=status)
        else:
            self._steps[step] = self._progress.add_task(step, total=total, status=status)

    def end(self, step: str, title: str, *, was_reused: bool) -> None:
        """Count a row of a step that has ended, and say so if it was not made but reused."""
        note = "reused" if was_reused else ""
        if title not in self._branches:
            bar = self._steps[step]
            total = self._row(bar).total
            self._progress.update(bar, total=total or 1, advance=1)
            count = f"{self._row(bar).completed:.0f} of {total:.0f}" if total else ""
            self._progress.update(bar, status=", ".join(part for part in (count, note) if part))
        elif was_reused:
            bar = self._branches[title]
            self._progress.update(bar, completed=self._row(bar).total, status=note)

    def fail(self, step: str, title: str) -> None:
        """Show that a row of a step has failed."""
        bar = self._branches[title] if title in self._branches else self._steps[step]
        self._progress.update(bar, status="failed")

    def _row(self, bar: TaskID) -> Task:
        return self._progress.tasks[self._progress.task_ids.index(bar)]


class Lines:
    """A plain line per epoch, for logs and pipes. What becomes of the other steps, Prefect logs."""

    def begin(self, step: str, titles: Sequence[str]) -> None:
        """Nothing."""

    def end(self, step: str, title: str, *, was_reused: bool) -> None:
        """Nothing."""

    def fail(self, step: str, title: str) -> None:
        """Nothing."""

    def show(self, job: Job, event: dict[str, Any]) -> None:
        """Log the metrics of an epoch."""
        if event["event"] != "epoch":
            return
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


def _prefect_console() -> Console:
    """The console to which Prefect writes log lines."""
    for handler in logging.getLogger().handlers:
        console = getattr(handler, "console", None)
        if isinstance(console, Console):
            return console
    return Console(stderr=True)
