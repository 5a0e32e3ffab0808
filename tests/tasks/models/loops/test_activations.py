import numpy as np
import pytest
from numba import njit

from tasks.models.loops.lanes import LANES, Floats, load, sigmoid, store, tanh


def _computed(x: Floats, is_tanh: bool, result: Floats) -> None:
    """An activation of numbers whose count is a multiple of LANES."""
    for i in range(0, len(x), LANES):
        numbers = load(x, i, LANES)
        store(result, i, tanh(numbers) if is_tanh else sigmoid(numbers))


computed = njit(_computed)


@pytest.mark.parametrize("is_tanh", [True, False])
def test_activations_are_within_float_rounding(is_tanh: bool) -> None:
    x = np.linspace(-20, 20, 250 * LANES, dtype=np.float32)
    result = np.empty_like(x)
    computed(x, is_tanh, result)
    exact = np.tanh(x.astype(np.float64)) if is_tanh else 1 / (1 + np.exp(-x.astype(np.float64)))
    assert np.abs(result - exact).max() < 5e-7
