import random
import threading

import numpy as np
import pytest

from tasks.data.tokens import Tokens
from tasks.models.keras_learner import KerasLearner, build
from tasks.models.recurrence import forward
from tasks.models.spec import preset
from tests.conftest import ragged_tokens
from tests.tasks.models.batches import random_batches


def test_another_threads_random_numbers_do_not_change_the_initial_weights() -> None:
    spec, stop = preset("gru", 4, 4, 0.0), threading.Event()
    expected = build(spec, 30, 0.01, 8).get_weights()

    def draw() -> None:
        while not stop.is_set():
            random.random()

    other = threading.Thread(target=draw)
    other.start()
    try:
        for weight, same in zip(build(spec, 30, 0.01, 8).get_weights(), expected, strict=True):
            assert np.array_equal(weight, same)
    finally:
        stop.set()
        other.join()


def test_a_restored_state_resumes_bit_for_bit() -> None:
    spec = preset("lstm", 4, 4, 0.3)
    first, second = (KerasLearner(build(spec, 30, 0.01, 8)) for _ in range(2))
    first.fit_epoch(random_batches(3, 16, 30))
    state = first.state()
    first.fit_epoch(random_batches(2, 16, 30, seed=9))
    second.restore(state)
    second.fit_epoch(random_batches(2, 16, 30, seed=9))
    for name in state:
        assert np.array_equal(first.state()[name], second.state()[name]), name


def test_the_metrics_of_an_epoch_are_means_over_its_reviews() -> None:
    spec = preset("gru", 4, 4, 0.0)
    learner, frozen = (KerasLearner(build(spec, 30, rate, 8)) for rate in (0.01, 0.0))
    batches = random_batches(2, 16, 30)
    fitted = frozen.fit_epoch(batches)
    p = np.concatenate([frozen.predict(tokens) for tokens, *_ in batches])
    labels = np.concatenate([labels for _, labels, _ in batches])
    assert fitted.reviews == 32
    assert fitted.loss == pytest.approx(-np.mean(np.log(np.where(labels == 1, p, 1 - p))), rel=1e-5)
    assert fitted.accuracy == np.mean((p > 0.5) == labels)
    assert learner.fit_epoch(batches * 20).loss < fitted.loss


def test_gradient_norms_agree_with_central_differences() -> None:
    spec = preset("simple_rnn", 5, 4, 0.0)
    learner = KerasLearner(build(spec, 50, 0.001, 1))
    embedding, *weights = [weight.astype(np.float64) for weight in learner.model().get_weights()]
    padded, labels = np.array([[0, 8, 5, 9]], np.uint8), np.array([1])
    norms = learner.gradient_norms(Tokens.from_padded(padded), labels)[0]
    # A table with a row for each timestep, so that each input can be nudged alone.
    inputs, timesteps = embedding[padded[0]], np.arange(4)[None]

    def loss() -> float:
        return -float(np.log(forward(spec, [inputs, *weights], timesteps)[0]))

    slopes = np.zeros_like(inputs)
    for index in np.ndindex(inputs.shape):
        value = inputs[index]
        inputs[index] = value + 1e-5
        above = loss()
        inputs[index] = value - 1e-5
        slopes[index] = (above - loss()) / 2e-5
        inputs[index] = value
    assert norms[0] == 0.0  # Padding.
    np.testing.assert_allclose(norms[1:], np.linalg.norm(slopes, axis=1)[1:], rtol=1e-3)


def test_gradient_norms_of_more_reviews_than_are_computed_at_once() -> None:
    learner = KerasLearner(build(preset("stacked_simple_rnn", 3, 3, 0.0), 30, 0.001, 1))
    tokens = ragged_tokens([1 + number % 9 for number in range(130)], 9, 30)
    labels = np.arange(130) % 2
    norms = learner.gradient_norms(tokens, labels)
    np.testing.assert_allclose(norms[125:], learner.gradient_norms(tokens[125:], labels[125:]), rtol=1e-5)
    assert np.array_equal(norms > 0, tokens.padded() != 0)


def test_the_engine_gives_the_reason() -> None:
    model = build(preset("gru", 3, 3, 0.0), 30, 0.001, 1)
    assert KerasLearner(model, "bidirectional").engine == "Keras (bidirectional)"
    assert KerasLearner(model).engine == "Keras"
