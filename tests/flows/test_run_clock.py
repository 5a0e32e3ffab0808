import time

import pytest

from flows.run import Clock


def test_a_lap_is_the_time_since_the_last_one() -> None:
    clock = Clock()
    time.sleep(0.05)
    clock.lap("fetch")
    clock.lap("prepare")
    assert list(clock.laps) == ["fetch", "prepare"]
    assert clock.laps["fetch"] == pytest.approx(0.05, abs=0.04)
    assert clock.laps["prepare"] < 0.01


def test_the_laps_of_a_repeated_step_add_up() -> None:
    clock = Clock()
    for _ in range(2):
        time.sleep(0.03)
        clock.lap("train")
    assert list(clock.laps) == ["train"]
    assert clock.laps["train"] >= 0.06
