"""The cells: one timestep forward and one backward, for a group of reviews.

Each cell's gates are arranged in *blocks* of one number per unit. A block's pre-activation value is the sum of the
input's projection and the product of hidden state and recurrent kernel.

- Simple RNN: a single block.
- LSTM: i, f, g, o as in Keras.
- GRU: the input's share of g, z, r, and the state's share of g. The input's kernel has the first three, the recurrent
  kernel the last three, so that the reset gate can scale the state's share alone.

The forward pass keeps the *derivatives* of each timestep, by which the backward pass multiplies the gradients of the
states. So the backward pass needs no activations; and because all reviews share the states of padding, its derivatives
are kept only once.

- LSTM: those of the cell state with respect to blocks i, f, g; those of the hidden state with respect to block o and to
  the cell state; and f.
- GRU: those of the hidden state with respect to the four blocks; and z.
"""

import numpy as np

from tasks.models.loops.lanes import LANES, Floats, Ints, fast, fast_inlined, flushed, load, sigmoid, store, tanh
from tasks.models.loops.records import States

SIMPLE_RNN, LSTM, GRU = 0, 1, 2
# The number of derivatives each unit keeps, indexed by cell. Those of a simple RNN follow from its hidden state.
DERIVATIVES = (0, 6, 5)
_ONE = np.float32(1.0)


@fast
def simple_rnn_forward(rows: Ints, projections: Floats, hidden: Floats) -> None:
    """Replace the recurrent kernel's product in `hidden` with the new state; arguments as for `step_forward`."""
    units = hidden.shape[1]
    for i in range(len(rows)):
        projection, h = projections[rows[i]], hidden[i]
        for j in range(0, units - LANES + 1, LANES):
            _simple_rnn_forward(LANES, j, projection, h)
        for j in range(units - units % LANES, units):
            _simple_rnn_forward(1, j, projection, h)


@fast_inlined
def _simple_rnn_forward(lanes: int, j: int, projection: Floats, h: Floats) -> None:
    store(h, j, tanh(load(h, j, lanes) + load(projection, j, lanes)))


@fast
def lstm_forward(
    rows: Ints, projections: Floats, work: Floats, keep: bool, cell: Floats, next_cell: Floats, next_hidden: Floats
) -> None:
    """Read the recurrent kernel's product from blocks 0 to 3 of `work`; with `keep`, store the derivatives there."""
    units = next_hidden.shape[1]
    for i in range(len(rows)):
        gates, projection, c, new_c, new_h = work[i], projections[rows[i]], cell[i], next_cell[i], next_hidden[i]
        for j in range(0, units - LANES + 1, LANES):
            _lstm_forward(LANES, j, units, projection, gates, keep, c, new_c, new_h)
        for j in range(units - units % LANES, units):
            _lstm_forward(1, j, units, projection, gates, keep, c, new_c, new_h)


@fast_inlined
def _lstm_forward(
    lanes: int, j: int, units: int, projection: Floats, gates: Floats, keep: bool, c: Floats, new_c: Floats,
    new_h: Floats,
) -> None:  # fmt: skip
    i_at, f_at, g_at, o_at = j, units + j, 2 * units + j, 3 * units + j
    i = sigmoid(load(gates, i_at, lanes) + load(projection, i_at, lanes))
    f = sigmoid(load(gates, f_at, lanes) + load(projection, f_at, lanes))
    g = tanh(load(gates, g_at, lanes) + load(projection, g_at, lanes))
    o = sigmoid(load(gates, o_at, lanes) + load(projection, o_at, lanes))
    before = load(c, j, lanes)
    after = f * before + i * g
    tanh_c = tanh(after)
    store(new_c, j, after)
    store(new_h, j, o * tanh_c)
    if keep:
        store(gates, i_at, g * i * (_ONE - i))
        store(gates, f_at, before * f * (_ONE - f))
        store(gates, g_at, i * (_ONE - g * g))
        store(gates, o_at, tanh_c * o * (_ONE - o))
        store(gates, 4 * units + j, o * (_ONE - tanh_c * tanh_c))
        store(gates, 5 * units + j, f)


