import threading
import time
from collections.abc import Iterator

import pytest

from tasks.data.own_texts.workers import in_order


def test_results_come_in_the_order_of_the_pieces() -> None:
    def slower_first(piece: int) -> int:
        time.sleep(0.02 / (piece + 1))
        return piece * piece

    assert list(in_order(slower_first, range(20))) == [piece * piece for piece in range(20)]


def test_only_a_few_pieces_are_ahead_of_the_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.data.own_texts.workers.available_cores", lambda: 2)
    drawn = 0

    def pieces() -> Iterator[int]:
        nonlocal drawn
        for piece in range(100):
            drawn += 1
            yield piece

    results = in_order(lambda piece: piece, pieces())
    for done in range(50):
        next(results)
        assert drawn <= done + 6


def test_a_fault_ends_the_pass() -> None:
    def fail(piece: int) -> int:
        raise ValueError(piece)

    with pytest.raises(ValueError, match="0"):
        list(in_order(fail, range(1_000)))
    assert threading.active_count() < 20
