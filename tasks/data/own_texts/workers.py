"""Maps a function over many pieces in parallel, with the results in the order of the pieces."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from tasks.machine import available_cores

Piece = TypeVar("Piece")
Outcome = TypeVar("Outcome")
# An executor that computes the pieces in place of threads, for example on a cluster; it receives them pickled.
_EXECUTOR: ContextVar[tuple[Executor, int] | None] = ContextVar("executor", default=None)


@contextmanager
def using_executor(executor: Executor, workers: int) -> Iterator[None]:
    """Make `in_order` use `executor` inside the block; `workers` pieces at a time keep it busy."""
    token = _EXECUTOR.set((executor, workers))
    try:
        yield
    finally:
        _EXECUTOR.reset(token)


def in_order(function: Callable[[Piece], Outcome], pieces: Iterable[Piece]) -> Iterator[Outcome]:
    """Yield the function's result for each piece, in order; about two pieces per worker are in memory at a time.

    Pieces are computed by threads, one per core, which suits functions that release the interpreter lock, or by the
    executor given to `using_executor`.
    """
    chosen = _EXECUTOR.get()
    if chosen:
        yield from _windowed(*chosen, function, pieces)
        return
    workers = available_cores()
    with ThreadPoolExecutor(workers) as pool:
        yield from _windowed(pool, workers, function, pieces)


def _windowed(
    executor: Executor, workers: int, function: Callable[[Piece], Outcome], pieces: Iterable[Piece]
) -> Iterator[Outcome]:
    waiting: deque[Future[Outcome]] = deque()
    try:
        for piece in pieces:
            waiting.append(executor.submit(function, piece))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