@fast
def gru_forward(rows: Ints, projections: Floats, work: Floats, keep: bool, hidden: Floats, next_hidden: Floats) -> None:
    """Read the recurrent kernel's product from blocks 1 to 3 of `work`; with `keep`, store the derivatives there."""
    units = next_hidden.shape[1]
    for i in range(len(rows)):
        gates, projection, h, new_h = work[i], projections[rows[i]], hidden[i], next_hidden[i]
        for j in range(0, units - LANES + 1, LANES):
            _gru_forward(LANES, j, units, projection, gates, keep, h, new_h)
        for j in range(units - units % LANES, units):
            _gru_forward(1, j, units, projection, gates, keep, h, new_h)


@fast_inlined
def _gru_forward(
    lanes: int, j: int, units: int, projection: Floats, gates: Floats, keep: bool, h: Floats, new_h: Floats
) -> None:
    g_at, z_at, r_at, share_at = j, units + j, 2 * units + j, 3 * units + j
    z = sigmoid(load(gates, z_at, lanes) + load(projection, z_at, lanes))
    r = sigmoid(load(gates, r_at, lanes) + load(projection, r_at, lanes))
    share = load(gates, share_at, lanes) + load(projection, share_at, lanes)
    g = tanh(load(projection, g_at, lanes) + r * share)
    before = load(h, j, lanes)
    store(new_h, j, g + z * (before - g))
    if keep:
        of_candidate = (_ONE - z) * (_ONE - g * g)
        store(gates, g_at, of_candidate)
        store(gates, z_at, (before - g) * z * (_ONE - z))
        store(gates, r_at, of_candidate * share * r * (_ONE - r))
        store(gates, share_at, of_candidate * r)
        store(gates, 4 * units + j, z)


@fast
def simple_rnn_backward(dz: Floats, d_hidden: Floats, states: States, after: int) -> None:
    """Implement `step_backward` for a simple RNN."""
    units = d_hidden.shape[1]
    for i in range(len(dz)):
        row, dh, h = dz[i], d_hidden[i], states.hidden[after + i]
        for j in range(0, units - LANES + 1, LANES):
            _simple_rnn_backward(LANES, j, row, dh, h)
        for j in range(units - units % LANES, units):
            _simple_rnn_backward(1, j, row, dh, h)


@fast
def simple_rnn_padding_backward(dz: Floats, d_hidden: Floats, hidden: Floats) -> None:
    """Like `simple_rnn_backward`, for reviews that share `hidden`, the state after the timestep, shape (units,)."""
    units = d_hidden.shape[1]
    for i in range(len(dz)):
        row, dh = dz[i], d_hidden[i]
        for j in range(0, units - LANES + 1, LANES):
            _simple_rnn_backward(LANES, j, row, dh, hidden)
        for j in range(units - units % LANES, units):
            _simple_rnn_backward(1, j, row, dh, hidden)


@fast_inlined
def _simple_rnn_backward(lanes: int, j: int, row: Floats, dh: Floats, h: Floats) -> None:
    state = load(h, j, lanes)
    store(row, j, flushed(load(dh, j, lanes) * (_ONE - state * state)))


@fast
def lstm_backward(dz: Floats, d_hidden: Floats, d_cell: Floats, states: States, before: int) -> None:
    """Implement `step_backward` for an LSTM; `d_cell` becomes the gradient of the cell state before the timestep."""
    units = d_hidden.shape[1]
    for i in range(len(dz)):
        row, dh, dc, derivatives = dz[i], d_hidden[i], d_cell[i], states.derivatives[before + i]
        for j in range(0, units - LANES + 1, LANES):
            _lstm_backward(LANES, j, units, row, dh, dc, derivatives)
        for j in range(units - units % LANES, units):
            _lstm_backward(1, j, units, row, dh, dc, derivatives)


