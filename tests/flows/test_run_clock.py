import pytest

from flows import run
from flows.run import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that was started at 10 s, then reads 12, 13 and 17 s."""
    times = iter([10.0, 12.0, 13.0, 17.0])
    monkeypatch.setattr(run.time, "perf_counter", lambda: next(times))
    return Clock()


def test_a_lap_is_the_time_since_the_last_one(clock: Clock) -> None:
    clock.lap("fetch")
    clock.lap("prepare")
    assert clock.laps == {"fetch": 2.0, "prepare": 1.0}


def test_the_laps_of_a_repeated_step_add_up(clock: Clock) -> None:
    for step in ("train", "evaluate", "train"):
        clock.lap(step)
    assert clock.laps == {"train": 6.0, "evaluate": 1.0}
