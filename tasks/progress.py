"""Progress, in bytes, of a step that reads or fetches files. A run decides how to show it; by default nothing does."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Protocol

Advance = Callable[[int], None]


class Tracker(Protocol):
    """Shows the progress of one piece of work after the other."""

    def __call__(self, description: str, total: int | None, completed: int, /) -> AbstractContextManager[Advance]:
        """Show a piece of work within the block; yields a function that is called with each further number of bytes."""


@contextmanager
def _not_shown(_description: str, _total: int | None, _completed: int) -> Iterator[Advance]:
    yield lambda _count: None


TRACKER: ContextVar[Tracker] = ContextVar("tracker", default=_not_shown)


def track(description: str, total: int | None, completed: int = 0) -> AbstractContextManager[Advance]:
    """Show a piece of work within the block.

    Args:
        description: what is done, in a few words.
        total: bytes of all the work; None if that is unknown.
        completed: bytes that were done before.

    Returns:
        a context manager that yields a function, to be called with each further number of bytes.
    """
    return TRACKER.get()(description, total, completed)
