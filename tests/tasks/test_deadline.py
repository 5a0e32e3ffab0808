import threading
from contextvars import ContextVar

import pytest

from tasks.deadline import within

VARIABLE = ContextVar("VARIABLE", default="default")


def test_work_in_time_gives_its_result() -> None:
    assert within(10, lambda: 7, "sum") == 7


def test_work_that_takes_longer_is_abandoned() -> None:
    is_over = threading.Event()
    with pytest.raises(TimeoutError, match=r"answer: not done within 0.05 s"):
        within(0.05, lambda: is_over.wait(60), "answer")
    is_over.set()


@pytest.mark.parametrize("error", [ValueError("bad"), TimeoutError("of its own"), KeyboardInterrupt()])
def test_an_error_of_the_work_is_raised(error: BaseException) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        within(10, fail, "work")
    assert caught.value is error


def test_the_work_sees_the_context_of_its_caller() -> None:
    token = VARIABLE.set("of the caller")
    assert within(10, VARIABLE.get, "look") == "of the caller"
    VARIABLE.reset(token)
