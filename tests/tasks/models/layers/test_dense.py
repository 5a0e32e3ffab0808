import numpy as np

from tasks.models.layers.feedforward import Dense, DenseWeights, d_logits_of

INPUTS = np.array([[1, 2], [0, -1]], np.float32)


def test_forward_and_backward_with_literal_numbers() -> None:
    dense = Dense(DenseWeights(np.array([[0.5], [-1]], np.float32), np.array([0.25], np.float32)))
    np.testing.assert_allclose(dense.forward(INPUTS), 1 / (1 + np.exp([1.25, -1.25])), rtol=1e-6)
    d_inputs, gradients = dense.backward(INPUTS, np.array([2, 4], np.float32))
    assert d_inputs.tolist() == [[1, -2], [2, -4]]
    assert gradients.kernel.tolist() == [[2], [0]]
    assert gradients.bias.tolist() == [6]


def test_the_loss_has_no_slope_where_keras_clips_it() -> None:
    probabilities = np.array([0.75, 0.75, 1.0, 0.0], np.float32)
    assert d_logits_of(probabilities, np.array([1, 0, 0, 1])).tolist() == [-0.25, 0.75, 0, 0]
