import numpy as np
import pytest

from tasks.models.compiled_learner import CompiledLearner
from tasks.models.keras_learner import KerasLearner
from tasks.models.keras_model import build
from tasks.models.spec import preset
from tests.conftest import ragged_tokens
from tests.tasks.models.batches import random_batches

COVERED = ("simple_rnn", "lstm")


@pytest.mark.parametrize("name", COVERED)
def test_fifty_training_steps_lose_what_keras_loses(name: str) -> None:
    spec = preset(name, 16, 16, 0.0)
    by_keras = KerasLearner(build(spec, 100, 0.001, 5))
    compiled = CompiledLearner(spec, build(spec, 100, 0.001, 5), 2)
    for batch in random_batches(50, 32, 100):
        assert abs(by_keras.fit_epoch([batch]).loss - compiled.fit_epoch([batch]).loss) < 1e-3
    assert compiled.fit_epoch(random_batches(1, 32, 100)).reviews == 32


@pytest.mark.parametrize("name", COVERED)
def test_results_do_not_depend_on_the_number_of_threads(name: str) -> None:
    spec = preset(name, 8, 8, 0.0)
    states = []
    for threads in (1, 2, 4):
        learner = CompiledLearner(spec, build(spec, 50, 0.01, 6), threads)
        learner.fit_epoch(random_batches(5, 33, 50))
        states.append(learner.state())
    for key in states[0]:
        assert np.array_equal(states[0][key], states[1][key])
        assert np.array_equal(states[0][key], states[2][key])


@pytest.mark.parametrize("name", COVERED)
def test_the_number_of_threads_can_change_between_epochs(name: str) -> None:
    spec = preset(name, 8, 8, 0.0)
    steady, changing = (CompiledLearner(spec, build(spec, 50, 0.01, 6), 1) for _ in range(2))
    for threads in (2, 1, 3):
        changing.set_threads(threads)
        assert steady.fit_epoch(random_batches(2, 16, 50)).loss == changing.fit_epoch(random_batches(2, 16, 50)).loss


@pytest.mark.parametrize("name", COVERED)
def test_the_keras_model_predicts_what_the_learner_predicts(name: str) -> None:
    spec = preset(name, 8, 8, 0.0)
    learner = CompiledLearner(spec, build(spec, 50, 0.01, 7), 1)
    learner.fit_epoch(random_batches(5, 32, 50))
    tokens = ragged_tokens([1, 7, 60, 33], 60, 50)
    np.testing.assert_allclose(learner.model().predict(tokens, verbose=0)[:, 0], learner.predict(tokens), atol=1e-5)


def test_a_restored_state_resumes_bit_for_bit() -> None:
    spec = preset("lstm", 4, 4, 0.0)
    first, second = (CompiledLearner(spec, build(spec, 30, 0.01, 8), 1) for _ in range(2))
    first.fit_epoch(random_batches(3, 16, 30))
    state = first.state()
    first.fit_epoch(random_batches(2, 16, 30, seed=9))
    second.restore(state)
    second.fit_epoch(random_batches(2, 16, 30, seed=9))
    for name in state:
        assert np.array_equal(first.state()[name], second.state()[name]), name
