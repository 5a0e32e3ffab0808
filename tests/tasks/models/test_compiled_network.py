"""Outputs and gradients of the compiled loops against Keras and against finite differences."""

import threading
from threading import Barrier
from typing import get_args

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tasks.data.tokens import Tokens
from tasks.models.compiled_network import CompiledNetwork, unsupported_reason
from tasks.models.keras_learner import KerasLearner, build
from tasks.models.learner import NORM_REVIEWS
from tasks.models.recurrence import forward
from tasks.models.spec import Cell, ModelSpec, PresetName, preset
from tests.conftest import ragged_tokens
from tests.tasks.models.networks import SMALL, by_name, by_spec, small


def network(spec: ModelSpec, model: keras.Model, threads: int = 1) -> CompiledNetwork:
    """The compiled network with the weights of the Keras model."""
    return CompiledNetwork(spec, model.get_weights(), threads)


def keras_gradients(model: keras.Model, tokens: Tokens, labels: NDArray) -> tuple[NDArray, list[NDArray]]:
    """Probabilities and the mean loss's gradients as Keras computes them."""
    with tf.GradientTape() as tape:
        probabilities = model(tokens.padded().astype(np.int32))
        loss = keras.ops.mean(keras.losses.binary_crossentropy(labels[:, None].astype(np.float32), probabilities))
    gradients = tape.gradient(loss, model.trainable_variables)
    return probabilities.numpy()[:, 0], [tf.convert_to_tensor(gradient).numpy() for gradient in gradients]


