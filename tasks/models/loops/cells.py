"""The cells: one timestep forward and one backward, over the reviews of a group.

Each cell's gates stand in *blocks* of one number per unit. A block's value before the activation is the sum of the
input's projection and the product of hidden state and recurrent kernel.

- Simple RNN: its only block.
- LSTM: i, f, g, o as in Keras.
- GRU: g from the input, z, r, g from the state. The input's kernel has the first three, the recurrent kernel the last
  three, so that the reset gate can scale the state's share of g alone.
"""

import numpy as np

from tasks.models.loops.arithmetic import Floats, Ints, fast, flushed, sigmoid, tanh
from tasks.models.loops.records import States

SIMPLE_RNN, LSTM, GRU = 0, 1, 2

_ONE = np.float32(1.0)


@fast
def simple_rnn_forward(rows: Ints, projections: Floats, hidden: Floats) -> None:
    """`hidden` holds the product with the recurrent kernel, then the new state; arguments as for `step_forward`."""
    for i in range(len(rows)):
        projection, h = projections[rows[i], 0], hidden[i]
        for j in range(len(h)):
            h[j] = tanh(h[j] + projection[j])


@fast
def lstm_forward(
    rows: Ints, projections: Floats, gates: Floats, cell: Floats, next_cell: Floats, next_hidden: Floats
) -> None:
    """`gates` holds the product, then the activated gates."""
    units = next_hidden.shape[1]
    for i in range(len(rows)):
        gate, projection, c, new_c, new_h = gates[i], projections[rows[i]], cell[i], next_cell[i], next_hidden[i]
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
def gru_forward(rows: Ints, projections: Floats, gates: Floats, hidden: Floats, next_hidden: Floats) -> None:
    """`gates` holds the product in its last three blocks, then g, z, r and the state's share of g."""
    units = next_hidden.shape[1]
    for i in range(len(rows)):
        gate, projection, h, new_h = gates[i], projections[rows[i]], hidden[i], next_hidden[i]
        for j in range(units):
            gate[1, j] = sigmoid(gate[1, j] + projection[1, j])
        for j in range(units):
            gate[2, j] = sigmoid(gate[2, j] + projection[2, j])
        for j in range(units):
            gate[3, j] += projection[3, j]
        for j in range(units):
            gate[0, j] = tanh(projection[0, j] + gate[2, j] * gate[3, j])
        for j in range(units):
            new_h[j] = gate[0, j] + gate[1, j] * (h[j] - gate[0, j])


@fast
def simple_rnn_backward(
    dz: Floats, d_hidden: Floats, states: States, first: int, last: int, after: int, stride: int
) -> None:
    """As `step_backward`."""
    for i in range(first, last):
        row, dh, h = dz[i, 0], d_hidden[i], states.hidden[after + i * stride]
        for j in range(len(h)):
            row[j] = flushed(dh[j] * (_ONE - h[j] * h[j]))


@fast
def lstm_backward(
    dz: Floats, d_hidden: Floats, d_cell: Floats, states: States, first: int, last: int, before: int, after: int,
    stride: int,
) -> None:  # fmt: skip
    """As `step_backward`; `d_cell` becomes the gradient of the cell state before the timestep."""
    units = d_hidden.shape[1]
    for i in range(first, last):
        row, dh, dc = dz[i], d_hidden[i], d_cell[i]
        gate, c, new_c = (
            states.gates[before + i * stride],
            states.cell[before + i * stride],
            states.cell[after + i * stride],
        )
        for j in range(units):
            tanh_c = tanh(new_c[j])
            output = gate[3, j]
            dc[j] += dh[j] * output * (_ONE - tanh_c * tanh_c)
            row[3, j] = flushed(dh[j] * tanh_c * output * (_ONE - output))
        for j in range(units):
            input_gate, candidate = gate[0, j], gate[2, j]
            row[0, j] = flushed(dc[j] * candidate * input_gate * (_ONE - input_gate))
            row[2, j] = flushed(dc[j] * input_gate * (_ONE - candidate * candidate))
        for j in range(units):
            forget = gate[1, j]
            row[1, j] = flushed(dc[j] * c[j] * forget * (_ONE - forget))
            dc[j] = flushed(dc[j] * forget)


@fast
def gru_backward(dz: Floats, d_hidden: Floats, states: States, first: int, last: int, before: int, stride: int) -> None:
    """As `step_backward`; `d_hidden` becomes what reaches the state before the timestep past the gates."""
    units = d_hidden.shape[1]
    for i in range(first, last):
        row, dh = dz[i], d_hidden[i]
        gate, h = states.gates[before + i * stride], states.hidden[before + i * stride]
        for j in range(units):
            candidate, update, reset = gate[0, j], gate[1, j], gate[2, j]
            d_candidate = flushed(dh[j] * (_ONE - update) * (_ONE - candidate * candidate))
            row[0, j] = d_candidate
            row[1, j] = flushed(dh[j] * (h[j] - candidate) * update * (_ONE - update))
            row[2, j] = flushed(d_candidate * gate[3, j] * reset * (_ONE - reset))
            row[3, j] = flushed(d_candidate * reset)
            dh[j] = flushed(dh[j] * update)


@fast
def step_forward(
    cell: int, rows: Ints, projections: Floats, states: States, before: int, after: int, gate: int
) -> None:
    """One timestep of as many reviews as there are `rows`.

    Args:
        cell: SIMPLE_RNN, LSTM or GRU.
        rows: which row of `projections` each review reads.
        projections: shape (n, blocks, units).
        states: read from row `before` on, written from row `after` on; gates stand from row `gate` on.
    """
    n = len(rows)
    hidden, next_hidden = states.hidden[before : before + n], states.hidden[after : after + n]
    if cell == SIMPLE_RNN:
        simple_rnn_forward(rows, projections, next_hidden)
    elif cell == LSTM:
        cells, next_cells = states.cell[before : before + n], states.cell[after : after + n]
        lstm_forward(rows, projections, states.gates[gate : gate + n], cells, next_cells, next_hidden)
    else:
        gru_forward(rows, projections, states.gates[gate : gate + n], hidden, next_hidden)


@fast
def step_backward(
    cell: int, dz: Floats, d_hidden: Floats, d_cell: Floats, states: States, first: int, last: int, before: int,
    after: int, stride: int,
) -> None:  # fmt: skip
    """Gradients before the activation, of the reviews `first` to `last`.

    Args:
        cell: SIMPLE_RNN, LSTM or GRU.
        dz: result, shape (reviews, blocks, units).
        d_hidden: gradient of the hidden state after the timestep, shape (reviews, units); of a GRU, replaced with what
            reaches the state before it past the gates.
        d_cell: gradient of an LSTM's cell state, replaced with that before the timestep.
        states: of review i stand in row `before + i · stride` before the timestep, `after + i · stride` after it.
    """
    if cell == SIMPLE_RNN:
        simple_rnn_backward(dz, d_hidden, states, first, last, after, stride)
    elif cell == LSTM:
        lstm_backward(dz, d_hidden, d_cell, states, first, last, before, after, stride)
    else:
        gru_backward(dz, d_hidden, states, first, last, before, stride)
