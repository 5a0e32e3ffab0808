"""A progress bar for a pass over texts."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    DownloadColumn(),
    TransferSpeedColumn(),
    TimeRemainingColumn(),
)


class Sized(Protocol):
    """A file or folder of texts."""

    def bytes(self) -> int:
        """About as many bytes as the texts have."""


@contextmanager
def progress(description: str, inputs: Sequence[Sized]) -> Iterator[Callable[[int], None]]:
    """A bar in the terminal, and a function that moves it on by a number of bytes."""
    total = sum(found.bytes() for found in inputs)
    console = Console(stderr=True)
    with Progress(*COLUMNS, console=console, transient=True, disable=not console.is_terminal) as bars:
        bar = bars.add_task(description, total=total)
        yield lambda count: bars.update(bar, advance=count)
