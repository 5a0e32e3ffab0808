import numpy as np

from tasks.models.loops.arithmetic import flushed, sigmoid, tanh


def test_tanh_is_within_float_rounding() -> None:
    x = np.linspace(-12, 12, 4_001).astype(np.float32)
    computed = np.array([tanh(value) for value in x])
    assert np.abs(computed - np.tanh(x.astype(np.float64))).max() < 5e-7


def test_sigmoid_is_within_float_rounding() -> None:
    x = np.linspace(-20, 20, 2_001).astype(np.float32)
    computed = np.array([sigmoid(value) for value in x])
    assert np.abs(computed - 1 / (1 + np.exp(-x.astype(np.float64)))).max() < 5e-7


def test_only_vanished_numbers_become_zero() -> None:
    assert [flushed(np.float32(x)) for x in (0.0, 1e-31, -1e-31, 1e-40)] == [0.0, 0.0, 0.0, 0.0]
    assert [flushed(np.float32(x)) for x in (1e-29, -1e-29, 3.0)] == [np.float32(1e-29), np.float32(-1e-29), 3.0]
