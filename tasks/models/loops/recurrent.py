"""A recurrent layer over packed reviews, forward and backward, for every kind of cell."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tasks.models.loops.lanes import LANES, Floats, Ints, fast, fast_inlined
from tasks.models.loops.products import add_or_set, add_outer_products, multiply
from tasks.models.loops.records import Cell, KernelGradients, Kernels, Layout, SequenceGradient, States, Trajectory
from tasks.models.loops.timestep import padding_work, step_backward, step_forward

# The number of entries whose outer products are summed at once, while they are in the processor's cache.
BLOCK = 128


@fast
def project(inputs: Floats, kernels: Kernels, projections: Floats) -> None:
    """Multiply inputs by the kernel and add the bias: shape (n, features) to (n, blocks, units)."""
    flat = projections.reshape(len(projections), len(kernels.bias))
    for i in range(len(flat)):
        row = flat[i]
        for j in range(len(row)):
            row[j] = kernels.bias[j]
    multiply(inputs, kernels.kernel, flat[:, : kernels.kernel.shape[1]], True)


@fast_inlined
def forward_loop(
    cell: Cell,
    layout: Layout,
    rows: Ints,
    projections: Floats,
    recurrent_kernel: Floats,
    start: States,
    states: States,
    constant_from: Ints,
    keep_states: bool,
    keep_derivatives: bool,
) -> None:
    """Compute the states of packed reviews.

    Args:
        cell: the cell.
        layout: where the entries are.
        rows: the row of `projections` that each entry reads, int32, shape (entries,).
        projections: see `project`.
        recurrent_kernel: shape (units, recurrent blocks · units).
        start: a review that begins at timestep t starts from the states in row t.
        states: result.
        constant_from: the timestep from which each review's input no longer changes, int32, shape (reviews,);
            empty if unknown. Without `keep_states`, a review at the end of the group is dropped once such a timestep
            leaves its states unchanged to the bit, because later timesteps would not change them either.
        keep_states: keep the states of all entries, for `backward_loop` or a layer above; otherwise timesteps
            alternate between two rows per review, which stay in the processor's cache. The last rows contain the final
            states.
        keep_derivatives: keep the derivatives of all entries, for `backward_loop`; otherwise one work row per
            review is enough.
    """
    offsets, batch_sizes = layout
    derivatives = states.derivatives
    work = derivatives.reshape(len(derivatives), derivatives.shape[1] * derivatives.shape[2])
    last_column = projections.shape[1] * projections.shape[2]
    first_column = last_column - recurrent_kernel.shape[1]
    timesteps, reviews = len(batch_sizes), batch_sizes[-1]
    begun, settled = 0, np.int64(0)
    for t in range(timesteps):
        n, first = batch_sizes[t] - settled, offsets[t]
        before, after = first, first + n
        if not keep_states:
            before = reviews if (timesteps - t) % 2 == 0 else 0
            after = reviews - before
        for i in range(begun, n):
            _copy(start.hidden[t], states.hidden[before + i])
            if cell.HAS_CELL_STATE:
                _copy(start.cell[t], states.cell[before + i])
        begun = n
        row = first if keep_derivatives else 0
        products = states.hidden[after : after + n, 0:]
        if cell.DERIVATIVES:
            products = work[row : row + n, first_column:last_column]
        multiply(states.hidden[before : before + n], recurrent_kernel, products, False)
        step_forward(cell, rows[first : first + n], projections, states, before, after, row, keep_derivatives)
        if not keep_states:
            settled = _count_settled(cell.HAS_CELL_STATE, states, before, after, t, constant_from, settled)


@fast
def _copy(source: Floats, target: Floats) -> None:
    for j in range(len(target)):
        target[j] = source[j]


@fast
def _count_settled(
    has_cell_state: bool, states: States, before: int, after: int, t: int, constant_from: Ints, settled: np.int64
) -> np.int64:
    """Count the reviews at the end of the group that have settled after timestep t; `settled` of them did so before."""
    while settled < len(constant_from):
        review = len(constant_from) - settled - 1
        if constant_from[review] > t or not _equal(states.hidden[before + review], states.hidden[after + review]):
            break
        if has_cell_state and not _equal(states.cell[before + review], states.cell[after + review]):
            break
        settled += 1
    return settled


@fast
def _equal(left: Floats, right: Floats) -> bool:
    """Whether all numbers are equal."""
    different = False
    for j in range(len(left)):
        different |= left[j] != right[j]
    return not different


class BackwardWork(NamedTuple):
    """Entries whose outer products are still to be added to the kernels' gradients.

    Attributes:
        dz: their pre-activation gradients, shape (entries, at least blocks · units).
        block: the hidden states before them and their inputs, shape (entries, units + features).
        ones: shape (1, entries).
        bias: memory for the sum of `dz`, shape (1, blocks · units).
        gradients: result.
    """

    dz: Floats
    block: Floats
    ones: Floats
    bias: Floats
    gradients: KernelGradients


@fast
def _backward_work(reviews: int, kernels: Kernels) -> BackwardWork:
    entries, width = BLOCK + reviews, len(kernels.bias)
    (features, input_width), (units, recurrent_width) = kernels.kernel.shape, kernels.recurrent_kernel.shape
    # Rows a multiple of 512 bytes apart compete for few cache lines, and products take half as long again.
    apart = LANES if width % 128 == 0 else 0
    dz, block = np.empty((entries, width + apart), np.float32), np.empty((entries, units + features), np.float32)
    gradients = KernelGradients(
        np.zeros((features, input_width), np.float32),
        np.zeros((units, recurrent_width), np.float32),
        np.zeros(width, np.float32),
    )
    return BackwardWork(dz, block, np.ones((1, entries), np.float32), np.empty((1, width), np.float32), gradients)


@fast_inlined
def backward_loop(
    cell: Cell,
    backwards: bool,
    layout: Layout,
    kernels: Kernels,
    entries: Trajectory,
    padding: Trajectory,
    d_outputs: SequenceGradient,
    d_hidden: Floats,
    vanished: float,
    d_inputs: SequenceGradient,
) -> KernelGradients:
    """Compute the gradients of packed reviews, and of the padding before them.

    Until a review begins, it shares the states of the padding, but not their gradients.

    Args:
        cell: the cell.
        backwards: whether the layout's timesteps run from the reviews' end to their start.
        layout, kernels: as in the forward pass.
        entries: the inputs and states of the entries.
        padding: those of the padding, as one packed review.
        d_outputs: gradients of the outputs, if a layer above reads them; a cell that reads backwards has the second
            `units` columns.
        d_hidden: gradients of each review's last hidden state, shape (reviews, units); overwritten.
        vanished: reviews at the end of the group with gradients this small are dropped; 0 drops only zeros.
        d_inputs: result; added to any gradient already there.

    Returns:
        the gradients of the kernels.
    """
    timesteps, (reviews, units) = len(layout.batch_sizes), d_hidden.shape
    first_column, last_column = len(kernels.bias) - kernels.recurrent_kernel.shape[1], len(kernels.bias)
    input_width = kernels.kernel.shape[1]
    d_cell = np.zeros_like(d_hidden)
    work = _backward_work(reviews, kernels)
    of_padding = padding_work(cell, kernels, padding.states, d_inputs, reviews)
    filled, end = 0, reviews
    for step in range(timesteps - 1, -1, -1):
        t = timesteps - 1 - step if backwards else step
        before, after, row = layout.offsets[step], layout.offsets[step + 1], t * reviews
        end = _live_reviews(d_hidden, d_cell, cell.HAS_CELL_STATE, end, d_outputs.ends[t], vanished)
        begun = min(layout.batch_sizes[step], end)
        _add_outputs(d_outputs, t, units if backwards else 0, d_hidden)
        dz = work.dz[filled : filled + begun]
        step_backward(cell, dz, d_hidden, d_cell, entries.states, before, after, 1)
        d_recurrent = dz[:, first_column:last_column]
        multiply(d_recurrent, kernels.recurrent_transposed, d_hidden[:begun], cell.DIRECT >= 0)
        d_values = d_inputs.values[row : row + begun]
        add_or_set(dz[:, :input_width], kernels.kernel_transposed[:, 0:], d_values, np.int64(d_inputs.ends[t]))
        _collect(work.block[filled : filled + begun], entries, np.int64(before))
        filled += begun
        if begun < end:  # These reviews share states and input, so one outer product of the sum is enough.
            dh, dc = d_hidden[begun:end], d_cell[begun:end]
            cell.padding_backward(cell, of_padding, step, t, begun, dh, dc, work.dz[filled:])
            _collect(work.block[filled : filled + 1], padding, np.int64(step))
            filled += 1
        d_inputs.ends[t] = max(d_inputs.ends[t], begun if len(d_inputs.padding) else end)
        if filled >= BLOCK or step == 0:
            _add_block(work, filled)
            filled = 0
    return work.gradients


@fast
def _add_outputs(d_outputs: SequenceGradient, t: int, column: int, d_hidden: Floats) -> None:
    """Add the gradients of the outputs at timestep t, `units` columns from `column` on."""
    first = t * len(d_hidden)
    for i in range(d_outputs.ends[t]):
        dh, d_output = d_hidden[i], d_outputs.values[first + i, column:]
        for j in range(len(dh)):
            dh[j] += d_output[j]


@fast
def _add_block(work: BackwardWork, filled: int) -> None:
    """Add the outer products of the first `filled` entries to the gradients.

    Each block is summed separately, because rounding grows with the length of a chain of additions.
    """
    kernel, recurrent_kernel, bias = work.gradients
    units, width = len(recurrent_kernel), len(bias)
    dz, block = work.dz[:filled], work.block[:filled]
    add_outer_products(block[:, :units], dz[:, width - recurrent_kernel.shape[1] : width], recurrent_kernel)
    add_outer_products(block[:, units:], dz[:, : kernel.shape[1]], kernel)
    multiply(work.ones[:, :filled], dz[:, :width], work.bias, False)
    for j in range(width):
        bias[j] += work.bias[0, j]


@fast
def _live_reviews(d_hidden: Floats, d_cell: Floats, has_cell: bool, end: int, outputs_end: int, vanished: float) -> int:
    """Count the reviews that still have a gradient; set the gradients after the last of them to zero."""
    end = max(end, outputs_end)
    while end > outputs_end:
        largest = np.float32(0.0)
        dh = d_hidden[end - 1]
        for j in range(len(dh)):
            largest = max(largest, abs(dh[j]))
        if has_cell:
            dc = d_cell[end - 1]
            for j in range(len(dc)):
                largest = max(largest, abs(dc[j]))
        if largest > vanished:
            break
        end -= 1
        d_hidden[end] = np.float32(0.0)
        if has_cell:
            d_cell[end] = np.float32(0.0)
    return end


@fast
def _collect(block: Floats, trajectory: Trajectory, first: np.int64) -> None:
    """Copy the hidden states and inputs of the entries from `first` on into `block`, side by side."""
    inputs, hidden = trajectory.inputs, trajectory.states.hidden
    units = hidden.shape[1]
    for i in range(len(block)):
        target, target_input = block[i, :units], block[i, units:]
        _copy(hidden[first + i], target)
        _copy(inputs.values[inputs.rows[first + i]], target_input)


@fast
def unpack_outputs(
    backwards: bool, layout: Layout, hidden: Floats, padding_hidden: Floats, reviews: int, column: int, outputs: Floats
) -> None:
    """Unpack the outputs of every review at every timestep, including padding.

    Args:
        backwards, layout: as in `backward_loop`.
        hidden, padding_hidden: the hidden states of the entries and of the padding, as in `States`.
        reviews: the number of reviews.
        column: this direction's first column in `outputs`.
        outputs: result; row t · reviews + i belongs to review i at timestep t, shape (timesteps · reviews, outputs).
    """
    timesteps, units = len(layout.batch_sizes), hidden.shape[1]
    for step in range(timesteps):
        t = timesteps - 1 - step if backwards else step
        n, after = layout.batch_sizes[step], layout.offsets[step + 1]
        for i in range(reviews):
            h = hidden[after + i] if i < n else padding_hidden[step + 1]
            output = outputs[t * reviews + i, column:]
            for j in range(units):
                output[j] = h[j]


class CellLoops(NamedTuple):
    """A cell, and `forward_loop` and `backward_loop` for it, without their first argument."""

    cell: Cell
    forward: Callable[..., None]
    backward: Callable[..., KernelGradients]


def loops_of(cell: Cell) -> CellLoops:
    """Bind the loops to a cell; they are compiled on their first call.

    A cell is a module because numba's cache on disk recognizes a module in a closure, but not a compiled function. The
    loops of each cell have names of their own, because numba keeps an index file for each name without locking it:
    processes that compile different cells at the same time would mix them up.
    """

    def forward(
        layout: Layout, rows: Ints, projections: Floats, recurrent_kernel: Floats, start: States, states: States,
        constant_from: Ints, keep_states: bool, keep_derivatives: bool,
    ) -> None:  # fmt: skip
        forward_loop(
            cell, layout, rows, projections, recurrent_kernel, start, states, constant_from, keep_states,
            keep_derivatives,
        )  # fmt: skip

    def backward(
        backwards: bool, layout: Layout, kernels: Kernels, entries: Trajectory, padding: Trajectory,
        d_outputs: SequenceGradient, d_hidden: Floats, vanished: float, d_inputs: SequenceGradient,
    ) -> KernelGradients:  # fmt: skip
        return backward_loop(
            cell, backwards, layout, kernels, entries, padding, d_outputs, d_hidden, vanished, d_inputs
        )

    for function in (forward, backward):
        function.__qualname__ = f"{cell.__name__.rpartition('.')[2]}_{function.__name__}"
    return CellLoops(cell, fast(forward), fast(backward))
