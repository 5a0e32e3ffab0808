"""Progress, in bytes, of a step that reads or fetches files; hidden unless a run shows it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Protocol

Advance = Callable[[int], None]


class Tracker(Protocol):
    """Shows the progress of one task after another."""

    def __call__(self, description: str, total: int | None, completed: int, /) -> AbstractContextManager[Advance]:
        """Show progress within the block; yield a function to call with the number of bytes of each piece."""


@contextmanager
def _not_shown(_description: str, _total: int | None, _completed: int) -> Iterator[Advance]:
    yield lambda _count: None


TRACKER: ContextVar[Tracker] = ContextVar("tracker", default=_not_shown)


def track(description: str, total: int | None, completed: int = 0) -> AbstractContextManager[Advance]:
    """Show progress within the block.

    Args:
        description: a short description of the work.
        total: size of the work in bytes; None if unknown.
        completed: bytes that are already done.

    Returns:
        a context manager that yields a function to call with the number of bytes of each piece.
    """
    return TRACKER.get()(description, total, completed)
