import numpy as np
import pytest
from numba import njit

from tasks.models.loops.lanes import LANES, Floats, clipped, flushed, load, store


def _arithmetic(left: Floats, right: Floats, result: Floats) -> None:
    """(left + right) · left / (2 − right), and the same from single numbers in the last row."""
    two = np.float32(2.0)
    a, b = load(left, 0, LANES), load(right, 0, LANES)
    store(result, 0, (a + b) * a / (two - b))
    for i in range(LANES):
        a, b = load(left, i, 1), load(right, i, 1)
        store(result, LANES + i, (a + b) * a / (two - b))


def _limited(numbers: Floats, clips: Floats, flushes: Floats) -> None:
    """Both limits, on LANES numbers."""
    lanes = load(numbers, 0, LANES)
    store(clips, 0, clipped(lanes, np.float32(9.0)))
    store(flushes, 0, flushed(lanes))


arithmetic = njit(_arithmetic)
limited = njit(_limited)


def test_lanes_compute_as_single_numbers_do() -> None:
    random = np.random.default_rng(0)
    left, right = random.random((2, LANES), np.float32)
    result = np.empty((2, LANES), np.float32)
    arithmetic(left, right, result)
    np.testing.assert_allclose(result[0], (left + right) * left / (2 - right), rtol=1e-6)
    np.testing.assert_allclose(result[1], result[0], rtol=1e-6)


@pytest.mark.parametrize("sign", [1, -1])
def test_what_is_beyond_a_limit_is_clipped_and_what_has_vanished_is_zero(sign: int) -> None:
    numbers = sign * np.geomspace(1e-34, 1e4, LANES, dtype=np.float32)
    clips, flushes = np.empty_like(numbers), np.empty_like(numbers)
    limited(numbers, clips, flushes)
    np.testing.assert_array_equal(clips, np.clip(numbers, -9, 9))
    np.testing.assert_array_equal(flushes, np.where(np.abs(numbers) > 1e-30, numbers, 0))
