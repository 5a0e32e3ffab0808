"""One unit, one timestep and literal numbers; `tests/tasks/models/test_compiled_network.py` compares networks with
Keras.
"""

import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.models.layers.recurrent import CELLS
from tasks.models.loops import gru, lstm, simple_rnn
from tasks.models.loops.lanes import LANES
from tasks.models.loops.records import Cell, States
from tests.tasks.models.loops.bound import step_backward, step_forward

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


def backward(cell: Cell, states: States, blocks: int, dh: float, dc: float) -> tuple[list[float], float, float]:
    """The gradients before the activation, and what becomes of those of the states."""
    dz, d_hidden, d_cell = np.full((1, blocks), 9, np.float32), column(dh), column(dc)
    step_backward(cell)(dz, d_hidden, d_cell, states, 0, 1, 1)
    return dz[0].tolist(), d_hidden[0, 0], d_cell[0, 0]


def test_simple_rnn_forward() -> None:
    states = States(column(0.5, 0.3), NONE[:, 0], NONE)
    step_forward(simple_rnn)(ROWS, blocks(0.1), states, 0, 1, 0, True)
    np.testing.assert_allclose(states.hidden, column(0.5, np.tanh(0.3 + 0.1)), rtol=1e-6)


def test_simple_rnn_backward() -> None:
    dz, _, _ = backward(simple_rnn, States(column(0.5, -0.2), NONE[:, 0], NONE), 1, dh=3, dc=0)
    np.testing.assert_allclose(dz, [3 * (1 - 0.2**2)], rtol=1e-6)


def test_lstm_forward() -> None:
    states = States(column(0.5, 9.9), column(-0.4, 9.9), blocks(0.5, -0.5, 0.25, 1.0, 9.9, 9.9))
    step_forward(lstm)(ROWS, blocks(0.1, 0.2, 0.3, 0.4), states, 0, 1, 0, True)
    i, f, g, o = sigmoid(0.1 + 0.5), sigmoid(0.2 - 0.5), np.tanh(0.3 + 0.25), sigmoid(0.4 + 1.0)
    c = f * -0.4 + i * g
    tanh_c = np.tanh(c)
    of_cell = [g * i * (1 - i), -0.4 * f * (1 - f), i * (1 - g**2)]
    of_hidden = [tanh_c * o * (1 - o), o * (1 - tanh_c**2)]
    np.testing.assert_allclose(states.derivatives[0, :, 0], [*of_cell, *of_hidden, f], atol=1e-6)
    np.testing.assert_allclose(states.cell, column(-0.4, c), atol=1e-6)
    np.testing.assert_allclose(states.hidden, column(0.5, o * tanh_c), atol=1e-6)


def test_lstm_backward() -> None:
    derivatives = [0.2, -0.1, 0.4, 0.3, 0.7, 0.6]
    dz, _, dc = backward(lstm, States(NONE[:, 0], NONE[:, 0], blocks(*derivatives)), 4, dh=2, dc=0.5)
    of_cell = 0.5 + 2 * 0.7
    np.testing.assert_allclose(dz, [of_cell * 0.2, of_cell * -0.1, of_cell * 0.4, 2 * 0.3], rtol=1e-6)
    np.testing.assert_allclose(dc, of_cell * 0.6, rtol=1e-6)


def test_gru_forward() -> None:
    states = States(column(0.5, 9.9), NONE[:, 0], blocks(9.9, 0.5, -0.5, 1.0, 9.9))
    step_forward(gru)(ROWS, blocks(0.1, 0.2, 0.3, 0.4), states, 0, 1, 0, True)
    z, r, share = sigmoid(0.2 + 0.5), sigmoid(0.3 - 0.5), 0.4 + 1.0
    g = np.tanh(0.1 + r * share)
    of_g = (1 - z) * (1 - g**2)
    expected = [of_g, (0.5 - g) * z * (1 - z), of_g * share * r * (1 - r), of_g * r, z]
    np.testing.assert_allclose(states.derivatives[0, :, 0], expected, atol=1e-6)
    np.testing.assert_allclose(states.hidden, column(0.5, z * 0.5 + (1 - z) * g), atol=1e-6)


def test_gru_backward() -> None:
    derivatives = [0.2, -0.1, 0.4, 0.3, 0.7]
    dz, dh, _ = backward(gru, States(NONE[:, 0], NONE[:, 0], blocks(*derivatives)), 4, dh=2, dc=0)
    np.testing.assert_allclose(dz, [0.4, -0.2, 0.8, 0.6], rtol=1e-6)
    np.testing.assert_allclose(dh, 1.4, rtol=1e-6)


@pytest.mark.parametrize("cell", [lstm, gru], ids=["lstm", "gru"])
def test_states_are_the_same_whether_derivatives_are_kept_or_not(cell: Cell) -> None:
    units = LANES + 3  # Some in lanes, some alone.
    random = np.random.default_rng(0)
    projections, work = (random.normal(size=(1, n, units)).astype(np.float32) for n in (4, cell.DERIVATIVES))
    before = random.normal(size=(2, units)).astype(np.float32)
    results = []
    for keep in (True, False):
        states = States(before.copy(), before.copy(), work.copy())
        step_forward(cell)(ROWS, projections, states, 0, 1, 0, keep)
        results.append(states)
    np.testing.assert_array_equal(results[0].hidden, results[1].hidden)
    np.testing.assert_array_equal(results[0].cell, results[1].cell)


def test_simple_rnns_that_share_their_state() -> None:
    random, units = np.random.default_rng(0), LANES + 3
    d_hidden, hidden = random.standard_normal((5, units), np.float32), random.random(units, np.float32)
    d_hidden[0, 0] = 1e-31
    dz = np.full((5, units + 2), 9, np.float32)
    none = np.zeros((0, 1, units), np.float32)
    states = States(np.stack([np.zeros_like(hidden), hidden]), none[:, 0], none)
    step_backward(simple_rnn)(dz, d_hidden, d_hidden.copy(), states, 0, 1, 0)
    expected = d_hidden * (1 - hidden**2)
    expected[0, 0] = 0
    np.testing.assert_allclose(dz[:, :units], expected, rtol=1e-4)
    assert np.all(dz[:, units:] == 9)


def test_the_machine_code_of_each_cell_has_a_file_of_its_own() -> None:
    """Processes that compile at once would otherwise write the same index of numba's cache."""
    loops = [loop for each in CELLS.values() for loop in (each.forward, each.backward)]
    assert len({loop.__qualname__ for loop in loops}) == len(loops)
