"""The simple recurrent cell over packed reviews, forward and backward."""

import numpy as np

from tasks.models.loops.arithmetic import Floats, Ints, fast, flushed, tanh
from tasks.models.loops.gradients import BLOCK, add_outer_products, add_to_tokens, end_of_live_rows


@fast
def simple_rnn_forward(
    rows: Ints,
    offsets: Ints,
    batch_sizes: Ints,
    projections: Floats,
    recurrent_kernel: Floats,
    trajectory: Floats,
    hidden_states: Floats,
    final_hidden: Floats,
    gates: Floats,
) -> None:
    """Hidden states of packed reviews: before each entry's token, and after each review's last token.

    Args:
        rows: which row of `projections` each packed entry reads, int32, shape (entries,).
        offsets: the first packed entry of each timestep, int32, shape (timesteps,).
        batch_sizes: how many reviews have begun by each timestep, int32, shape (timesteps,).
        projections: each token's embedding times the kernel plus the bias, shape (tokens, units).
        recurrent_kernel: shape (units, units).
        trajectory: the state after t timesteps of padding, shape (timesteps or more, units).
        hidden_states, final_hidden: results, shapes (entries, units) and (reviews, units).
        gates: scratch, shape (entries, units).
    """
    timesteps = len(batch_sizes)
    units = recurrent_kernel.shape[0]
    for t in range(timesteps):
        n, b = batch_sizes[t], offsets[t]
        if n == 0:
            continue
        for i in range(batch_sizes[t - 1] if t else 0, n):
            hidden_states[b + i] = trajectory[t]
        z = gates[b : b + n]
        np.dot(hidden_states[b : b + n], recurrent_kernel, z)
        next_hidden = final_hidden if t == timesteps - 1 else hidden_states[offsets[t + 1] :]
        for i in range(n):
            projection, h, product = projections[rows[b + i]], next_hidden[i], z[i]
            for j in range(units):
                h[j] = tanh(product[j] + projection[j])


@fast
def simple_rnn_backward(
    rows: Ints,
    offsets: Ints,
    batch_sizes: Ints,
    kernels_transposed: Floats,
    hidden_states: Floats,
    final_hidden: Floats,
    d_hidden_input: Floats,
    gates: Floats,
    d_recurrent_kernel: Floats,
    d_projections: Floats,
    squares: Floats,
) -> None:
    """Gradients of packed reviews, back to the state that each began with.

    Args:
        rows, offsets, batch_sizes, hidden_states, final_hidden: as `simple_rnn_forward` took and left them.
        kernels_transposed: the transposed recurrent kernel and, beside it, the transposed kernel, shape
            (units, units + features).
        d_hidden_input: in its first `units` columns the gradient of the last hidden state, replaced with that of the
            state each review began with; the other columns are scratch. Shape (reviews, units + features).
        gates: overwritten with the gradients before the activation.
        d_recurrent_kernel, d_projections: gradients are added; shapes of the recurrent kernel and of `projections`.
        squares: for each token the squares of its inputs' gradients are added, shape (tokens, features).
    """
    timesteps = len(batch_sizes)
    units = kernels_transposed.shape[0]
    end = len(gates)
    for t in range(timesteps - 1, -1, -1):
        n, b = batch_sizes[t], offsets[t]
        if n == 0:
            break
        next_hidden = final_hidden if t == timesteps - 1 else hidden_states[offsets[t + 1] :]
        for i in range(n):
            h, dh, dz = next_hidden[i], d_hidden_input[i], gates[b + i]
            for j in range(units):
                dz[j] = flushed(dh[j] * (np.float32(1.0) - h[j] * h[j]))
        np.dot(gates[b : b + n], kernels_transposed, d_hidden_input[:n])
        add_to_tokens(rows[b : b + n], gates[b : b + n], d_hidden_input, units, d_projections, squares)
        if end - b >= BLOCK or b == 0:
            add_outer_products(d_recurrent_kernel, hidden_states[b:end], gates[b:end])
            end = b


@fast
def simple_rnn_padding_backward(
    batch_sizes: Ints,
    kernels_transposed: Floats,
    trajectory: Floats,
    gates: Floats,  # noqa: ARG001 -- one signature for all cells
    d_hidden_input: Floats,
    d_padding: Floats,
    squares: Floats,
) -> None:
    """Gradients through the padding, for each review.

    Args:
        batch_sizes, kernels_transposed: as in `simple_rnn_backward`.
        trajectory: the state after t timesteps of padding, shape (padding + 1, units).
        gates: of the trajectory, unused here.
        d_hidden_input: as `simple_rnn_backward` left it; overwritten.
        d_padding: the sum over reviews of the gradients before the activation is added, shape (padding, units).
        squares: the sum over reviews and timesteps of the squared gradients of padding's embedding is added, shape
            (features,).
    """
    units = kernels_transposed.shape[0]
    end = len(d_hidden_input)
    dz = np.empty((end, units), np.float32)
    for t in range(len(d_padding) - 1, -1, -1):
        n = batch_sizes[t]
        end = end_of_live_rows(d_hidden_input, units, n, end)
        h, total = trajectory[t + 1], d_padding[t]
        for i in range(n, end):
            dh, row = d_hidden_input[i], dz[i]
            for j in range(units):
                row[j] = flushed(dh[j] * (np.float32(1.0) - h[j] * h[j]))
            for j in range(units):
                total[j] += row[j]
        np.dot(dz[n:end], kernels_transposed, d_hidden_input[n:end])
        for i in range(n, end):
            dx = d_hidden_input[i, units:]
            for j in range(len(squares)):
                squares[j] += dx[j] * dx[j]
