"""One timestep of a group of reviews, forward and backward, for every cell.

In a timestep of padding all reviews share the states, so they share the timestep's Jacobian. A pre-activation gradient
is a *source* times one of the cell's derivatives, which depend only on the states. A GRU's source is the gradient of
the hidden state. An LSTM has two: for the blocks i, f and g, the gradient of the cell state, including the hidden
state's contribution; for o, the gradient of the hidden state. So one matrix, in one product instead of one per block,
maps a review's sources to two gradients: that of the hidden state before the timestep and that of the input. The matrix
stays the same once padding no longer changes the state. A simple RNN has one block and would gain nothing, so each
review has a row of its own, as for words.
"""

from typing import Any

import numpy as np

from tasks.models.loops.lanes import LANES, Floats, Ints, by_lanes, fast, fast_inlined, load, store
from tasks.models.loops.products import add_or_set, multiply
from tasks.models.loops.records import (
    BackwardStep,
    Cell,
    ForwardStep,
    Kernels,
    PaddingBackward,
    SequenceGradient,
    States,
)
from tasks.models.loops.tokens import add_with_squares


@fast_inlined
def step_forward(
    cell: Cell, rows: Ints, projections: Floats, states: States, before: int, after: int, row: int, keep: bool
) -> None:
    """Compute one timestep of `len(rows)` reviews.

    Args:
        cell: the cell.
        rows: the row of `projections` that each review reads.
        projections: shape (n, blocks, units).
        states: read from row `before` on, written from row `after` on; from row `row` on, the derivatives replace the
            product of hidden state and recurrent kernel.
        keep: whether to keep the derivatives, for `step_backward`.
    """
    units = states.hidden.shape[1]
    for i in range(len(rows)):
        # A row of an array that the cell does not have is empty, and never read.
        h, c, work = states.hidden[before + i], states.cell[before + i], states.derivatives[row + i]
        new_h, new_c = states.hidden[after + i], states.cell[after + i]
        step = ForwardStep(units, projections[rows[i]], work, keep, h, c, new_h, new_c)
        by_lanes(cell.forward, units, step)


@fast_inlined
def step_backward(
    cell: Cell, dz: Floats, d_hidden: Floats, d_cell: Floats, states: States, before: int, after: int, stride: int
) -> None:
    """Compute the pre-activation gradients of `len(dz)` reviews.

    Args:
        cell: the cell.
        dz: result, shape (reviews, at least blocks · units).
        d_hidden: gradient of the hidden state after the timestep, shape (reviews, units); with a direct derivative,
            replaced with the part that reaches the preceding state directly.
        d_cell: gradient of the cell state after the timestep, replaced with the gradient before it.
        states: those before the timestep start at row `before`, those after it at row `after`.
        stride: how many rows of `states` each review has; 0 if all share one.
    """
    units = d_hidden.shape[1]
    for i in range(len(dz)):
        new_h, derivatives = states.hidden[after + i * stride], states.derivatives[before + i * stride]
        step = BackwardStep(units, d_hidden[i], d_cell[i], new_h, derivatives, dz[i])
        by_lanes(cell.backward, units, step)


@fast_inlined
def padding_work(
    cell: Cell, kernels: Kernels, states: States, d_inputs: SequenceGradient, reviews: int
) -> PaddingBackward:
    """Allocate memory that contains no timestep's Jacobian yet."""
    units, features = len(kernels.recurrent_kernel), len(kernels.kernel)
    # Each cell's last derivative is between 0 and 1, so 2 matches no timestep.
    derivatives = np.full((cell.DERIVATIVES, units), np.float32(2.0), np.float32)
    jacobian = np.empty((cell.SOURCES * units, units + features), np.float32)
    sources = np.empty((reviews, cell.SOURCES * units), np.float32)
    products = np.empty((reviews, features), np.float32)
    return PaddingBackward(kernels, states, d_inputs, derivatives, jacobian, sources, products)


