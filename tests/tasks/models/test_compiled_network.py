"""Outputs and gradients of the compiled loops against Keras and against finite differences."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tasks.models.compiled_network import CompiledNetwork
from tasks.models.keras_learner import KerasLearner
from tasks.models.keras_model import build
from tasks.models.recurrence import forward
from tasks.models.spec import ModelSpec, preset
from tasks.models.weights import Weights
from tests.conftest import ragged_tokens

COVERED = ("simple_rnn", "lstm")


def network(spec: ModelSpec, model: keras.Model, threads: int = 1) -> CompiledNetwork:
    """The compiled network with the weights of the Keras model."""
    return CompiledNetwork(spec, Weights(*model.get_weights()), threads)


def keras_gradients(model: keras.Model, tokens: NDArray, labels: NDArray) -> tuple[NDArray, Weights]:
    """Probabilities and the mean loss's gradients as Keras computes them."""
    with tf.GradientTape() as tape:
        probabilities = model(tokens.astype(np.int32))
        loss = keras.ops.mean(keras.losses.binary_crossentropy(labels[:, None].astype(np.float32), probabilities))
    gradients = tape.gradient(loss, model.trainable_variables)
    return probabilities.numpy()[:, 0], Weights(*(tf.convert_to_tensor(gradient).numpy() for gradient in gradients))


def assert_gradients_equal(
    spec: ModelSpec,
    tokens: NDArray,
    labels: NDArray,
    vocabulary_size: int,
    seed: int,
    relative: float = 1e-5,
    rounding: float = 2e-9,
) -> None:
    """Hold every gradient against that of Keras.

    A gradient is a sum over reviews, and review i's contribution starts from d loss / d logit = p - y. Where
    contributions cancel, their rounding stays. So a difference may have the size of `relative` times the gradient plus
    `rounding` times the mean |p - y|.
    """
    model = build(spec, vocabulary_size, 0.001, seed)
    probabilities, expected = keras_gradients(model, tokens, labels)
    gradients = network(spec, model).gradients(tokens, labels)
    np.testing.assert_allclose(gradients.probabilities, probabilities, atol=1e-5)
    contributions = np.abs(probabilities - labels).mean()
    computed = gradients.full(vocabulary_size)
    for name, ours, theirs in zip(Weights._fields, computed, expected, strict=True):
        assert np.linalg.norm(ours - theirs) <= relative * np.linalg.norm(theirs) + rounding * contributions, name


@pytest.mark.parametrize("name", COVERED)
def test_outputs_and_gradients_equal_keras_on_ragged_reviews(name: str) -> None:
    random = np.random.default_rng(0)
    tokens = ragged_tokens([1, 500, *random.integers(2, 500, 30).tolist()], 500, 1_000)
    assert_gradients_equal(preset(name, 32, 32, 0.0), tokens, random.integers(0, 2, 32), 1_000, seed=1)


@settings(deadline=None, max_examples=20)
@given(
    name=st.sampled_from(COVERED),
    units=st.integers(1, 20),
    embedding=st.integers(1, 20),
    timesteps=st.integers(1, 30),
    shares=st.lists(st.floats(0, 1), min_size=1, max_size=9),
    seed=st.integers(0, 99),
)
# Contributions that cancel: between reviews in the first two, along a review in the others.
@example(name="simple_rnn", units=1, embedding=9, timesteps=2, shares=[0.5, 0.5], seed=55_755)
@example(name="lstm", units=13, embedding=1, timesteps=3, shares=[0.6, 0.3], seed=617)
@example(name="simple_rnn", units=1, embedding=15, timesteps=4, shares=[0.75, 0.5, 0.25, 0.25, 0.25, 0.25], seed=572)
@example(name="simple_rnn", units=12, embedding=1, timesteps=21, shares=[0.52, 0.19], seed=30_284)
def test_gradients_equal_keras_for_any_size(
    name: str, units: int, embedding: int, timesteps: int, shares: list[float], seed: int
) -> None:
    tokens = ragged_tokens([max(1, round(share * timesteps)) for share in shares], timesteps, 30, seed)
    labels = np.random.default_rng(seed).integers(0, 2, len(tokens))
    assert_gradients_equal(preset(name, units, embedding, 0.0), tokens, labels, 30, seed, relative=1e-4, rounding=1e-6)


@pytest.mark.parametrize("name", COVERED)
def test_a_review_of_padding_alone_is_computed_like_any_other(name: str) -> None:
    tokens = ragged_tokens([0, 3, 0], 12, 20)
    assert_gradients_equal(preset(name, 5, 4, 0.0), tokens, np.array([0, 1, 1]), 20, seed=2)


@pytest.mark.parametrize("name", COVERED)
def test_gradients_equal_central_differences_in_float64(name: str) -> None:
    spec = preset(name, 3, 2, 0.0)
    model = build(spec, 8, 0.001, 4)
    tokens, labels = ragged_tokens([1, 6, 4], 6, 8), np.array([1, 0, 1])
    weights = [weight.astype(np.float64) for weight in model.get_weights()]

    def loss() -> float:
        p = forward(spec, weights, tokens)
        return float(-np.mean(np.log(np.where(labels == 1, p, 1 - p))))

    gradients = network(spec, model).gradients(tokens, labels).full(8)
    for weight, gradient in zip(weights, gradients, strict=True):
        for index in np.ndindex(weight.shape):
            value = weight[index]
            weight[index] = value + 1e-5
            above = loss()
            weight[index] = value - 1e-5
            below = loss()
            weight[index] = value
            assert abs(gradient[index] - (above - below) / 2e-5) < 1e-6


@pytest.mark.parametrize("name", COVERED)
def test_gradient_norms_equal_those_of_keras(name: str) -> None:
    spec = preset(name, 5, 4, 0.0)
    model = build(spec, 50, 0.001, 1)
    tokens = ragged_tokens([1, 30, 30, 7, 22, 30, 3] * 20, 30, 50)
    labels = np.arange(len(tokens)) % 2
    norms = network(spec, model).gradient_norms(tokens, labels)
    assert norms == pytest.approx(KerasLearner(model).gradient_norms(tokens, labels), rel=1e-3, abs=1e-7)
    assert norms[1].min() > 0
    assert not norms[0, :-1].any()


@pytest.mark.parametrize("name", COVERED)
def test_results_do_not_depend_on_the_number_of_threads(name: str) -> None:
    spec = preset(name, 8, 8, 0.0)
    model = build(spec, 50, 0.01, 6)
    tokens = ragged_tokens(np.random.default_rng(0).integers(1, 60, 300).tolist(), 60, 50)
    labels = np.arange(300) % 2
    one, two, four = (network(spec, model, threads) for threads in (1, 2, 4))
    for other in (two, four):
        assert np.array_equal(one.predict(tokens), other.predict(tokens))
        assert np.array_equal(one.gradient_norms(tokens, labels), other.gradient_norms(tokens, labels))
        for ours, theirs in zip(
            one.gradients(tokens, labels).full(50), other.gradients(tokens, labels).full(50), strict=True
        ):
            assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("name", COVERED)
def test_predicting_nothing_gives_nothing(name: str) -> None:
    spec = preset(name, 4, 4, 0.0)
    assert network(spec, build(spec, 30, 0.01, 0)).predict(np.zeros((0, 9), np.uint16)).shape == (0,)
