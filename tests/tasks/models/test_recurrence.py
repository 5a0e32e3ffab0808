import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tasks.models.keras_learner import build
from tasks.models.recurrence import CELLS, forward, has_state_jacobian, sigmoid, simple_rnn, state_jacobian_norms
from tasks.models.spec import Cell, ModelSpec, preset
from tests.conftest import ragged_tokens
from tests.tasks.models.networks import REFERENCE_NETWORKS

FEATURES, UNITS, WORDS, REVIEWS, CHANGE = 3, 4, 9, 2, 1e-6
GATES: dict[Cell, int] = {"simple_rnn": 1, "lstm": 4, "gru": 3}
Array = NDArray[np.float64]
LAYERS = {"simple_rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}


@settings(deadline=None, max_examples=25)
@given(
    cell=st.sampled_from(sorted(CELLS)),
    sequences=st.booleans(),
    batch=st.integers(1, 5),
    timesteps=st.integers(1, 12),
    features=st.integers(1, 6),
    units=st.integers(1, 7),
    seed=st.integers(0, 99),
)
def test_equals_the_keras_layer(
    cell: Cell, sequences: bool, batch: int, timesteps: int, features: int, units: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    inputs = random.standard_normal((batch, timesteps, features)).astype(np.float32)
    layer = LAYERS[cell](units, return_sequences=sequences)
    layer.build(inputs.shape)
    # Larger weights would let rounding errors grow from timestep to timestep.
    weights = [0.4 * random.standard_normal(weight.shape).astype(np.float32) for weight in layer.get_weights()]
    layer.set_weights(weights)
    ours = CELLS[cell](inputs, *weights, return_sequences=sequences)
    np.testing.assert_allclose(ours, np.array(layer(inputs)), atol=1e-5)


def test_simple_rnn_with_literal_numbers() -> None:
    inputs = np.array([[[1.0], [0.5]]])
    outputs = simple_rnn(inputs, np.array([[0.5]]), np.array([[2.0]]), np.array([0.1]), return_sequences=True)
    first = np.tanh(0.6)
    np.testing.assert_allclose(outputs[0, :, 0], [first, np.tanh(0.35 + 2 * first)], rtol=1e-12)


@pytest.mark.parametrize("spec", REFERENCE_NETWORKS, ids=lambda spec: spec.name)
def test_the_whole_network_equals_keras(spec: ModelSpec) -> None:
    model = build(spec, vocabulary_size=40, learning_rate=0.01, seed=3)
    tokens = ragged_tokens([1, 9, 20, 4], 20, 40).padded()
    ours = forward(spec, model.get_weights(), tokens)
    np.testing.assert_allclose(ours, model.predict(tokens, verbose=0)[:, 0], atol=1e-5)


def weights_of(cell: Cell) -> list[Array]:
    """Embedding, kernel, recurrent kernel and bias, large enough for every nonlinearity to matter."""
    random, width = np.random.default_rng(3), GATES[cell] * UNITS
    shapes = (WORDS, FEATURES), (FEATURES, width), (UNITS, width), (2, width) if cell == "gru" else (width,)
    return [random.normal(scale=0.7, size=shape) for shape in shapes]


def last_hidden(cell: Cell, state: Array, inputs: Array, weights: list[Array]) -> Array:
    """The last hidden state from any state, not only from zeros."""
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
