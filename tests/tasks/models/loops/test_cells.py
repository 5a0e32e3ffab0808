"""One unit, one timestep and literal numbers; `tests/tasks/models/test_compiled_network.py` holds networks against
Keras.
"""

import numpy as np
from numpy.typing import NDArray

from tasks.models.loops.cells import GRU, LSTM, SIMPLE_RNN, step_backward, step_forward
from tasks.models.loops.records import States

ROWS = np.zeros(1, np.int32)
NONE = np.zeros((0, 1, 1), np.float32)


def sigmoid(x: float) -> float:
    return 1 / (1 + float(np.exp(-x)))


def column(*numbers: float) -> NDArray[np.float32]:
    """Numbers of one unit, one in each row."""
    return np.array(numbers, np.float32)[:, None]


def blocks(*numbers: float) -> NDArray[np.float32]:
    """Blocks of one unit in one row."""
    return np.array(numbers, np.float32)[None, :, None]


def backward(cell: int, states: States, blocks: int, dh: float, dc: float) -> tuple[list[float], float, float]:
    """The gradients before the activation, and what becomes of those of the states."""
    dz, d_hidden, d_cell = np.full((1, blocks, 1), 9, np.float32), column(dh), column(dc)
    step_backward(cell, dz, d_hidden, d_cell, states, 0, 1, 0, 1, 1)
    return dz[0, :, 0].tolist(), d_hidden[0, 0], d_cell[0, 0]


def test_simple_rnn_forward() -> None:
    states = States(column(0.5, 0.3), NONE[:, 0], NONE)
    step_forward(SIMPLE_RNN, ROWS, blocks(0.1), states, 0, 1, 0)
    np.testing.assert_allclose(states.hidden, column(0.5, np.tanh(0.3 + 0.1)), rtol=1e-6)


def test_simple_rnn_backward() -> None:
    dz, _, _ = backward(SIMPLE_RNN, States(column(0.5, -0.2), NONE[:, 0], NONE), 1, dh=3, dc=0)
    np.testing.assert_allclose(dz, [3 * (1 - 0.2**2)], rtol=1e-6)


def test_lstm_forward() -> None:
    states = States(column(0.5, 9.9), column(-0.4, 9.9), blocks(0.5, -0.5, 0.25, 1.0))
    step_forward(LSTM, ROWS, blocks(0.1, 0.2, 0.3, 0.4), states, 0, 1, 0)
    i, f, g, o = sigmoid(0.1 + 0.5), sigmoid(0.2 - 0.5), np.tanh(0.3 + 0.25), sigmoid(0.4 + 1.0)
    c = f * -0.4 + i * g
    np.testing.assert_allclose(states.gates[0, :, 0], [i, f, g, o], atol=1e-6)
    np.testing.assert_allclose(states.cell, column(-0.4, c), atol=1e-6)
    np.testing.assert_allclose(states.hidden, column(0.5, o * np.tanh(c)), atol=1e-6)


def test_lstm_backward() -> None:
    i, f, g, o = 0.6, 0.7, -0.3, 0.8
    dz, _, dc = backward(LSTM, States(column(0.5, 9.9), column(-0.4, 0.3), blocks(i, f, g, o)), 4, dh=2, dc=0.5)
    tanh_c = float(np.tanh(0.3))
    total = 0.5 + 2 * o * (1 - tanh_c**2)
    expected = [total * g * i * (1 - i), total * -0.4 * f * (1 - f), total * i * (1 - g**2), 2 * tanh_c * o * (1 - o)]
    np.testing.assert_allclose(dz, expected, rtol=1e-5)
    np.testing.assert_allclose(dc, total * f, rtol=1e-5)


def test_gru_forward() -> None:
    states = States(column(0.5, 9.9), NONE[:, 0], blocks(9.9, 0.5, -0.5, 1.0))
    step_forward(GRU, ROWS, blocks(0.1, 0.2, 0.3, 0.4), states, 0, 1, 0)
    z, r, share = sigmoid(0.2 + 0.5), sigmoid(0.3 - 0.5), 0.4 + 1.0
    g = np.tanh(0.1 + r * share)
    np.testing.assert_allclose(states.gates[0, :, 0], [g, z, r, share], atol=1e-6)
    np.testing.assert_allclose(states.hidden, column(0.5, z * 0.5 + (1 - z) * g), atol=1e-6)


def test_gru_backward() -> None:
    g, z, r, share = -0.3, 0.7, 0.6, 1.4
    dz, dh, _ = backward(GRU, States(column(0.5, 9.9), NONE[:, 0], blocks(g, z, r, share)), 4, dh=2, dc=0)
    d_g = 2 * (1 - z) * (1 - g**2)
    np.testing.assert_allclose(dz, [d_g, 2 * (0.5 - g) * z * (1 - z), d_g * share * r * (1 - r), d_g * r], rtol=1e-5)
    np.testing.assert_allclose(dh, 2 * z, rtol=1e-6)


def test_reviews_that_share_their_states() -> None:
    d_hidden, dz = column(1, 2, 3), np.zeros((3, 1, 1), np.float32)
    states = States(column(0.1, 0.4), NONE[:, 0], NONE)
    step_backward(SIMPLE_RNN, dz, d_hidden, d_hidden, states, 1, 3, 0, 1, 0)
    np.testing.assert_allclose(dz[:, 0, 0], np.array([0, 2, 3]) * (1 - 0.4**2), rtol=1e-6)
