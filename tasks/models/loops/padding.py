"""The backward pass of a padding timestep: all reviews share its states, so they share its Jacobian.

A pre-activation gradient is a *source* times one of the derivatives of `tasks.models.loops.cells`, which depend only on
the states. A GRU's source is the gradient of the hidden state. An LSTM has two: for the blocks i, f and g, the gradient
of the cell state, including the hidden state's contribution; for o, the gradient of the hidden state. So one matrix,
in one product instead of one per block, maps a review's sources to two gradients: that of the hidden state before the
timestep and that of the input. The matrix stays the same once padding no longer changes the state. A simple RNN has
one block and would gain nothing: its sources are the pre-activation gradients, and one product with the recurrent
kernel handles words and padding.
"""

from typing import NamedTuple

import numpy as np

from tasks.models.loops.cells import DERIVATIVES, GRU, LSTM
from tasks.models.loops.lanes import LANES, Floats, fast, fast_inlined, flushed, load, store
from tasks.models.loops.products import multiply
from tasks.models.loops.records import Kernels, SequenceGradient, States


class PaddingWork(NamedTuple):
    """Memory for a timestep of padding.

    Attributes:
        derivatives: the derivatives that `jacobian` was computed from, shape (derivatives, units).
        jacobian: shape (sources · units, units + features).
        sources: each review's sources, shape (reviews, sources · units).
        d_inputs: each review's input gradients, shape (reviews, features).
    """

    derivatives: Floats
    jacobian: Floats
    sources: Floats
    d_inputs: Floats


@fast
def padding_work(cell: int, reviews: int, units: int, features: int) -> PaddingWork:
    """Allocate memory that contains no timestep's Jacobian yet."""
    sources = 2 if cell == LSTM else 1
    # Each cell's last derivative is between 0 and 1, so 2 matches no timestep.
    derivatives = np.full((DERIVATIVES[cell], units), np.float32(2.0), np.float32)
    jacobian = np.empty((sources * units, units + features), np.float32)
    of_states = np.empty((reviews, sources * units), np.float32)
    return PaddingWork(derivatives, jacobian, of_states, np.empty((reviews, features), np.float32))


