"""A time limit for work that libraries do not bound.

The time-out of a read is over only when nothing at all arrives: a server that answers byte by byte never exceeds it.
"""

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Outcome = TypeVar("Outcome")


def within(seconds: float, work: Callable[[], Outcome], name: str) -> Outcome:
    """Do work in a thread, and return its result.

    Args:
        seconds: time limit. After it, the work is abandoned: it goes on in its thread, which ends with the process.
        work: what to do; it sees the caller's context variables.
        name: the name of the thread.

    Raises:
        TimeoutError: the work is not done in time.
        BaseException: what the work raises.
    """
    outcome: Future[Outcome] = Future()
    context = contextvars.copy_context()

    def run() -> None:
        try:
            outcome.set_result(context.run(work))
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=run, daemon=True, name=name).start()
    try:
        return outcome.result(seconds)
    except TimeoutError:
        if outcome.done():  # The work's own error.
            raise
        raise TimeoutError(f"{name}: not done within {seconds:g} s") from None
