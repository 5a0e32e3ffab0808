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
_FAST = {"contract", "arcp", "nsz", "reassoc", "nnan", "ninf"}
_TINY = np.float32(1e-30)
# Gradients this small are lost in the rounding of the sums that they would be added to.
_VANISHED = np.float32(1e-15)


@njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy", inline="always")  # type: ignore[untyped-decorator]
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


@njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy", inline="always")  # type: ignore[untyped-decorator]
def _sigmoid(x: np.float32) -> np.float32:
    half = np.float32(0.5)
    result: np.float32 = half * _tanh(half * x) + half
    return result


@njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy", inline="always")  # type: ignore[untyped-decorator]
def _flushed(x: np.float32) -> np.float32:
    """Vanishing gradients become denormal numbers, each of which costs the processor about a hundred cycles."""
    return x if abs(x) > _TINY else np.float32(0.0)


@njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")  # type: ignore[untyped-decorator]
def _alive(gradients: Floats, first: int, last: int) -> int:
    """Where the rows from `first` on end that still matter: the tail whose gradients have vanished is left out."""
    while last > first and np.max(np.abs(gradients[last - 1])) < _VANISHED:
        last -= 1
    return last


@njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")  # type: ignore[untyped-decorator]
def _add_squares(squares: Floats, values: Floats) -> None:
    for i in range(len(values)):
        row = values[i]
        for j in range(len(squares)):
            squares[j] += row[j] * row[j]


@njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")  # type: ignore[untyped-decorator]
def add_rows(target: Floats, rows: Ints, values: Floats) -> None:
    """Add `values[r]` to `target[rows[r]]`, one after the other."""
    for r in range(len(values)):
        total, value = target[rows[r]], values[r]
        for j in range(values.shape[1]):
            total[j] += value[j]


@njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")  # type: ignore[untyped-decorator]
def add_squared_rows(target: Floats, rows: Ints, values: Floats) -> None:
    """Add the squares of `values[r]` to `target[rows[r]]`, one after the other."""
    for r in range(len(values)):
        total, value = target[rows[r]], values[r]
        for j in range(values.shape[1]):
            total[j] += value[j] * value[j]


@njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")  # type: ignore[untyped-decorator]
def simple_rnn_forward(
    words: Ints,
    begin: Ints,
    active: Ints,
    projected: Floats,
    recurrent: Floats,
    trajectory: Floats,
    states: Floats,
    final: Floats,
    gates: Floats,
) -> None:
    """Hidden states of packed reviews: `states[r]` before row r's word, `final[i]` after review i's last word.

    Args:
        words: which row of `projected` each packed row reads, int32, shape (rows,).
        begin: the first packed row of each step, int32, shape (steps,).
        active: how many reviews have begun by each step, int32, shape (steps,).
        projected: each word's embedding times the kernel plus the bias, shape (words, units).
        recurrent: the recurrent kernel, shape (units, units).
        trajectory: the state after t steps of padding, shape (steps or more, units).
        states, final, gates: results, shapes (rows, units), (reviews, units), (rows, units).
    """
    steps = len(active)
    units = recurrent.shape[0]
    for t in range(steps):
        n, b = active[t], begin[t]
        if n == 0:
            continue
        for i in range(active[t - 1] if t else 0, n):
            states[b + i] = trajectory[t]
        z = gates[b : b + n]
        np.dot(states[b : b + n], recurrent, z)
        target = final if t == steps - 1 else states[begin[t + 1] :]
        for i in range(n):
            row, new, product = projected[words[b + i]], target[i], z[i]
            for j in range(units):
                new[j] = _tanh(product[j] + row[j])


@njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")  # type: ignore[untyped-decorator]
def simple_rnn_backward(
    begin: Ints,
    active: Ints,
    recurrent_t: Floats,
    states: Floats,
    final: Floats,
    d_final: Floats,
    gates: Floats,
    d_begin: Floats,
) -> None:
    """Gradients before the activation, written to `gates`, and of the state that each review began with.

    Args:
        begin, active, states, final: as `simple_rnn_forward` took and left them.
        recurrent_t: the transposed recurrent kernel.
        d_final: gradient of the last state, shape of `final`.
        d_begin: result, shape of `final`.
    """
    steps = len(active)
    units = recurrent_t.shape[0]
    dh = d_begin
    dh[:] = d_final
    for t in range(steps - 1, -1, -1):
        n, b = active[t], begin[t]
        if n == 0:
            break
        after = final if t == steps - 1 else states[begin[t + 1] :]
        for i in range(n):
            h, dhi, dzi = after[i], dh[i], gates[b + i]
            for j in range(units):
                dzi[j] = _flushed(dhi[j] * (np.float32(1.0) - h[j] * h[j]))
        np.dot(gates[b : b + n], recurrent_t, dh[:n])


@njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")  # type: ignore[untyped-decorator]
def simple_rnn_padding_backward(
    active: Ints,
    recurrent_t: Floats,
    kernel_t: Floats,
    trajectory: Floats,
    gates: Floats,  # noqa: ARG001 -- one signature for all cells
    d_begin: Floats,
    d_padding: Floats,
    squares: Floats,
) -> None:
    """Gradients through the padding, review by review.

    Args:
        active, recurrent_t, d_begin: as in `simple_rnn_backward`; d_begin is overwritten.
        kernel_t: the transposed kernel, shape (units, embedding).
        trajectory: the state after t steps of padding, shape (padding + 1, units).
        gates: of the trajectory, unused here.
        d_padding: result, the sum over reviews of the gradients before the activation, shape (padding, units).
        squares: result, the sum over reviews and steps of the squared gradients of padding's embedding, (embedding,).
    """
    units = recurrent_t.shape[0]
    live = len(d_begin)
    dz = np.empty((live, units), np.float32)
    dx = np.empty((live, len(squares)), np.float32)
    for t in range(len(d_padding) - 1, -1, -1):
        n = active[t]
        live = _alive(d_begin, n, live)
        h, total = trajectory[t + 1], d_padding[t]
        for i in range(n, live):
            dhi, dzi = d_begin[i], dz[i]
            for j in range(units):
                dzi[j] = _flushed(dhi[j] * (np.float32(1.0) - h[j] * h[j]))
            for j in range(units):
                total[j] += dzi[j]
        np.dot(dz[n:live], recurrent_t, d_begin[n:live])
        np.dot(dz[n:live], kernel_t, dx[n:live])
        _add_squares(squares, dx[n:live])


@njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")  # type: ignore[untyped-decorator]
def lstm_forward(
    words: Ints,
    begin: Ints,
    active: Ints,
    projected: Floats,
    recurrent: Floats,
    trajectory: Floats,
    states: Floats,
    final: Floats,
    gates: Floats,
) -> None:
    """As `simple_rnn_forward`; a state is (h, c), `gates[r]` are the activated gates in Keras's order i, f, c, o.

    Shapes: projected (words, 4, units), states, trajectory and final (…, 2, units), gates (rows, 4, units).
    """
    steps = len(active)
    units = recurrent.shape[0]
    h = np.zeros((active[-1], units), np.float32)
    flat_gates = gates.reshape(len(gates), 4 * units)
    for t in range(steps):
        n, b = active[t], begin[t]
        if n == 0:
            continue
        for i in range(active[t - 1] if t else 0, n):
            states[b + i] = trajectory[t]
            h[i] = trajectory[t, 0]
        np.dot(h[:n], recurrent, flat_gates[b : b + n])
        z, before = gates[b : b + n], states[b : b + n]
        after = final if t == steps - 1 else states[begin[t + 1] :]
        for i in range(n):
            gate, row, c, new = z[i], projected[words[b + i]], before[i, 1], after[i]
            for j in range(units):
                gate[0, j] = _sigmoid(gate[0, j] + row[0, j])
            for j in range(units):
                gate[1, j] = _sigmoid(gate[1, j] + row[1, j])
            for j in range(units):
                gate[2, j] = _tanh(gate[2, j] + row[2, j])
            for j in range(units):
                gate[3, j] = _sigmoid(gate[3, j] + row[3, j])
            for j in range(units):
                new[1, j] = gate[1, j] * c[j] + gate[0, j] * gate[2, j]
            for j in range(units):
                h[i, j] = gate[3, j] * _tanh(new[1, j])
            for j in range(units):
                new[0, j] = h[i, j]


@njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")  # type: ignore[untyped-decorator]
def lstm_backward(
    begin: Ints,
    active: Ints,
    recurrent_t: Floats,
    states: Floats,
    final: Floats,
    d_final: Floats,
    gates: Floats,
    d_begin: Floats,
) -> None:
    """As `simple_rnn_backward`; `gates` is overwritten with the gradients before the activations."""
    steps = len(active)
    units = recurrent_t.shape[1]
    one = np.float32(1.0)
    dh, dc = d_final[:, 0].copy(), d_final[:, 1].copy()
    flat_gates = gates.reshape(len(gates), 4 * units)
    for t in range(steps - 1, -1, -1):
        n, b = active[t], begin[t]
        if n == 0:
            break
        z, before = gates[b : b + n], states[b : b + n]
        after = final if t == steps - 1 else states[begin[t + 1] :]
        for i in range(n):
            gate, c, new_c, dhi, dci = z[i], before[i, 1], after[i, 1], dh[i], dc[i]
            for j in range(units):
                tanh_c = _tanh(new_c[j])
                output = gate[3, j]
                dci[j] += dhi[j] * output * (one - tanh_c * tanh_c)
                gate[3, j] = _flushed(dhi[j] * tanh_c * output * (one - output))
            for j in range(units):
                input_gate, candidate = gate[0, j], gate[2, j]
                gate[0, j] = _flushed(dci[j] * candidate * input_gate * (one - input_gate))
                gate[2, j] = _flushed(dci[j] * input_gate * (one - candidate * candidate))
            for j in range(units):
                forget = gate[1, j]
                gate[1, j] = _flushed(dci[j] * c[j] * forget * (one - forget))
                dci[j] = _flushed(dci[j] * forget)
        np.dot(flat_gates[b : b + n], recurrent_t, dh[:n])
    d_begin[:, 0] = dh
    d_begin[:, 1] = dc


@njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")  # type: ignore[untyped-decorator]
def lstm_padding_backward(
    active: Ints,
    recurrent_t: Floats,
    kernel_t: Floats,
    trajectory: Floats,
    gates: Floats,
    d_begin: Floats,
    d_padding: Floats,
    squares: Floats,
) -> None:
    """As `simple_rnn_padding_backward`; `gates` are the activated gates along the trajectory."""
    units = recurrent_t.shape[1]
    one = np.float32(1.0)
    live = len(d_begin)
    dh, dc = d_begin[:, 0].copy(), d_begin[:, 1].copy()
    dz = np.empty((live, 4, units), np.float32)
    flat_dz = dz.reshape(live, 4 * units)
    dx = np.empty((live, len(squares)), np.float32)
    # How the gradients of h and c scale the four gates' gradients is the same for every review at a step.
    by_h, by_c, through = np.empty(units, np.float32), np.empty((3, units), np.float32), np.empty(units, np.float32)
    for t in range(len(d_padding) - 1, -1, -1):
        n = active[t]
        live = max(_alive(dh, n, live), _alive(dc, n, live))
        gate, c, new_c, total = gates[t], trajectory[t, 1], trajectory[t + 1, 1], d_padding[t]
        for j in range(units):
            i, f, g, o = gate[0, j], gate[1, j], gate[2, j], gate[3, j]
            tanh_c = _tanh(new_c[j])
            by_h[j] = tanh_c * o * (one - o)
            through[j] = o * (one - tanh_c * tanh_c)
            by_c[0, j] = g * i * (one - i)
            by_c[1, j] = c[j] * f * (one - f)
            by_c[2, j] = i * (one - g * g)
        for i in range(n, live):
            dzi, dhi, dci = dz[i], dh[i], dc[i]
            for j in range(units):
                dci[j] += dhi[j] * through[j]
                dzi[3, j] = _flushed(dhi[j] * by_h[j])
            for j in range(units):
                dzi[0, j] = _flushed(dci[j] * by_c[0, j])
                dzi[1, j] = _flushed(dci[j] * by_c[1, j])
                dzi[2, j] = _flushed(dci[j] * by_c[2, j])
            for j in range(units):
                dci[j] = _flushed(dci[j] * gate[1, j])
            for k in range(4):
                for j in range(units):
                    total[k, j] += dzi[k, j]
        np.dot(flat_dz[n:live], recurrent_t, dh[n:live])
        np.dot(flat_dz[n:live], kernel_t, dx[n:live])
        _add_squares(squares, dx[n:live])


@njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")  # type: ignore[untyped-decorator]
def rmsprop(
    weights: Floats, velocities: Floats, gradients: Floats, squares: Floats, rate: float, rho: float, epsilon: float
) -> None:
    """One step of RMSprop (Tieleman & Hinton 2012) as Keras takes it, in place, over flat arrays.

    `squares` are the squared gradients. For an embedding Keras adds up the squares of each occurrence of a word, which
    is not the square of the sum.
    """
    for i in range(len(weights)):
        v = _flushed(rho * velocities[i] + (np.float32(1.0) - rho) * squares[i])
        velocities[i] = v
        weights[i] -= rate * gradients[i] / np.sqrt(v + epsilon)


@njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")  # type: ignore[untyped-decorator]
def rmsprop_rows(
    weights: Floats,
    velocities: Floats,
    rows: NDArray[np.int64],
    gradients: Floats,
    squares: Floats,
    rate: float,
    rho: float,
    epsilon: float,
) -> None:
    """`rmsprop` of a table of which only some rows, given in rising order, have a gradient; the others' velocities decay."""
    used = 0
    for row in range(len(weights)):
        if used < len(rows) and rows[used] == row:
            rmsprop(weights[row], velocities[row], gradients[used], squares[used], rate, rho, epsilon)
            used += 1
        else:
            velocity = velocities[row]
            for j in range(len(velocity)):
                velocity[j] = _flushed(rho * velocity[j])
