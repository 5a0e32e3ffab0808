"""The progress of branches in the terminal: bars, or plain lines where the output is a file or a pipe."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from prefect.logging import get_run_logger
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.theme import Theme

from tasks.job import Job


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
    """A bar for each branch. On Prefect's console, so that log lines appear above the bars."""

    def __init__(self, progress: Progress, jobs: Sequence[Job]) -> None:
        self._progress = progress
        self._bars: dict[str, TaskID] = {
            job.label: progress.add_task(job.label, total=job.plan.epochs, status="waiting") for job in jobs
        }

    def show(self, job: Job, event: dict[str, Any]) -> None:
        """Move the branch's bar, and show the metrics of its last epoch."""
        bar = self._bars[job.label]
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


class Lines:
    """A plain line per epoch, for logs and pipes."""

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
