import keras
import numpy as np
import tensorflow as tf

from tasks.models.compiled_learner import RMSprop
from tasks.models.compiled_network import Gradients
from tasks.models.layers.feedforward import EmbeddingGradient
from tasks.models.loops.lanes import Floats

TOKENS = np.array([0, 2, 5])


def weights_and_gradients(seed: int) -> tuple[list[Floats], Gradients]:
    """A table of 7 rows and a matrix; three rows of the table have a gradient."""
    random = np.random.default_rng(seed)
    rows = random.standard_normal((3, 2)).astype(np.float32)
    gradients = Gradients(
        probabilities=np.zeros(1, np.float32),
        embedding=EmbeddingGradient(TOKENS, [np.stack([rows, rows**2], axis=1)]),
        others=[random.standard_normal((3, 4)).astype(np.float32)],
    )
    return [random.random((7, 2), np.float32), random.random((3, 4), np.float32)], gradients


def by_slices(function: object, slices: object) -> list[object]:
    return list(map(function, slices))


def test_steps_and_state_equal_those_of_keras() -> None:
    weights, _ = weights_and_gradients(0)
    variables = [keras.Variable(weight.copy()) for weight in weights]
    by_keras = keras.optimizers.RMSprop(0.01)
    by_keras.build(variables)
    optimizer = RMSprop(0.01, weights)
    for seed in range(4):
        _, gradients = weights_and_gradients(seed)
        rows = tf.IndexedSlices(gradients.embedding.sums()[:, 0], TOKENS, dense_shape=(7, 2))
        by_keras.apply([rows, tf.constant(gradients.others[0])], variables)
        optimizer.step(gradients, by_slices)
    for weight, variable in zip(weights, variables, strict=True):
        np.testing.assert_allclose(weight, variable.numpy(), rtol=1e-5)
    written = keras.optimizers.RMSprop(0.01)
    written.build(variables)
    optimizer.write_to(written)
    for ours, theirs in zip(written.variables, by_keras.variables, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-5)


def test_a_restored_state_resumes_bit_for_bit() -> None:
    (first_weights, gradients), (second_weights, _) = weights_and_gradients(0), weights_and_gradients(0)
    first, second = RMSprop(0.01, first_weights), RMSprop(0.01, second_weights)
    first.step(gradients, by_slices)
    state = first.state()
    for ours, theirs in zip(second_weights, first_weights, strict=True):
        ours[...] = theirs
    first.step(gradients, by_slices)
    second.restore(state)
    second.step(gradients, by_slices)
    for ours, theirs in zip(second_weights, first_weights, strict=True):
        assert np.array_equal(ours, theirs)
    assert state["steps_0"].tolist() == [1]
