"""The compiled loops against Keras and against finite differences."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tasks.models import kernels
from tasks.models.fast import FastLearner, why_not
from tasks.models.keras_model import build
from tasks.models.recurrence import forward
from tasks.models.rmsprop import rmsprop
from tasks.models.spec import ModelSpec, preset
from tasks.models.stock import StockLearner
from tests.conftest import ragged_tokens

COVERED = ("simple_rnn", "lstm")


def keras_gradients(model: keras.Model, tokens: NDArray, labels: NDArray) -> tuple[NDArray, list[NDArray]]:
    """Probabilities and the mean loss's gradients as Keras computes them."""
    with tf.GradientTape() as tape:
        probabilities = model(tokens.astype(np.int32))
        loss = keras.ops.mean(keras.losses.binary_crossentropy(labels[:, None].astype(np.float32), probabilities))
    gradients = tape.gradient(loss, model.trainable_variables)
    return probabilities.numpy()[:, 0], [tf.convert_to_tensor(gradient).numpy() for gradient in gradients]


def assert_gradients_equal(spec: ModelSpec, tokens: NDArray, labels: NDArray, words: int, seed: int) -> None:
    model = build(spec, words, 0.001, seed)
    expected, gradients = keras_gradients(model, tokens, labels)
    step = FastLearner(spec, model, 1).gradients(tokens, labels)
    np.testing.assert_allclose(step.probabilities, expected, atol=1e-5)
    for name, a, b in zip(
        ("embedding", "kernel", "recurrent", "bias", "dense", "dense bias"),
        step.gradients(words),
        gradients,
        strict=True,
    ):
        assert np.linalg.norm(a - b) <= 1e-4 * np.linalg.norm(b) + 1e-9, name


@pytest.mark.parametrize("name", COVERED)
def test_outputs_and_gradients_equal_keras_on_ragged_reviews(name: str) -> None:
    random = np.random.default_rng(0)
    tokens = ragged_tokens([1, 500, *random.integers(2, 500, 30).tolist()], steps=500, words=1_000)
    assert_gradients_equal(preset(name, 32, 32, 0.0), tokens, random.integers(0, 2, 32), 1_000, seed=1)


@settings(deadline=None, max_examples=20)
@given(
    name=st.sampled_from(COVERED), units=st.integers(1, 20), embedding=st.integers(1, 20), steps=st.integers(1, 30),
    shares=st.lists(st.floats(0, 1), min_size=1, max_size=9), seed=st.integers(0, 99),
)  # fmt: skip
def test_gradients_equal_keras_for_any_size(
    name: str, units: int, embedding: int, steps: int, shares: list[float], seed: int
) -> None:
    tokens = ragged_tokens([max(1, round(share * steps)) for share in shares], steps, words=30, seed=seed)
    labels = np.random.default_rng(seed).integers(0, 2, len(tokens))
    assert_gradients_equal(preset(name, units, embedding, 0.0), tokens, labels, 30, seed)


@pytest.mark.parametrize("name", COVERED)
def test_a_review_of_padding_alone_is_computed_like_any_other(name: str) -> None:
    tokens = ragged_tokens([0, 3, 0], steps=12, words=20)
    assert_gradients_equal(preset(name, 5, 4, 0.0), tokens, np.array([0, 1, 1]), 20, seed=2)


@pytest.mark.parametrize("name", COVERED)
def test_gradients_equal_central_differences_in_float64(name: str) -> None:
    spec = preset(name, 3, 2, 0.0)
    model = build(spec, 8, 0.001, 4)
    tokens, labels = ragged_tokens([1, 6, 4], steps=6, words=8), np.array([1, 0, 1])
    weights = [weight.astype(np.float64) for weight in model.get_weights()]

    def loss() -> float:
        p = forward(spec, weights, tokens)
        return float(-np.mean(np.log(np.where(labels == 1, p, 1 - p))))

    gradients = FastLearner(spec, model, 1).gradients(tokens, labels).gradients(8)
    for weight, gradient in zip(weights, gradients, strict=True):
        for place in np.ndindex(weight.shape):
            kept = weight[place]
            weight[place] = kept + 1e-5
            above = loss()
            weight[place] = kept - 1e-5
            below = loss()
            weight[place] = kept
            assert abs(gradient[place] - (above - below) / 2e-5) < 1e-6


