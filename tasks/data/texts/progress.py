"""A progress bar for a pass over texts."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from tasks.data.texts.inputs import Input

COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    DownloadColumn(),
    TransferSpeedColumn(),
    TimeRemainingColumn(),
)


@contextmanager
def progress(description: str, inputs: Sequence[Input]) -> Iterator[Callable[[int], None]]:
    """A bar in the terminal, and a function that moves it on by a number of bytes."""
    total = sum(found.bytes() for found in inputs)
    with Progress(*COLUMNS, transient=True) as bars:
        bar = bars.add_task(description, total=total)
        yield lambda count: bars.update(bar, advance=count)
