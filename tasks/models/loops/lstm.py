"""Long short-term memory over packed reviews, forward and backward.

As `tasks.models.loops.simple_rnn`, with a cell state beside each hidden state and four gates in the order i, f, g, o of
Keras.
"""

import numpy as np

from tasks.models.loops.arithmetic import Floats, Ints, fast, flushed, sigmoid, tanh
from tasks.models.loops.gradients import BLOCK, add_outer_products, add_to_tokens, end_of_live_rows


@fast
def lstm_forward(
    rows: Ints,
    offsets: Ints,
    batch_sizes: Ints,
    projections: Floats,
    recurrent_kernel: Floats,
    trajectory: Floats,
    cell_trajectory: Floats,
    hidden_states: Floats,
    cell_states: Floats,
    final_hidden: Floats,
    final_cell: Floats,
    gates: Floats,
) -> None:
    """As `simple_rnn_forward`; `cell_states` and `final_cell` are results like `hidden_states` and `final_hidden`.

    `gates` receives the activated gates, shape (entries, 4, units); `projections` has shape (tokens, 4, units),
    `recurrent_kernel` (units, 4 · units).
    """
    timesteps = len(batch_sizes)
    units = recurrent_kernel.shape[0]
    flat_gates = gates.reshape(len(gates), 4 * units)
    for t in range(timesteps):
        n, b = batch_sizes[t], offsets[t]
        if n == 0:
            continue
        for i in range(batch_sizes[t - 1] if t else 0, n):
            hidden_states[b + i] = trajectory[t]
            cell_states[b + i] = cell_trajectory[t]
        np.dot(hidden_states[b : b + n], recurrent_kernel, flat_gates[b : b + n])
        last = t == timesteps - 1
        next_hidden = final_hidden if last else hidden_states[offsets[t + 1] :]
        next_cell = final_cell if last else cell_states[offsets[t + 1] :]
        for i in range(n):
            gate, projection, c = gates[b + i], projections[rows[b + i]], cell_states[b + i]
            new_h, new_c = next_hidden[i], next_cell[i]
            for j in range(units):
                gate[0, j] = sigmoid(gate[0, j] + projection[0, j])
            for j in range(units):
                gate[1, j] = sigmoid(gate[1, j] + projection[1, j])
            for j in range(units):
                gate[2, j] = tanh(gate[2, j] + projection[2, j])
            for j in range(units):
                gate[3, j] = sigmoid(gate[3, j] + projection[3, j])
            for j in range(units):
                new_c[j] = gate[1, j] * c[j] + gate[0, j] * gate[2, j]
            for j in range(units):
                new_h[j] = gate[3, j] * tanh(new_c[j])