def batches(count: int, size: int, words: int, seed: int = 0) -> list[tuple[NDArray, NDArray]]:
    """Batches whose labels depend on the words."""
    random = np.random.default_rng(seed)
    made = []
    for number in range(count):
        tokens = ragged_tokens(random.integers(5, 60, size).tolist(), 60, words, seed=seed + number)
        made.append((tokens, (tokens == 3).any(axis=1).astype(int)))
    return made


@pytest.mark.parametrize("name", COVERED)
def test_fifty_training_steps_lose_what_keras_loses(name: str) -> None:
    spec = preset(name, 16, 16, 0.0)
    stock = StockLearner(build(spec, 100, 0.001, 5))
    fast = FastLearner(spec, build(spec, 100, 0.001, 5), 2)
    for batch in batches(50, 32, 100):
        assert abs(stock.fit_epoch([batch]).loss - fast.fit_epoch([batch]).loss) < 1e-3
    assert fast.fit_epoch(batches(1, 32, 100)).reviews == 32


@pytest.mark.parametrize("name", COVERED)
def test_results_do_not_depend_on_the_number_of_threads(name: str) -> None:
    spec = preset(name, 8, 8, 0.0)
    states = []
    for threads in (1, 2, 4):
        learner = FastLearner(spec, build(spec, 50, 0.01, 6), threads)
        learner.fit_epoch(batches(5, 33, 50))
        states.append(learner.state())
    for name_ in states[0]:
        assert np.array_equal(states[0][name_], states[1][name_])
        assert np.array_equal(states[0][name_], states[2][name_])


@pytest.mark.parametrize("name", COVERED)
def test_the_keras_model_predicts_what_the_learner_predicts(name: str) -> None:
    spec = preset(name, 8, 8, 0.0)
    learner = FastLearner(spec, build(spec, 50, 0.01, 7), 1)
    learner.fit_epoch(batches(5, 32, 50))
    tokens = ragged_tokens([1, 7, 60, 33], 60, 50)
    np.testing.assert_allclose(learner.model().predict(tokens, verbose=0)[:, 0], learner.predict(tokens), atol=1e-5)


@pytest.mark.parametrize("learner_kind", ["fast", "stock"])
def test_a_restored_state_goes_on_bit_for_bit(learner_kind: str) -> None:
    spec = preset("lstm", 4, 4, 0.0 if learner_kind == "fast" else 0.3)

    def make() -> FastLearner | StockLearner:
        model = build(spec, 30, 0.01, 8)
        return FastLearner(spec, model, 1) if learner_kind == "fast" else StockLearner(model)

    first, second = make(), make()
    first.fit_epoch(batches(3, 16, 30))
    state = first.state()
    first.fit_epoch(batches(2, 16, 30, seed=9))
    second.restore(state)
    second.fit_epoch(batches(2, 16, 30, seed=9))
    for name in state:
        assert np.array_equal(first.state()[name], second.state()[name]), name


@pytest.mark.parametrize("name", COVERED)
def test_predicting_nothing_gives_nothing(name: str) -> None:
    spec = preset(name, 4, 4, 0.0)
    assert FastLearner(spec, build(spec, 30, 0.01, 0), 1).predict(np.zeros((0, 9), np.uint16)).shape == (0,)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (preset("gru", 4, 4, 0.0), "gru"),
        (preset("stacked_simple_rnn", 4, 4, 0.0), "more than one"),
        (preset("bidirectional_lstm", 4, 4, 0.0), "bidirectional"),
        (preset("lstm", 4, 4, 0.2), "dropout"),
    ],
)
def test_what_is_not_covered_says_why(spec: ModelSpec, reason: str) -> None:
    assert reason in str(why_not(spec))


def test_the_rational_tanh_is_within_float_rounding() -> None:
    x = np.linspace(-12, 12, 200_001).astype(np.float32)
    found = np.array([kernels._tanh(value) for value in x[::50]])
    assert np.abs(found - np.tanh(x[::50].astype(np.float64))).max() < 5e-7


def test_rmsprop_equals_keras() -> None:
    random = np.random.default_rng(0)
    weights = random.standard_normal(50).astype(np.float32)
    variable = keras.Variable(weights.copy())
    optimizer = keras.optimizers.RMSprop(0.01)
    velocities = np.zeros(50, np.float32)
    for _ in range(5):
        gradient = random.standard_normal(50).astype(np.float32)
        optimizer.apply([tf.constant(gradient)], [variable])
        rmsprop(weights, velocities, gradient, gradient**2, np.float32(0.01), np.float32(0.9), np.float32(1e-7))
    np.testing.assert_allclose(weights, variable.numpy(), rtol=1e-5)
