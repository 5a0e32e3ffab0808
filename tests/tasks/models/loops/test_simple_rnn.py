"""One unit and literal numbers; `tests/tasks/models/test_compiled_network.py` holds whole networks against Keras."""

import numpy as np

from tasks.models.loops.simple_rnn import simple_rnn_backward, simple_rnn_forward, simple_rnn_padding_backward

# Two timesteps; the first review reads tokens 0 and 1, the second begins at the second timestep and reads token 1.
PACKED = ROWS, OFFSETS, BATCH_SIZES = [np.array(values, np.int32) for values in ([0, 1, 1], [0, 1], [1, 2])]
PROJECTIONS = np.array([[0.5], [-0.25]], np.float32)
RECURRENT_KERNEL = np.array([[2.0]], np.float32)
TRAJECTORY = np.array([[0.0], [0.1]], np.float32)


def test_forward() -> None:
    hidden_states, gates = np.empty((3, 1), np.float32), np.empty((3, 1), np.float32)
    final_hidden = np.empty((2, 1), np.float32)
    simple_rnn_forward(*PACKED, PROJECTIONS, RECURRENT_KERNEL, TRAJECTORY, hidden_states, final_hidden, gates)
    first = np.tanh(0.5)
    np.testing.assert_allclose(hidden_states[:, 0], [0, first, 0.1], atol=1e-6)
    np.testing.assert_allclose(final_hidden[:, 0], np.tanh([2 * first - 0.25, 2 * 0.1 - 0.25]), atol=1e-6)


def test_backward() -> None:
    hidden_states = np.array([[0.0], [0.4], [0.1]], np.float32)
    final_hidden = np.array([[0.5], [-0.2]], np.float32)
    d_hidden_input = np.array([[1, 0], [3, 0]], np.float32)
    gates, d_recurrent_kernel = np.empty((3, 1), np.float32), np.zeros((1, 1), np.float32)
    d_projections, squares = np.zeros((2, 1), np.float32), np.zeros((2, 1), np.float32)
    kernels_transposed = np.array([[2.0, 0.5]], np.float32)  # Recurrent kernel 2, kernel 0.5.
    states = hidden_states, final_hidden, d_hidden_input
    simple_rnn_backward(*PACKED, kernels_transposed, *states, gates, d_recurrent_kernel, d_projections, squares)
    last = np.array([1 * (1 - 0.5**2), 3 * (1 - 0.2**2)])
    first = 2 * last[0] * (1 - 0.4**2)
    np.testing.assert_allclose(d_hidden_input[:, 0], [2 * first, 2 * last[1]], rtol=1e-6)
    np.testing.assert_allclose(d_recurrent_kernel, [[0.4 * last[0] + 0.1 * last[1]]], rtol=1e-6)
    np.testing.assert_allclose(d_projections[:, 0], [first, last.sum()], rtol=1e-6)
    np.testing.assert_allclose(squares[:, 0], [(0.5 * first) ** 2, ((0.5 * last) ** 2).sum()], rtol=1e-6)


def test_padding_backward() -> None:
    d_hidden_input = np.array([[7, 0], [2, 0]], np.float32)  # The first review has no padding.
    d_padding, squares = np.zeros((1, 1), np.float32), np.zeros(1, np.float32)
    kernels_transposed = np.array([[2.0, 0.5]], np.float32)
    no_gates = np.empty((1, 1), np.float32)
    simple_rnn_padding_backward(
        BATCH_SIZES, kernels_transposed, TRAJECTORY, no_gates, d_hidden_input, d_padding, squares
    )
    dz = 2 * (1 - 0.1**2)
    np.testing.assert_allclose(d_padding, [[dz]], rtol=1e-6)
    np.testing.assert_allclose(squares, [(0.5 * dz) ** 2], rtol=1e-6)