@fast
def lstm_backward(
    rows: Ints,
    offsets: Ints,
    batch_sizes: Ints,
    kernels_transposed: Floats,
    hidden_states: Floats,
    cell_states: Floats,
    final_hidden: Floats,  # noqa: ARG001 -- one signature for all cells
    final_cell: Floats,
    d_hidden_input: Floats,
    d_cell: Floats,
    gates: Floats,
    d_recurrent_kernel: Floats,
    d_projections: Floats,
    squares: Floats,
) -> None:
    """As `simple_rnn_backward`; `d_cell` is to the cell state what `d_hidden_input` is to the hidden state.

    Shapes: `kernels_transposed` (4 · units, units + features), `d_cell` (reviews, units), `d_recurrent_kernel`
    (units, 4 · units), `d_projections` (tokens, 4 · units).
    """
    timesteps = len(batch_sizes)
    units = hidden_states.shape[1]
    one = np.float32(1.0)
    flat_gates = gates.reshape(len(gates), 4 * units)
    end = len(gates)
    for t in range(timesteps - 1, -1, -1):
        n, b = batch_sizes[t], offsets[t]
        if n == 0:
            break
        next_cell = final_cell if t == timesteps - 1 else cell_states[offsets[t + 1] :]
        for i in range(n):
            gate, c, new_c, dh, dc = gates[b + i], cell_states[b + i], next_cell[i], d_hidden_input[i], d_cell[i]
            for j in range(units):
                tanh_c = tanh(new_c[j])
                output = gate[3, j]
                dc[j] += dh[j] * output * (one - tanh_c * tanh_c)
                gate[3, j] = flushed(dh[j] * tanh_c * output * (one - output))
            for j in range(units):
                input_gate, candidate = gate[0, j], gate[2, j]
                gate[0, j] = flushed(dc[j] * candidate * input_gate * (one - input_gate))
                gate[2, j] = flushed(dc[j] * input_gate * (one - candidate * candidate))
            for j in range(units):
                forget = gate[1, j]
                gate[1, j] = flushed(dc[j] * c[j] * forget * (one - forget))
                dc[j] = flushed(dc[j] * forget)
        np.dot(flat_gates[b : b + n], kernels_transposed, d_hidden_input[:n])
        add_to_tokens(rows[b : b + n], flat_gates[b : b + n], d_hidden_input, units, d_projections, squares)
        if end - b >= BLOCK or b == 0:
            add_outer_products(d_recurrent_kernel, hidden_states[b:end], flat_gates[b:end])
            end = b


@fast
def lstm_padding_backward(
    batch_sizes: Ints,
    kernels_transposed: Floats,
    trajectory: Floats,
    cell_trajectory: Floats,
    gates: Floats,
    d_hidden_input: Floats,
    d_cell: Floats,
    d_padding: Floats,
    squares: Floats,
) -> None:
    """As `simple_rnn_padding_backward`; `gates` are the activated gates along the trajectory, (padding, 4, units).

    `d_cell` is as `lstm_backward` left it, and overwritten; `d_padding` has the shape of `gates`.
    """
    units = trajectory.shape[1]
    one = np.float32(1.0)
    end = len(d_hidden_input)
    dz = np.empty((end, 4, units), np.float32)
    flat_dz = dz.reshape(end, 4 * units)
    # How the gradients of h and c scale those of the four gates is the same for every review at a timestep.
    by_h, by_c, through = np.empty(units, np.float32), np.empty((3, units), np.float32), np.empty(units, np.float32)
    for t in range(len(d_padding) - 1, -1, -1):
        n = batch_sizes[t]
        end = max(end_of_live_rows(d_hidden_input, units, n, end), end_of_live_rows(d_cell, units, n, end))
        gate, c, new_c, total = gates[t], cell_trajectory[t], cell_trajectory[t + 1], d_padding[t]
        for j in range(units):
            i, f, g, o = gate[0, j], gate[1, j], gate[2, j], gate[3, j]
            tanh_c = tanh(new_c[j])
            by_h[j] = tanh_c * o * (one - o)
            through[j] = o * (one - tanh_c * tanh_c)
            by_c[0, j] = g * i * (one - i)
            by_c[1, j] = c[j] * f * (one - f)
            by_c[2, j] = i * (one - g * g)
        for r in range(n, end):
            row, dh, dc = dz[r], d_hidden_input[r], d_cell[r]
            for j in range(units):
                dc[j] += dh[j] * through[j]
                row[3, j] = flushed(dh[j] * by_h[j])
            for j in range(units):
                row[0, j] = flushed(dc[j] * by_c[0, j])
                row[1, j] = flushed(dc[j] * by_c[1, j])
                row[2, j] = flushed(dc[j] * by_c[2, j])
            for j in range(units):
                dc[j] = flushed(dc[j] * gate[1, j])
            for k in range(4):
                for j in range(units):
                    total[k, j] += row[k, j]
        np.dot(flat_dz[n:end], kernels_transposed, d_hidden_input[n:end])
        for r in range(n, end):
            dx = d_hidden_input[r, units:]
            for j in range(len(squares)):
                squares[j] += dx[j] * dx[j]
