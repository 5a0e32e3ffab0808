import numpy as np
import pytest

from tasks.data.training_reviews import balanced_weights
from tasks.models.compiled_learner import CompiledLearner
from tasks.models.keras_learner import KerasLearner, build
from tasks.models.spec import ModelSpec, PresetName, preset
from tests.conftest import ragged_tokens
from tests.tasks.models.batches import random_batches
from tests.tasks.models.networks import by_name, by_spec


@by_name
def test_fifty_training_steps_lose_what_keras_loses(name: PresetName) -> None:
    spec = preset(name, 16, 16, 0.0)
    by_keras = KerasLearner(build(spec, 100, 0.001, 5))
    compiled = CompiledLearner(spec, build(spec, 100, 0.001, 5), 2)
    for batch in random_batches(50, 32, 100):
        assert abs(by_keras.fit_epoch([batch]).loss - compiled.fit_epoch([batch]).loss) < 1e-3
    assert compiled.fit_epoch(random_batches(1, 32, 100)).reviews == 32


def test_balanced_weights_train_as_keras_does_with_its_class_weight() -> None:
    spec = preset("lstm", 16, 16, 0.0)
    batches = [batch for batch in random_batches(30, 32, 100) if 0 < batch.labels.sum() < 32]
    weights = balanced_weights(np.concatenate([batch.labels for batch in batches]))
    in_fit, by_keras = (build(spec, 100, 0.001, 5), KerasLearner(build(spec, 100, 0.001, 5)))
    compiled = CompiledLearner(spec, build(spec, 100, 0.001, 5), 2)
    for batch in batches:
        weighted = [batch._replace(weights=weights[batch.labels])]
        losses = compiled.fit_epoch(weighted).loss, by_keras.fit_epoch(weighted).loss
        inputs, targets = batch.tokens.padded().astype(np.int32), batch.labels[:, None].astype(np.float32)
        history = in_fit.fit(inputs, targets, batch_size=32, class_weight=dict(enumerate(weights.tolist())), verbose=0)
        assert losses == pytest.approx([history.history["loss"][0]] * 2, abs=1e-3)
    for ours, theirs in zip(compiled.model().get_weights(), in_fit.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-3)


@by_name
def test_results_do_not_depend_on_the_number_of_threads(name: PresetName) -> None:
    spec = preset(name, 8, 8, 0.0)
    states = []
    for threads in (1, 2, 4):
        learner = CompiledLearner(spec, build(spec, 50, 0.01, 6), threads)
        learner.fit_epoch(random_batches(5, 33, 50))
        states.append(learner.state())
    for key in states[0]:
        assert np.array_equal(states[0][key], states[1][key])
        assert np.array_equal(states[0][key], states[2][key])


@by_name
def test_the_number_of_threads_can_change_between_epochs(name: PresetName) -> None:
    spec = preset(name, 8, 8, 0.0)
    steady, changing = (CompiledLearner(spec, build(spec, 50, 0.01, 6), 1) for _ in range(2))
    for threads in (2, 1, 3):
        changing.set_threads(threads)
        assert steady.fit_epoch(random_batches(2, 16, 50)).loss == changing.fit_epoch(random_batches(2, 16, 50)).loss


@by_name
def test_the_keras_model_predicts_what_the_learner_predicts(name: PresetName) -> None:
    spec = preset(name, 8, 8, 0.0)
    learner = CompiledLearner(spec, build(spec, 50, 0.01, 7), 1)
    learner.fit_epoch(random_batches(5, 32, 50))
    tokens = ragged_tokens([1, 7, 60, 33], 60, 50)
    np.testing.assert_allclose(
        learner.model().predict(tokens.padded(), verbose=0)[:, 0], learner.predict(tokens), atol=1e-5
    )


@by_spec
def test_a_restored_state_resumes_bit_for_bit(spec: ModelSpec) -> None:
    first, second = (CompiledLearner(spec, build(spec, 30, 0.01, 8), 1) for _ in range(2))
    first.fit_epoch(random_batches(3, 16, 30))
    state = first.state()
    first.fit_epoch(random_batches(2, 16, 30, seed=9))
    second.restore(state)
    second.fit_epoch(random_batches(2, 16, 30, seed=9))
    for name in state:
        assert np.array_equal(first.state()[name], second.state()[name]), name


@by_spec
def test_the_keras_model_has_the_weights_and_the_optimizer_of_the_learner(spec: ModelSpec) -> None:
    initial = build(spec, 30, 0.001, 8).get_weights()
    learner, by_keras = CompiledLearner(spec, build(spec, 30, 0.001, 8), 1), KerasLearner(build(spec, 30, 0.001, 8))
    for weight, expected in zip(learner.model().get_weights(), initial, strict=True):
        assert np.array_equal(weight, expected)
    learner.fit_epoch(random_batches(5, 16, 30))
    by_keras.fit_epoch(random_batches(5, 16, 30))
    ours, theirs = learner.model().optimizer.variables, by_keras.model().optimizer.variables
    assert [variable.shape for variable in ours] == [variable.shape for variable in theirs]
    assert int(ours[0]) == 5
    for variable, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(variable.numpy(), expected.numpy(), rtol=5e-3, atol=1e-9, err_msg=variable.path)
