import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.models.keras_learner import build
from tasks.models.recurrence import CELLS, forward, simple_rnn
from tasks.models.spec import Cell, ModelSpec
from tests.conftest import ragged_tokens
from tests.tasks.models.networks import REFERENCE_NETWORKS

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
    weights = [random.standard_normal(weight.shape).astype(np.float32) for weight in layer.get_weights()]
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
