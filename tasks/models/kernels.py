"""Compiled loops of the fast recurrence: only the words of a batch, never its padding.

A batch is *packed*: reviews sorted by length, longest first, and laid out a time step after the other. At step t the
first `active[t]` reviews have begun, and their rows are `begin[t]` to `begin[t] + active[t]` of every packed array. A
review that begins at step t starts from the state that t steps of padding lead to; padding stands in front and is the
same for all, so those states are one shared *trajectory*, computed once for a batch. Nothing is approximated by this:
the numbers are those of the loop over all steps, forward and backward.

Every loop works on one packed array with plain additions in a fixed order, so results do not depend on threads.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

# tanh(x) = x * P(x²) / Q(x²) on [-9, 9], relative error 2.1e-8: coefficients by iteratively reweighted least squares
# on Chebyshev nodes. Written as arithmetic because the compiler turns that into vector instructions.
FAST = {"contract", "arcp", "nsz", "reassoc", "nnan", "ninf"}
_TINY = np.float32(1e-30)
# Rows of packed arrays that are multiplied at once while they are in the cache.
_BLOCK = 256
# Gradients this small are lost in the rounding of the sums that they would be added to.
_VANISHED = np.float32(1e-15)


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy", inline="always")  # type: ignore[untyped-decorator]
def _tanh(x: np.float32) -> np.float32:
    x = min(max(x, np.float32(-9.0)), np.float32(9.0))
    s = x * x
    p = np.float32(1.3353410e-08)
    p = p * s + np.float32(2.0608183e-05)
    p = p * s + np.float32(3.4955344e-03)
    p = p * s + np.float32(1.3380980e-01)
    p = p * s + np.float32(1.0)
    q = np.float32(7.7760460e-07)
    q = q * s + np.float32(3.2855463e-04)
    q = q * s + np.float32(2.5876779e-02)
    q = q * s + np.float32(4.6714297e-01)
    q = q * s + np.float32(1.0)
    return x * p / q


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy", inline="always")  # type: ignore[untyped-decorator]
def _sigmoid(x: np.float32) -> np.float32:
    half = np.float32(0.5)
    result: np.float32 = half * _tanh(half * x) + half
    return result


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy", inline="always")  # type: ignore[untyped-decorator]
def flushed(x: np.float32) -> np.float32:
    """Vanishing gradients become denormal numbers, each of which costs the processor about a hundred cycles."""
    return x if abs(x) > _TINY else np.float32(0.0)


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")  # type: ignore[untyped-decorator]
def _alive(gradients: Floats, units: int, first: int, last: int) -> int:
    """Where the rows from `first` on end that still matter: the tail whose gradients have vanished is left out."""
    while last > first:
        row = gradients[last - 1]
        largest = np.float32(0.0)
        for j in range(units):
            largest = max(largest, abs(row[j]))
        if largest >= _VANISHED:
            break
        last -= 1
    return last


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")  # type: ignore[untyped-decorator]
def _add_outer(target: Floats, left: Floats, right: Floats) -> None:
    """Add the sum over rows of the outer products of `left` and `right`, while both are still in the cache."""
    product = np.dot(left.T, right)
    for i in range(len(target)):
        row, part = target[i], product[i]
        for j in range(len(part)):
            row[j] += part[j]


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")  # type: ignore[untyped-decorator]
def _scatter(words: Ints, dz: Floats, both: Floats, units: int, d_projected: Floats, squares: Floats) -> None:
    """Add each row's gradient to its word, and the squares of its input's gradient to the word's squares."""
    for i in range(len(dz)):
        total, row = d_projected[words[i]], dz[i]
        for j in range(len(row)):
            total[j] += row[j]
        square, dx = squares[words[i]], both[i, units:]
        for j in range(len(square)):
            square[j] += dx[j] * dx[j]


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")  # type: ignore[untyped-decorator]
def simple_rnn_forward(
    words: Ints,
    begin: Ints,
    active: Ints,
    projected: Floats,
    recurrent: Floats,
    trajectory: Floats,
    hidden: Floats,
    final: Floats,
    gates: Floats,
) -> None:
    """Hidden states of packed reviews: `hidden[r]` before row r's word, `final[i]` after review i's last word.

    Args:
        words: which row of `projected` each packed row reads, int32, shape (rows,).
        begin: the first packed row of each step, int32, shape (steps,).
        active: how many reviews have begun by each step, int32, shape (steps,).
        projected: each word's embedding times the kernel plus the bias, shape (words, units).
        recurrent: the recurrent kernel, shape (units, units).
        trajectory: the state after t steps of padding, shape (steps or more, units).
        hidden, final, gates: results, shapes (rows, units), (reviews, units), (rows, units).
    """
    steps = len(active)
    units = recurrent.shape[0]
    for t in range(steps):
        n, b = active[t], begin[t]
        if n == 0:
            continue
        for i in range(active[t - 1] if t else 0, n):
            hidden[b + i] = trajectory[t]
        z = gates[b : b + n]
        np.dot(hidden[b : b + n], recurrent, z)
        after = final if t == steps - 1 else hidden[begin[t + 1] :]
        for i in range(n):
            row, new, product = projected[words[b + i]], after[i], z[i]
            for j in range(units):
                new[j] = _tanh(product[j] + row[j])


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")  # type: ignore[untyped-decorator]
def simple_rnn_backward(
    words: Ints,
    begin: Ints,
    active: Ints,
    kernels_t: Floats,
    hidden: Floats,
    final: Floats,
    both: Floats,
    gates: Floats,
    d_recurrent: Floats,
    d_projected: Floats,
    squares: Floats,
) -> None:
    """Gradients of packed reviews, back to the state that each began with.

    Args:
        words, begin, active, hidden, final: as `simple_rnn_forward` took and left them.
        kernels_t: the transposed recurrent kernel and, beside it, the transposed kernel, (units, units + embedding).
        both: before, the gradient of the last hidden state in the first `units` columns; after, that of the state each
            review began with. The other columns are scratch.
        gates: overwritten with the gradients before the activation.
        d_recurrent, d_projected: the gradients are added, shapes of the recurrent kernel and of `projected`.
        squares: for each word the squares of its inputs' gradients are added, shape (words, embedding).
    """
    steps = len(active)
    units = kernels_t.shape[0]
    end = len(gates)
    for t in range(steps - 1, -1, -1):
        n, b = active[t], begin[t]
        if n == 0:
            break
        after = final if t == steps - 1 else hidden[begin[t + 1] :]
        for i in range(n):
            h, dh, dz = after[i], both[i], gates[b + i]
            for j in range(units):
                dz[j] = flushed(dh[j] * (np.float32(1.0) - h[j] * h[j]))
        np.dot(gates[b : b + n], kernels_t, both[:n])
        _scatter(words[b : b + n], gates[b : b + n], both, units, d_projected, squares)
        if end - b >= _BLOCK or b == 0:
            _add_outer(d_recurrent, hidden[b:end], gates[b:end])
            end = b


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")  # type: ignore[untyped-decorator]
def simple_rnn_padding_backward(
    active: Ints,
    kernels_t: Floats,
    trajectory: Floats,
    gates: Floats,  # noqa: ARG001 -- one signature for all cells
    both: Floats,
    d_padding: Floats,
    squares: Floats,
) -> None:
    """Gradients through the padding, review by review.

    Args:
        active, kernels_t: as in `simple_rnn_backward`; both as it left it, overwritten here.
        trajectory: the state after t steps of padding, shape (padding + 1, units).
        gates: of the trajectory, unused here.
        d_padding: the sum over reviews of the gradients before the activation is added, shape (padding, units).
        squares: the sum over reviews and steps of the squared gradients of padding's embedding is added, (embedding,).
    """
    units = kernels_t.shape[0]
    live = len(both)
    dz = np.empty((live, units), np.float32)
    for t in range(len(d_padding) - 1, -1, -1):
        n = active[t]
        live = _alive(both, units, n, live)
        h, total = trajectory[t + 1], d_padding[t]
        for i in range(n, live):
            dh, row = both[i], dz[i]
            for j in range(units):
                row[j] = flushed(dh[j] * (np.float32(1.0) - h[j] * h[j]))
            for j in range(units):
                total[j] += row[j]
        np.dot(dz[n:live], kernels_t, both[n:live])
        for i in range(n, live):
            dx = both[i, units:]
            for j in range(len(squares)):
                squares[j] += dx[j] * dx[j]


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")  # type: ignore[untyped-decorator]
def lstm_forward(
    words: Ints,
    begin: Ints,
    active: Ints,
    projected: Floats,
    recurrent: Floats,
    trajectory: Floats,
    cell_trajectory: Floats,
    hidden: Floats,
    cells: Floats,
    final: Floats,
    final_cells: Floats,
    gates: Floats,
) -> None:
    """As `simple_rnn_forward`, with a cell state beside each hidden state.

    `gates[r]` are the activated gates in Keras's order i, f, c, o, shape (rows, 4, units), like those of `projected`.
    """
    steps = len(active)
    units = recurrent.shape[0]
    flat_gates = gates.reshape(len(gates), 4 * units)
    for t in range(steps):
        n, b = active[t], begin[t]
        if n == 0:
            continue
        for i in range(active[t - 1] if t else 0, n):
            hidden[b + i] = trajectory[t]
            cells[b + i] = cell_trajectory[t]
        np.dot(hidden[b : b + n], recurrent, flat_gates[b : b + n])
        last = t == steps - 1
        after, after_cells = final if last else hidden[begin[t + 1] :], final_cells if last else cells[begin[t + 1] :]
        for i in range(n):
            gate, row, c = gates[b + i], projected[words[b + i]], cells[b + i]
            new, new_c = after[i], after_cells[i]
            for j in range(units):
                gate[0, j] = _sigmoid(gate[0, j] + row[0, j])
            for j in range(units):
                gate[1, j] = _sigmoid(gate[1, j] + row[1, j])
            for j in range(units):
                gate[2, j] = _tanh(gate[2, j] + row[2, j])
            for j in range(units):
                gate[3, j] = _sigmoid(gate[3, j] + row[3, j])
            for j in range(units):
                new_c[j] = gate[1, j] * c[j] + gate[0, j] * gate[2, j]
            for j in range(units):
                new[j] = gate[3, j] * _tanh(new_c[j])


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")  # type: ignore[untyped-decorator]
def lstm_backward(
    words: Ints,
    begin: Ints,
    active: Ints,
    kernels_t: Floats,
    hidden: Floats,
    cells: Floats,
    final: Floats,  # noqa: ARG001 -- one signature for all cells
    final_cells: Floats,
    both: Floats,
    d_cells: Floats,
    gates: Floats,
    d_recurrent: Floats,
    d_projected: Floats,
    squares: Floats,
) -> None:
    """As `simple_rnn_backward`; `d_cells` is to the cell state what `both` is to the hidden state."""
    steps = len(active)
    units = hidden.shape[1]
    one = np.float32(1.0)
    flat_gates = gates.reshape(len(gates), 4 * units)
    end = len(gates)
    for t in range(steps - 1, -1, -1):
        n, b = active[t], begin[t]
        if n == 0:
            break
        after_cells = final_cells if t == steps - 1 else cells[begin[t + 1] :]
        for i in range(n):
            gate, c, new_c, dh, dc = gates[b + i], cells[b + i], after_cells[i], both[i], d_cells[i]
            for j in range(units):
                tanh_c = _tanh(new_c[j])
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
        np.dot(flat_gates[b : b + n], kernels_t, both[:n])
        _scatter(words[b : b + n], flat_gates[b : b + n], both, units, d_projected, squares)
        if end - b >= _BLOCK or b == 0:
            _add_outer(d_recurrent, hidden[b:end], flat_gates[b:end])
            end = b


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")  # type: ignore[untyped-decorator]
def lstm_padding_backward(
    active: Ints,
    kernels_t: Floats,
    trajectory: Floats,
    cell_trajectory: Floats,
    gates: Floats,
    both: Floats,
    d_cells: Floats,
    d_padding: Floats,
    squares: Floats,
) -> None:
    """As `simple_rnn_padding_backward`; `gates` are the activated gates along the trajectory."""
    units = trajectory.shape[1]
    one = np.float32(1.0)
    live = len(both)
    dz = np.empty((live, 4, units), np.float32)
    flat_dz = dz.reshape(live, 4 * units)
    # How the gradients of h and c scale the four gates' gradients is the same for every review at a step.
    by_h, by_c, through = np.empty(units, np.float32), np.empty((3, units), np.float32), np.empty(units, np.float32)
    for t in range(len(d_padding) - 1, -1, -1):
        n = active[t]
        live = max(_alive(both, units, n, live), _alive(d_cells, units, n, live))
        gate, c, new_c, total = gates[t], cell_trajectory[t], cell_trajectory[t + 1], d_padding[t]
        for j in range(units):
            i, f, g, o = gate[0, j], gate[1, j], gate[2, j], gate[3, j]
            tanh_c = _tanh(new_c[j])
            by_h[j] = tanh_c * o * (one - o)
            through[j] = o * (one - tanh_c * tanh_c)
            by_c[0, j] = g * i * (one - i)
            by_c[1, j] = c[j] * f * (one - f)
            by_c[2, j] = i * (one - g * g)
        for r in range(n, live):
            row, dh, dc = dz[r], both[r], d_cells[r]
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
        np.dot(flat_dz[n:live], kernels_t, both[n:live])
        for r in range(n, live):
            dx = both[r, units:]
            for j in range(len(squares)):
                squares[j] += dx[j] * dx[j]
