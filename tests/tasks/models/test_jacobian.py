import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.models.jacobian import has_state_jacobian, state_jacobian_norms
from tasks.models.recurrence import CELLS, sigmoid
from tasks.models.spec import Cell, ModelSpec, preset

FEATURES, UNITS, WORDS, REVIEWS, CHANGE = 3, 4, 9, 2, 1e-6
GATES: dict[Cell, int] = {"simple_rnn": 1, "lstm": 4, "gru": 3}
Array = NDArray[np.float64]


def weights_of(cell: Cell) -> list[Array]:
    """Embedding, kernel, recurrent kernel and bias, large enough for every nonlinearity to matter."""
    random, width = np.random.default_rng(3), GATES[cell] * UNITS
    shapes = (WORDS, FEATURES), (FEATURES, width), (UNITS, width), (2, width) if cell == "gru" else (width,)
    return [random.normal(scale=0.7, size=shape) for shape in shapes]


def last_hidden(cell: Cell, state: Array, inputs: Array, weights: list[Array]) -> Array:
    """The last hidden state from any state; `tasks.models.recurrence` starts from zeros only."""
    kernel, recurrent, bias = weights
    for x in inputs:
        if cell == "simple_rnn":
            state = np.tanh(x @ kernel + state @ recurrent + bias)
        elif cell == "lstm":
            h, c = np.split(state, 2)
            i, f, g, o = np.split(x @ kernel + h @ recurrent + bias, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            state = np.concatenate([sigmoid(o) * np.tanh(c), c])
        else:
            (x_z, x_r, x_g), (s_z, s_r, s_g) = (
                np.split(x @ kernel + bias[0], 3),
                np.split(state @ recurrent + bias[1], 3),
            )
            z = sigmoid(x_z + s_z)
            state = z * state + (1 - z) * np.tanh(x_g + sigmoid(x_r + s_r) * s_g)
    return state


def all_states(cell: Cell, inputs: Array, weights: list[Array]) -> list[Array]:
    """The states before the first word and after each word."""
    states = [np.zeros(2 * UNITS if cell == "lstm" else UNITS)]
    for x in inputs:
        states.append(last_hidden(cell, states[-1], x[None], weights))
    return states


def finite_norm(cell: Cell, state: Array, inputs: Array, weights: list[Array]) -> float:
    """Frobenius norm of the Jacobian of the last hidden state, by central differences."""
    columns = []
    for direction in np.eye(len(state)) * CHANGE:
        ends = [last_hidden(cell, state + sign * direction, inputs, weights)[:UNITS] for sign in (1, -1)]
        columns.append((ends[0] - ends[1]) / (2 * CHANGE))
    return float(np.linalg.norm(columns))


@pytest.mark.parametrize("cell", GATES)
def test_the_jacobian_is_that_of_finite_differences(cell: Cell) -> None:
    weights = weights_of(cell)
    tokens = np.random.default_rng(1).integers(1, WORDS, (REVIEWS, 6))
    norms = state_jacobian_norms(ModelSpec(name="n", cell=cell, units=(UNITS,)), weights, tokens)
    assert norms.shape == tokens.shape
    for row, review in enumerate(tokens):
        inputs = weights[0][review]
        states = all_states(cell, inputs, weights[1:])
        assert states[-1][:UNITS] == pytest.approx(CELLS[cell](inputs[None], *weights[1:])[0])
        back = range(1, len(review) + 1)
        finite = [finite_norm(cell, states[-1 - k], inputs[len(inputs) - k :], weights[1:]) for k in back]
        assert norms[row] == pytest.approx(np.array(finite) / finite[0], rel=1e-6)


def test_only_a_single_layer_in_one_direction_is_covered() -> None:
    covered = {name: has_state_jacobian(preset(name, 4, 4, 0.0)) for name in ("simple_rnn", "lstm", "gru")}
    assert all(covered.values())
    assert not has_state_jacobian(preset("stacked_simple_rnn", 4, 4, 0.0))
    assert not has_state_jacobian(preset("bidirectional_lstm", 4, 4, 0.0))
