import keras
import numpy as np
import tensorflow as tf

from tasks.models.loops.rmsprop import rmsprop, rmsprop_rows

SETTINGS = np.float32(0.01), np.float32(0.9), np.float32(1e-7)


def test_rmsprop_equals_keras() -> None:
    random = np.random.default_rng(0)
    weights = random.standard_normal(50).astype(np.float32)
    variable = keras.Variable(weights.copy())
    optimizer = keras.optimizers.RMSprop(0.01)
    velocities = np.zeros(50, np.float32)
    for _ in range(5):
        gradient = random.standard_normal(50).astype(np.float32)
        optimizer.apply([tf.constant(gradient)], [variable])
        rmsprop(weights, velocities, gradient, gradient**2, *SETTINGS)
    np.testing.assert_allclose(weights, variable.numpy(), rtol=1e-5)


def test_rows_without_a_gradient_keep_their_weights_while_their_velocities_decay() -> None:
    weights, velocities = np.ones((3, 2), np.float32), np.full((3, 2), 0.5, np.float32)
    gradients = np.array([[1, 2]], np.float32)
    sums = np.stack([gradients, gradients**2], axis=1)
    row, row_velocities = weights[1].copy(), velocities[1].copy()
    rmsprop(row, row_velocities, gradients[0], gradients[0] ** 2, *SETTINGS)
    rmsprop_rows(weights, velocities, np.array([1]), sums, *SETTINGS)
    assert np.array_equal(weights, [[1, 1], row, [1, 1]])
    assert np.array_equal(velocities[1], row_velocities)
    np.testing.assert_allclose(velocities[[0, 2]], 0.45)