@fast_inlined
def _lstm_backward(lanes: int, j: int, units: int, row: Floats, dh: Floats, dc: Floats, derivatives: Floats) -> None:
    i_at, f_at, g_at, o_at = j, units + j, 2 * units + j, 3 * units + j
    of_hidden = load(dh, j, lanes)
    of_cell = load(dc, j, lanes) + of_hidden * load(derivatives, 4 * units + j, lanes)
    store(row, i_at, flushed(of_cell * load(derivatives, i_at, lanes)))
    store(row, f_at, flushed(of_cell * load(derivatives, f_at, lanes)))
    store(row, g_at, flushed(of_cell * load(derivatives, g_at, lanes)))
    store(row, o_at, flushed(of_hidden * load(derivatives, o_at, lanes)))
    store(dc, j, flushed(of_cell * load(derivatives, 5 * units + j, lanes)))


@fast
def gru_backward(dz: Floats, d_hidden: Floats, states: States, before: int) -> None:
    """Implement `step_backward` for a GRU; `d_hidden` becomes the part that reaches the preceding state through z."""
    units = d_hidden.shape[1]
    for i in range(len(dz)):
        row, dh, derivatives = dz[i], d_hidden[i], states.derivatives[before + i]
        for j in range(0, units - LANES + 1, LANES):
            _gru_backward(LANES, j, units, row, dh, derivatives)
        for j in range(units - units % LANES, units):
            _gru_backward(1, j, units, row, dh, derivatives)


@fast_inlined
def _gru_backward(lanes: int, j: int, units: int, row: Floats, dh: Floats, derivatives: Floats) -> None:
    of_hidden = load(dh, j, lanes)
    for block in range(4):
        at = block * units + j
        store(row, at, flushed(of_hidden * load(derivatives, at, lanes)))
    store(dh, j, flushed(of_hidden * load(derivatives, 4 * units + j, lanes)))


@fast
def step_forward(
    cell: int, rows: Ints, projections: Floats, states: States, before: int, after: int, work: int, keep: bool
) -> None:
    """Compute one timestep of `len(rows)` reviews.

    Args:
        cell: SIMPLE_RNN, LSTM or GRU.
        rows: the row of `projections` that each review reads.
        projections: shape (n, blocks, units).
        states: read from row `before` on, written from row `after` on; from row `work` on, the derivatives replace the
            product of hidden state and recurrent kernel.
        keep: whether to keep the derivatives, for `step_backward`.
    """
    n = len(rows)
    hidden, next_hidden = states.hidden[before : before + n], states.hidden[after : after + n]
    if cell == SIMPLE_RNN:
        simple_rnn_forward(rows, projections, next_hidden)
    elif cell == LSTM:
        cells, next_cells = states.cell[before : before + n], states.cell[after : after + n]
        lstm_forward(rows, projections, states.derivatives[work : work + n], keep, cells, next_cells, next_hidden)
    else:
        gru_forward(rows, projections, states.derivatives[work : work + n], keep, hidden, next_hidden)


@fast
def step_backward(
    cell: int, dz: Floats, d_hidden: Floats, d_cell: Floats, states: States, before: int, after: int
) -> None:
    """Compute the pre-activation gradients of `len(dz)` reviews.

    Args:
        cell: SIMPLE_RNN, LSTM or GRU.
        dz: result, shape (reviews, at least blocks · units).
        d_hidden: gradient of the hidden state after the timestep, shape (reviews, units); for a GRU, replaced with the
            part that reaches the preceding state directly, through z.
        d_cell: gradient of an LSTM's cell state after the timestep, replaced with the gradient before it.
        states: those before the timestep start at row `before`, those after it at row `after`.
    """
    if cell == SIMPLE_RNN:
        simple_rnn_backward(dz, d_hidden, states, after)
    elif cell == LSTM:
        lstm_backward(dz, d_hidden, d_cell, states, before)
    else:
        gru_backward(dz, d_hidden, states, before)
