"""One unit and literal numbers; `tests/tasks/models/test_compiled_network.py` holds whole networks against Keras."""

import numpy as np

from tasks.models.loops.lstm import lstm_backward, lstm_forward, lstm_padding_backward

# One timestep; the first review has begun, the second is padding before it.
PACKED = ROWS, OFFSETS, BATCH_SIZES = [np.array(values, np.int32) for values in ([0], [0], [1])]
I, F, G, O = GATES = 0.6, 0.7, -0.3, 0.8  # noqa: E741 -- the gates' names


def sigmoid(x: float) -> float:
    return 1 / (1 + float(np.exp(-x)))


def test_forward() -> None:
    projections = np.array([[[0.1], [0.2], [0.3], [0.4]]], np.float32)
    recurrent_kernel = np.array([[1.0, -1.0, 0.5, 2.0]], np.float32)
    hidden_states, cell_states, final_hidden, final_cell = np.empty((4, 1, 1), np.float32)
    gates = np.empty((1, 4, 1), np.float32)
    start_h, start_c = np.array([[0.5]], np.float32), np.array([[-0.4]], np.float32)
    states = hidden_states, cell_states, final_hidden, final_cell
    lstm_forward(*PACKED, projections, recurrent_kernel, start_h, start_c, *states, gates)
    i, f, g, o = sigmoid(0.1 + 0.5), sigmoid(0.2 - 0.5), np.tanh(0.3 + 0.25), sigmoid(0.4 + 1.0)
    c = f * -0.4 + i * g
    np.testing.assert_allclose(gates[0, :, 0], [i, f, g, o], atol=1e-6)
    np.testing.assert_allclose([hidden_states[0, 0], cell_states[0, 0]], [0.5, -0.4])
    np.testing.assert_allclose([final_cell[0, 0], final_hidden[0, 0]], [c, o * np.tanh(c)], atol=1e-6)


def expected_gradients(dh: float, dc: float, c: float, new_c: float) -> tuple[list[float], float]:
    """The gates' gradients before the activation, and the gradient of the cell state before the timestep."""
    tanh_c = float(np.tanh(new_c))
    dc += dh * O * (1 - tanh_c**2)
    gates = [dc * G * I * (1 - I), dc * c * F * (1 - F), dc * I * (1 - G**2), dh * tanh_c * O * (1 - O)]
    return gates, dc * F


def test_backward() -> None:
    gates = np.array(GATES, np.float32).reshape(1, 4, 1)
    hidden_states, cell_states, final_hidden, final_cell = np.array([0.5, -0.4, 9.9, 0.3], np.float32).reshape(4, 1, 1)
    d_hidden_input, d_cell = np.array([[2, 0]], np.float32), np.array([[0.5]], np.float32)
    kernels_transposed = np.array([[1, 0.5], [2, 0], [3, 0], [4, 0]], np.float32)
    d_recurrent_kernel, d_projections = np.zeros((1, 4), np.float32), np.zeros((1, 4), np.float32)
    squares = np.zeros((1, 1), np.float32)
    states = hidden_states, cell_states, final_hidden, final_cell, d_hidden_input, d_cell
    lstm_backward(*PACKED, kernels_transposed, *states, gates, d_recurrent_kernel, d_projections, squares)
    dz, dc = expected_gradients(dh=2, dc=0.5, c=-0.4, new_c=0.3)
    np.testing.assert_allclose(d_projections[0], dz, rtol=1e-5)
    np.testing.assert_allclose(d_recurrent_kernel[0], 0.5 * np.array(dz), rtol=1e-5)
    np.testing.assert_allclose(d_hidden_input[0], [np.dot(dz, [1, 2, 3, 4]), 0.5 * dz[0]], rtol=1e-5)
    np.testing.assert_allclose(d_cell, [[dc]], rtol=1e-5)
    np.testing.assert_allclose(squares, [[(0.5 * dz[0]) ** 2]], rtol=1e-5)


def test_padding_backward() -> None:
    gates = np.array(GATES, np.float32).reshape(1, 4, 1)
    trajectory, cell_trajectory = np.array([[[0.0], [9.9]], [[-0.4], [0.3]]], np.float32)
    d_hidden_input, d_cell = np.array([[7, 0], [2, 0]], np.float32), np.array([[7], [0.5]], np.float32)
    kernels_transposed = np.array([[1, 0.5], [2, 0], [3, 0], [4, 0]], np.float32)
    d_padding, squares = np.zeros((1, 4, 1), np.float32), np.zeros(1, np.float32)
    lstm_padding_backward(
        BATCH_SIZES, kernels_transposed, trajectory, cell_trajectory, gates, d_hidden_input, d_cell, d_padding, squares
    )
    dz, dc = expected_gradients(dh=2, dc=0.5, c=-0.4, new_c=0.3)
    np.testing.assert_allclose(d_padding[0, :, 0], dz, rtol=1e-5)
    np.testing.assert_allclose(d_cell, [[7], [dc]], rtol=1e-5)
    np.testing.assert_allclose(squares, [(0.5 * dz[0]) ** 2], rtol=1e-5)