@fast
def padding_backward(
    cell: int, kernels: Kernels, states: States, step: int, first: int, last: int, d_hidden: Floats, d_cell: Floats,
    d_inputs: SequenceGradient, t: int, work: PaddingWork, dz: Floats,
) -> None:  # fmt: skip
    """Go back one timestep for the reviews `first` to `last`.

    Args:
        cell: LSTM or GRU.
        kernels: as in `recurrent_backward`.
        states: the padding's states, as one packed review.
        step: the timestep.
        first, last: the range of reviews, `last` exclusive.
        d_hidden, d_cell: gradients of the states after the timestep, replaced with those before it.
        d_inputs, t: as in `add_to_inputs`.
        work: from `padding_work`; the same for all timesteps.
        dz: result, the pre-activation gradients summed over reviews, shape (blocks · units,).
    """
    units = d_hidden.shape[1]
    if _take_derivatives(states.derivatives[step], work.derivatives):
        _fill_jacobian(cell, kernels, work.derivatives, work.jacobian)
    sources = work.sources[: last - first]
    if cell == LSTM:
        flat = work.derivatives.reshape(work.derivatives.size)
        _take_lstm_sources(d_hidden[first:last], d_cell[first:last], flat, sources)
    else:
        _take_gru_sources(d_hidden[first:last], sources)
    multiply(sources, work.jacobian[:, :units], d_hidden[first:last], False)
    add_to_inputs(sources, work.jacobian[:, units:], d_inputs, t, first, work.d_inputs)
    sum_rows(sources)
    for block in range(len(dz) // units):
        source = _source_of(cell, block) * units
        for j in range(units):
            dz[block * units + j] = sources[0, source + j] * work.derivatives[block, j]


@fast
def add_to_inputs(
    sources: Floats, matrix: Floats, d_inputs: SequenceGradient, t: int, first: int, products: Floats
) -> None:
    """Compute the gradients of the padding's inputs at one timestep.

    Args:
        sources: each review's sources.
        matrix: maps sources to the gradients of the inputs.
        d_inputs: result; added to any gradient already there.
        t: the timestep, as counted in `d_inputs`.
        first: the review that the first row of `sources` belongs to.
        products: memory for the gradients, shape (reviews, features).
    """
    count = len(sources)
    if len(d_inputs.padding):
        multiply(sources, matrix, products[:count], False)
        _add_sums(products[:count], d_inputs.padding)
    else:
        row = t * (len(d_inputs.values) // len(d_inputs.ends)) + first
        add_or_set(sources, matrix, d_inputs.values[row : row + count], d_inputs.ends[t] - first)


@fast
def add_or_set(left: Floats, right: Floats, out: Floats, known: int) -> None:
    """Add `left @ right` to the first `known` rows of `out`, and store it in the others, which are uninitialized."""
    known = min(max(known, 0), len(out))
    multiply(left[:known], right, out[:known], True)
    multiply(left[known:], right, out[known:], False)


@fast
def _add_sums(rows: Floats, sums: Floats) -> None:
    """Add all rows to `sums[0]`, and their squares to `sums[1]`.

    The rows are added one by one: the compiler may sum a column in any order, and in a different order wherever it
    inlines the loop.
    """
    count, features = rows.shape
    total = sums.reshape(sums.size)
    for i in range(count):
        row = rows[i]
        for j in range(0, features - LANES + 1, LANES):
            _add_number(LANES, j, features, row, total)
        for j in range(features - features % LANES, features):
            _add_number(1, j, features, row, total)


@fast_inlined
def _add_number(lanes: int, j: int, features: int, row: Floats, sums: Floats) -> None:
    number = load(row, j, lanes)
    store(sums, j, load(sums, j, lanes) + number)
    store(sums, features + j, load(sums, features + j, lanes) + number * number)


@fast_inlined
def _source_of(cell: int, block: int) -> int:
    return 1 if cell == LSTM and block == 3 else 0


@fast
def _take_derivatives(kept: Floats, derivatives: Floats) -> bool:
    """Copy a timestep's derivatives; return whether they differ from the old ones."""
    changed = False
    source, target = kept.reshape(kept.size), derivatives.reshape(derivatives.size)
    for j in range(len(target)):
        changed |= source[j] != target[j]
        target[j] = source[j]
    return changed


@fast
def _fill_jacobian(cell: int, kernels: Kernels, derivatives: Floats, jacobian: Floats) -> None:
    units, width = derivatives.shape[1], jacobian.shape[1]
    blocks = len(kernels.bias) // units
    first_recurrent = blocks - len(kernels.recurrent_transposed) // units
    result = jacobian.reshape(jacobian.size)
    for j in range(len(result)):
        result[j] = np.float32(0.0)
    recurrent = kernels.recurrent_transposed.reshape(kernels.recurrent_transposed.size)
    kernel = kernels.kernel_transposed.reshape(kernels.kernel_transposed.size)
    for block in range(blocks):
        for j in range(units):
            row = (_source_of(cell, block) * units + j) * width
            derivative = derivatives[block, j]
            if block >= first_recurrent:
                at = ((block - first_recurrent) * units + j) * units
                _add_scaled(result, row, derivative, recurrent, at, units)
            at = (block * units + j) * (width - units)
            if at < len(kernel):
                _add_scaled(result, row + units, derivative, kernel, at, width - units)
    if cell == GRU:
        for j in range(units):
            jacobian[j, j] += derivatives[4, j]


@fast_inlined
def _add_scaled(target: Floats, at: int, factor: np.float32, numbers: Floats, first: int, count: int) -> None:
    """`target[at:at + count] += factor * numbers[first:first + count]`; both are flat."""
    for j in range(0, count - LANES + 1, LANES):
        store(target, at + j, load(target, at + j, LANES) + factor * load(numbers, first + j, LANES))
    for j in range(count - count % LANES, count):
        target[at + j] += factor * numbers[first + j]


@fast
def _take_gru_sources(d_hidden: Floats, sources: Floats) -> None:
    units = d_hidden.shape[1]
    for i in range(len(sources)):
        dh, source = d_hidden[i], sources[i]
        for j in range(0, units - LANES + 1, LANES):
            store(source, j, flushed(load(dh, j, LANES)))
        for j in range(units - units % LANES, units):
            store(source, j, flushed(load(dh, j, 1)))


@fast
def _take_lstm_sources(d_hidden: Floats, d_cell: Floats, derivatives: Floats, sources: Floats) -> None:
    """Compute the reviews' sources; `d_cell` becomes the gradient of the cell state before the timestep."""
    units = d_hidden.shape[1]
    for i in range(len(sources)):
        dh, dc, source = d_hidden[i], d_cell[i], sources[i]
        for j in range(0, units - LANES + 1, LANES):
            _take_lstm_source(LANES, j, units, dh, dc, derivatives, source)
        for j in range(units - units % LANES, units):
            _take_lstm_source(1, j, units, dh, dc, derivatives, source)


@fast_inlined
def _take_lstm_source(
    lanes: int, j: int, units: int, dh: Floats, dc: Floats, derivatives: Floats, source: Floats
) -> None:
    of_hidden = flushed(load(dh, j, lanes))
    of_cell = load(dc, j, lanes) + of_hidden * load(derivatives, 4 * units + j, lanes)
    store(source, j, flushed(of_cell))
    store(source, units + j, of_hidden)
    store(dc, j, flushed(of_cell * load(derivatives, 5 * units + j, lanes)))


@fast
def sum_rows(rows: Floats) -> None:
    """Add all rows to the first."""
    width = rows.shape[1]
    flat = rows.reshape(rows.size)
    for i in range(1, len(rows)):
        _add_scaled(flat, 0, np.float32(1.0), flat, i * width, width)