@fast_inlined
def padding_by_row(
    cell: Cell, padding: PaddingBackward, step: int, t: int, first: int, d_hidden: Floats, d_cell: Floats, dz: Floats
) -> None:
    """Implement `Cell.padding_backward` with a row for each review."""
    rows = dz[: len(d_hidden)]
    step_backward(cell, rows, d_hidden, d_cell, padding.states, step, step + 1, 0)
    blocks = rows[:, : len(padding.kernels.bias)]
    multiply(blocks, padding.kernels.recurrent_transposed, d_hidden, cell.DIRECT >= 0)
    # As a slice it has the type of the Jacobian's columns, so numba compiles `add_to_inputs` only once.
    add_to_inputs(blocks, padding.kernels.kernel_transposed[:, 0:], padding, t, first)
    sum_rows(rows)


@fast_inlined
def padding_by_jacobian(
    cell: Any,
    padding: PaddingBackward,
    step: int,
    t: int,
    first: int,
    d_hidden: Floats,
    d_cell: Floats,
    dz: Floats,
) -> None:
    """Implement `Cell.padding_backward` with one matrix for all reviews."""
    units, jacobian, derivatives = d_hidden.shape[1], padding.jacobian, padding.derivatives
    if _take_derivatives(padding.states.derivatives[step], derivatives):
        _fill_jacobian(cell.SOURCE_OF_BLOCK, cell.DIRECT, padding.kernels, derivatives, jacobian)
    sources, new_h = padding.sources[: len(d_hidden)], padding.states.hidden[step + 1]
    for i in range(len(sources)):
        of_review = BackwardStep(units, d_hidden[i], d_cell[i], new_h, derivatives, sources[i])
        by_lanes(cell.padding_sources, units, of_review)
    multiply(sources, jacobian[:, :units], d_hidden, False)
    add_to_inputs(sources[:, 0:], jacobian[:, units:], padding, t, first)
    sum_rows(sources)
    for block in range(cell.BLOCKS):
        source_at = cell.SOURCE_OF_BLOCK[block] * units
        for j in range(units):
            dz[0, block * units + j] = sources[0, source_at + j] * derivatives[block, j]


@fast
def add_to_inputs(sources: Floats, matrix: Floats, padding: PaddingBackward, t: int, first: int) -> None:
    """Add the products of sources and matrix to the gradients of the padding's inputs at timestep t.

    `first` is the review that the first row of `sources` belongs to.
    """
    count, d_inputs = len(sources), padding.d_inputs
    if len(d_inputs.padding):
        products = padding.products[:count]
        multiply(sources, matrix, products, False)
        # The rows are added one by one: the compiler may sum a column in any order, and in a different order wherever
        # it inlines the loop.
        for i in range(count):
            add_with_squares(products[i], d_inputs.padding)
    else:
        row = t * (len(d_inputs.values) // len(d_inputs.ends)) + first
        add_or_set(sources, matrix, d_inputs.values[row : row + count], d_inputs.ends[t] - first)


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
def _fill_jacobian(
    source_of_block: tuple[int, ...], direct: int, kernels: Kernels, derivatives: Floats, jacobian: Floats
) -> None:
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
            row = (source_of_block[block] * units + j) * width
            derivative = derivatives[block, j]
            if block >= first_recurrent:
                at = ((block - first_recurrent) * units + j) * units
                _add_scaled(result, row, derivative, recurrent, at, units)
            at = (block * units + j) * (width - units)
            if at < len(kernel):
                _add_scaled(result, row + units, derivative, kernel, at, width - units)
    if direct >= 0:
        for j in range(units):
            jacobian[j, j] += derivatives[direct, j]


@fast_inlined
def _add_scaled(target: Floats, at: int, factor: np.float32, numbers: Floats, first: int, count: int) -> None:
    """`target[at:at + count] += factor * numbers[first:first + count]`; both are flat."""
    for j in range(0, count - LANES + 1, LANES):
        store(target, at + j, load(target, at + j, LANES) + factor * load(numbers, first + j, LANES))
    for j in range(count - count % LANES, count):
        target[at + j] += factor * numbers[first + j]


@fast
def sum_rows(rows: Floats) -> None:
    """Add all rows to the first."""
    width = rows.shape[1]
    flat = rows.reshape(rows.size)
    for i in range(1, len(rows)):
        _add_scaled(flat, 0, np.float32(1.0), flat, i * width, width)
