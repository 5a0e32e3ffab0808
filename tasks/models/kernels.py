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


@njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy", inline="always")  # type: ignore[untyped-decorator]
def _tanh(x: float) -> float:
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
def _sigmoid(x: float) -> float:
    half = np.float32(0.5)
    return half * _tanh(half * x) + half


@njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy", inline="always")  # type: ignore[untyped-decorator]
def _flushed(x: float) -> float:
    """Vanishing gradients become denormal numbers, each of which costs the processor about a hundred cycles."""
    return x if abs(x) > _TINY else np.float32(0.0)


@njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")  # type: ignore[untyped-decorator]
def add_rows(target: Floats, rows: Ints, values: Floats) -> None:
    """Add `values[r]` to `target[rows[r]]`, one after the other."""
    for r in range(len(values)):
        total, value = target[rows[r]], values[r]
        for j in range(values.shape[1]):
            total[j] += value[j]


@njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")  # type: ignore[untyped-decorator]
def simple_rnn_forward(
    words: Ints, begin: Ints, active: Ints, projected: Floats, recurrent: Floats, trajectory: Floats, states: Floats,
    final: Floats, gates: Floats,
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
    begin: Ints, active: Ints, recurrent_t: Floats, states: Floats, final: Floats, d_final: Floats, gates: Floats,
    d_trajectory: Floats, d_states: Floats,
) -> None:
    """Gradients before the activation, written to `gates`, and of the trajectory, added to `d_trajectory`.

    Args:
        begin, active, states, final: as `simple_rnn_forward` took and left them.
        recurrent_t: the transposed recurrent kernel.
        d_final: gradient of the last state, shape of `final`.
        d_states: gradient that reaches review 0's state before step t from elsewhere, shape (steps, units) or (0, units).
    """
    steps = len(active)
    units = recurrent_t.shape[0]
    dh = d_final.copy()
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
        for i in range(active[t - 1] if t else 0, n):
            for j in range(units):
                d_trajectory[t, j] += dh[i, j]
        if len(d_states):
            for j in range(units):
                dh[0, j] += d_states[t, j]


@njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")  # type: ignore[untyped-decorator]
def lstm_forward(
    words: Ints, begin: Ints, active: Ints, projected: Floats, recurrent: Floats, trajectory: Floats, states: Floats,
    final: Floats, gates: Floats,
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
    begin: Ints, active: Ints, recurrent_t: Floats, states: Floats, final: Floats, d_final: Floats, gates: Floats,
    d_trajectory: Floats, d_states: Floats,
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
        for i in range(active[t - 1] if t else 0, n):
            for j in range(units):
                d_trajectory[t, 0, j] += dh[i, j]
                d_trajectory[t, 1, j] += dc[i, j]
        if len(d_states):
            for j in range(units):
                dh[0, j] += d_states[t, 0, j]
                dc[0, j] += d_states[t, 1, j]


@njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")  # type: ignore[untyped-decorator]
def rmsprop(weights: Floats, velocities: Floats, gradients: Floats, rate: float, rho: float, epsilon: float) -> None:
    """One step of RMSprop (Tieleman & Hinton 2012) as Keras takes it, in place, over flat arrays."""
    for i in range(len(weights)):
        g = gradients[i]
        v = _flushed(rho * velocities[i] + (np.float32(1.0) - rho) * g * g)
        velocities[i] = v
        weights[i] -= rate * g / np.sqrt(v + epsilon)
