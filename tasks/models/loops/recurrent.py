"""A recurrent layer over packed reviews, forward and backward, for every kind of cell."""

import numpy as np

from tasks.models.loops.cells import GRU, LSTM, SIMPLE_RNN, simple_rnn_padding_backward, step_backward, step_forward
from tasks.models.loops.lanes import LANES, Floats, Ints, fast
from tasks.models.loops.padding import add_or_set, add_to_inputs, padding_backward, padding_work, sum_rows
from tasks.models.loops.products import add_outer_products, multiply
from tasks.models.loops.records import Inputs, KernelGradients, Kernels, Layout, SequenceGradient, States

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


@fast
def recurrent_forward(
    cell: int,
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
        cell: see `tasks.models.loops.cells`.
        layout: where the entries are.
        rows: the row of `projections` that each entry reads, int32, shape (entries,).
        projections: see `project`.
        recurrent_kernel: shape (units, recurrent blocks · units).
        start: a review that begins at timestep t starts from the states in row t.
        states: result.
        constant_from: the timestep from which each review's input no longer changes, int32, shape (reviews,);
            empty if unknown. Without `keep_states`, a review at the end of the group is dropped once such a timestep
            leaves its states unchanged to the bit, because later timesteps would not change them either.
        keep_states: keep the states of all entries, for `recurrent_backward` or a layer above; otherwise timesteps
            alternate between two rows per review, which stay in the processor's cache. The last rows contain the final
            states.
        keep_derivatives: keep the derivatives of all entries, for `recurrent_backward`; otherwise one work row per
            review is enough.
    """
    offsets, batch_sizes = layout
    derivatives = states.derivatives
    work = derivatives.reshape(len(derivatives), derivatives.shape[1] * derivatives.shape[2])
    last_column = projections.shape[1] * projections.shape[2]
    first_column = last_column - recurrent_kernel.shape[1]
    timesteps, reviews = len(batch_sizes), batch_sizes[-1]
    begun, settled = 0, 0
    for t in range(timesteps):
        n, first = batch_sizes[t] - settled, offsets[t]
        before, after = first, first + n
        if not keep_states:
            before = reviews if (timesteps - t) % 2 == 0 else 0
            after = reviews - before
        for i in range(begun, n):
            states.hidden[before + i] = start.hidden[t]
            if cell == LSTM:
                states.cell[before + i] = start.cell[t]
        begun = n
        row = first if keep_derivatives else 0
        hidden = states.hidden[before : before + n]
        if cell == SIMPLE_RNN:
            multiply(hidden, recurrent_kernel, states.hidden[after : after + n, 0:], False)
        else:
            multiply(hidden, recurrent_kernel, work[row : row + n, first_column:last_column], False)
        step_forward(cell, rows[first : first + n], projections, states, before, after, row, keep_derivatives)
        if not keep_states:
            settled = _count_settled(cell, states, before, after, t, constant_from, settled)


@fast
def _count_settled(
    cell: int, states: States, before: int, after: int, t: int, constant_from: Ints, settled: int
) -> int:
    """Count the reviews at the end of the group that have settled after timestep t; `settled` of them did so before."""
    while settled < len(constant_from):
        review = len(constant_from) - settled - 1
        if constant_from[review] > t or not _equal(states.hidden[before + review], states.hidden[after + review]):
            break
        if cell == LSTM and not _equal(states.cell[before + review], states.cell[after + review]):
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


@fast
def recurrent_backward(
    cell: int,
    backwards: bool,
    layout: Layout,
    kernels: Kernels,
    inputs: Inputs,
    states: States,
    padding_inputs: Inputs,
    padding_states: States,
    d_outputs: SequenceGradient,
    column: int,
    d_hidden: Floats,
    d_cell: Floats,
    vanished: float,
    d_inputs: SequenceGradient,
    gradients: KernelGradients,
) -> None:
    """Compute the gradients of packed reviews, and of the padding before them.

    Until a review begins, it shares the states of the padding, but not their gradients.

    Args:
        cell: see `tasks.models.loops.cells`.
        backwards: whether the layout's timesteps run from the reviews' end to their start.
        layout, kernels: as in the forward pass.
        inputs, states: the inputs and states of the entries.
        padding_inputs, padding_states: those of the padding, as one packed review.
        d_outputs: gradients of the outputs, if a layer above reads them: `units` columns from `column` on.
        column: see `d_outputs`.
        d_hidden, d_cell: gradients of each review's last states, shape (reviews, units); overwritten.
        vanished: reviews at the end of the group with gradients this small are dropped; 0 drops only zeros.
        d_inputs: result; added to any gradient already there.
        gradients: result; added to the gradients already there.
    """
    offsets, batch_sizes = layout
    timesteps, (reviews, units) = len(batch_sizes), d_hidden.shape
    width, features = len(kernels.bias), inputs.values.shape[1]
    first_column = width - kernels.recurrent_kernel.shape[1]
    input_width = kernels.kernel.shape[1]
    # Rows a multiple of 512 bytes apart compete for few cache lines, and products take half as long again.
    apart = LANES if width % 128 == 0 else 0
    dz = np.empty((BLOCK + reviews, width + apart), np.float32)
    block = np.empty((len(dz), units + features), np.float32)  # The hidden states and inputs for `dz`.
    # Each block is summed separately, because rounding grows with the length of a chain of additions.
    ones, block_bias = np.ones((1, len(dz)), np.float32), np.empty((1, width), np.float32)
    work = padding_work(cell, reviews, units, features)
    filled = 0
    end = reviews
    for step in range(timesteps - 1, -1, -1):
        t = timesteps - 1 - step if backwards else step
        before, after, row = offsets[step], offsets[step + 1], t * reviews
        end = _live_reviews(d_hidden, d_cell, cell == LSTM, end, d_outputs.ends[t], vanished)
        begun = min(batch_sizes[step], end)
        for i in range(d_outputs.ends[t]):
            dh, d_output = d_hidden[i], d_outputs.values[row + i, column:]
            for j in range(units):
                dh[j] += d_output[j]
        now = dz[filled : filled + begun]
        step_backward(cell, now, d_hidden, d_cell, states, before, after)
        _collect(block[filled : filled + begun], states.hidden, inputs, before)
        of_padding = dz[filled + begun : filled + end]
        if cell == SIMPLE_RNN:
            if begun < end:
                simple_rnn_padding_backward(of_padding, d_hidden[begun:end], padding_states.hidden[step + 1])
            multiply(dz[filled : filled + end, :width], kernels.recurrent_transposed, d_hidden[:end], False)
        else:
            multiply(now[:, first_column:width], kernels.recurrent_transposed, d_hidden[:begun], cell == GRU)
        d_values = d_inputs.values[row : row + begun]
        add_or_set(now[:, :input_width], kernels.kernel_transposed, d_values, d_inputs.ends[t])
        filled += begun
        if begun < end:  # These reviews share states and input, so one outer product of the sum is enough.
            if cell == SIMPLE_RNN:
                add_to_inputs(of_padding[:, :width], kernels.kernel_transposed, d_inputs, t, begun, work.d_inputs)
                sum_rows(of_padding)
            else:
                padding_backward(
                    cell, kernels, padding_states, step, begun, end, d_hidden, d_cell, d_inputs, t, work,
                    dz[filled, :width],
                )  # fmt: skip
            _collect(block[filled : filled + 1], padding_states.hidden, padding_inputs, step)
            filled += 1
        d_inputs.ends[t] = max(d_inputs.ends[t], begun if len(d_inputs.padding) else end)
        if filled >= BLOCK or step == 0:
            add_outer_products(block[:filled, :units], dz[:filled, first_column:width], gradients.recurrent_kernel)
            add_outer_products(block[:filled, units:], dz[:filled, :input_width], gradients.kernel)
            multiply(ones[:, :filled], dz[:filled, :width], block_bias, False)
            for j in range(width):
                gradients.bias[j] += block_bias[0, j]
            filled = 0


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
def _collect(block: Floats, hidden: Floats, inputs: Inputs, first: int) -> None:
    """Copy the hidden states and inputs of the entries from `first` on into `block`, side by side."""
    units = hidden.shape[1]
    for i in range(len(block)):
        target, target_input = block[i, :units], block[i, units:]
        h, x = hidden[first + i], inputs.values[inputs.rows[first + i]]
        for j in range(len(h)):
            target[j] = h[j]
        for j in range(len(x)):
            target_input[j] = x[j]


@fast
def unpack_outputs(
    backwards: bool, layout: Layout, hidden: Floats, padding_hidden: Floats, reviews: int, column: int, outputs: Floats
) -> None:
    """Unpack the outputs of every review at every timestep, including padding.

    Args:
        backwards, layout: as in `recurrent_backward`.
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