def assert_gradients_equal(
    spec: ModelSpec,
    tokens: Tokens,
    labels: NDArray,
    vocabulary_size: int,
    seed: int,
    relative: float = 1e-4,
    rounding: float = 2e-9,
) -> None:
    """Compare every gradient with that of Keras.

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
    for variable, ours, theirs in zip(model.trainable_variables, computed, expected, strict=True):
        allowed = relative * np.linalg.norm(theirs) + rounding * contributions
        assert np.linalg.norm(ours - theirs) <= allowed, variable.path


@by_name
def test_outputs_and_gradients_equal_keras_on_ragged_reviews(name: PresetName) -> None:
    random = np.random.default_rng(0)
    tokens = ragged_tokens([1, 500, *random.integers(2, 500, 30).tolist()], 500, 1_000)
    labels = random.integers(0, 2, 32)
    assert_gradients_equal(preset(name, 32, 32, 0.0), tokens, labels, 1_000, seed=1)


@pytest.mark.slow  # Builds a Keras model for each example.
@settings(deadline=None, max_examples=25)
@given(
    cell=st.sampled_from(get_args(Cell)),
    units=st.lists(st.integers(1, 20), min_size=1, max_size=3),
    bidirectional=st.booleans(),
    embedding=st.integers(1, 20),
    timesteps=st.integers(1, 30),
    shares=st.lists(st.floats(0, 1), min_size=1, max_size=9),
    seed=st.integers(0, 99),
)
# Contributions that cancel: between reviews in the first two, along a review in the others.
@example(cell="simple_rnn", units=[1], bidirectional=False, embedding=9, timesteps=2, shares=[0.5, 0.5], seed=55_755)
@example(cell="lstm", units=[13], bidirectional=False, embedding=1, timesteps=3, shares=[0.6, 0.3], seed=617)
@example(
    cell="simple_rnn",
    units=[1],
    bidirectional=False,
    embedding=15,
    timesteps=4,
    shares=[0.75, 0.5, 0.25, 0.25, 0.25, 0.25],
    seed=572,
)
@example(
    cell="simple_rnn", units=[12], bidirectional=False, embedding=1, timesteps=21, shares=[0.52, 0.19], seed=30_284
)
def test_gradients_equal_keras_for_any_network(
    cell: Cell,
    units: list[int],
    bidirectional: bool,
    embedding: int,
    timesteps: int,
    shares: list[float],
    seed: int,
) -> None:
    spec = ModelSpec(name="any", cell=cell, units=units, bidirectional=bidirectional, embedding=embedding)
    tokens = ragged_tokens([round(share * timesteps) for share in shares], timesteps, 30, seed)
    labels = np.random.default_rng(seed).integers(0, 2, len(tokens))
    # A bias adds a contribution for every timestep.
    assert_gradients_equal(spec, tokens, labels, 30, seed, relative=1e-4, rounding=1e-6 + 2e-7 * timesteps)


@by_spec
@pytest.mark.parametrize("lengths", [[0, 3, 0], [0, 0], [6, 6, 6], [1], [1, 6, 0, 4, 4]], ids=str)
def test_reviews_of_padding_alone_and_without_padding_are_computed_like_any_other(
    spec: ModelSpec, lengths: list[int]
) -> None:
    labels = np.arange(len(lengths)) % 2
    assert_gradients_equal(spec, ragged_tokens(lengths, 6, 20), labels, 20, seed=2, rounding=1e-6)


def test_as_many_threads_work_at_once_as_are_asked_for() -> None:
    of_two = network(SMALL[0], build(SMALL[0], 20, 0.001, 2), threads=2)
    together = Barrier(2, timeout=60)
    assert sorted(of_two.map(lambda _: together.wait(), range(2))) == [0, 1]
    of_two.set_threads(1)
    assert set(of_two.map(lambda _: threading.current_thread(), range(2))) == {threading.current_thread()}


@by_spec
def test_a_batch_after_a_larger_one_finds_nothing_of_it(spec: ModelSpec) -> None:
    model = build(spec, 20, 0.001, 2)
    used, fresh = network(spec, model), network(spec, model)
    used.gradients(ragged_tokens([30, 4, 22, 0, 9, 30], 30, 20), np.array([0, 1, 1, 0, 1, 0]))
    tokens, labels = ragged_tokens([2, 7, 0], 12, 20), np.array([0, 1, 1])
    for ours, theirs in zip(
        used.gradients(tokens, labels).full(20), fresh.gradients(tokens, labels).full(20), strict=True
    ):
        assert np.array_equal(ours, theirs)


@by_spec
def test_gradients_equal_central_differences_in_float64(spec: ModelSpec) -> None:
    model = build(spec, 8, 0.001, 4)
    tokens, labels = ragged_tokens([1, 6, 4, 0], 6, 8), np.array([1, 0, 1, 0])
    weights = [weight.astype(np.float64) for weight in model.get_weights()]

    def loss() -> float:
        p = forward(spec, weights, tokens.padded())
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


@by_spec
def test_squares_of_the_embedding_are_summed_by_occurrence(spec: ModelSpec) -> None:
    model = build(spec, 12, 0.001, 4)
    tokens, labels = ragged_tokens([1, 9, 4, 0, 9], 9, 12), np.array([1, 0, 1, 0, 0])
    embedding, *layers = model.layers
    inputs = embedding(tokens.padded().astype(np.int32))
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = inputs
        for layer in layers:
            outputs = layer(outputs)
        loss = keras.ops.mean(keras.losses.binary_crossentropy(labels[:, None].astype(np.float32), outputs))
    occurrences = tape.gradient(loss, inputs).numpy()  # (reviews, timesteps, features)
    expected = np.zeros((12, occurrences.shape[-1]), np.float32)
    np.add.at(expected, tokens.padded(), occurrences**2)
    gradient = network(spec, model).gradients(tokens, labels).embedding
    assert 0 in gradient.tokens  # Padding counts too.
    np.testing.assert_allclose(gradient.sums()[:, 1], expected[gradient.tokens], rtol=1e-3, atol=1e-12)


@by_spec
def test_gradient_norms_equal_those_of_keras(spec: ModelSpec) -> None:
    model = build(spec, 50, 0.001, 1)
    # Two parts of the same size, so that Keras traces its function once.
    tokens = ragged_tokens([1, 30, 30, 7, 22, 30, 3, 12, 30, 5] * (2 * NORM_REVIEWS // 10), 30, 50)
    labels = np.arange(len(tokens)) % 2
    norms = network(spec, model).gradient_norms(tokens, labels)
    assert len(norms) == 2 * NORM_REVIEWS
    assert norms == pytest.approx(KerasLearner(model).gradient_norms(tokens, labels), rel=1e-3, abs=1e-7)
    assert norms[1].min() > 0
    assert not norms[0, :-1].any()


@by_spec
def test_results_do_not_depend_on_the_number_of_threads(spec: ModelSpec) -> None:
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


@by_name
def test_a_prediction_does_not_depend_on_the_other_reviews(name: PresetName) -> None:
    spec = small(name)
    compiled = network(spec, build(spec, 50, 0.01, 6))
    tokens = ragged_tokens(np.random.default_rng(0).integers(0, 60, 70).tolist(), 60, 50)
    alone = [compiled.predict(tokens[review : review + 1])[0] for review in range(70)]
    np.testing.assert_allclose(compiled.predict(tokens), alone, rtol=1e-6)


@by_spec
def test_a_prediction_is_that_of_training_however_long_the_padding_is(spec: ModelSpec) -> None:
    """Training reads all timesteps; predicting backwards ends where padding no longer changes a state."""
    compiled = network(spec, build(spec, 50, 0.01, 6))
    tokens = ragged_tokens([0, 1, 2, 40, 300, 990, 1000], 1000, 50)
    trained = compiled.gradients(tokens, np.zeros(7, np.uint8)).probabilities
    assert np.array_equal(compiled.predict(tokens), trained)


@by_name
def test_predicting_nothing_gives_nothing(name: PresetName) -> None:
    spec = small(name)
    assert network(spec, build(spec, 30, 0.01, 0)).predict(np.zeros((0, 9), np.uint16)).shape == (0,)


@by_name
def test_every_preset_is_covered_without_dropout_alone(name: PresetName) -> None:
    assert unsupported_reason(small(name)) is None
    assert unsupported_reason(preset(name, 4, 4, 0.2)) == "dropout"
