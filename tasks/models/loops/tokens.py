"""Loops over tokens: packing reviews (see `tasks.models.packing`), and the embedding's gradient."""

import numpy as np
from numpy.typing import NDArray

from tasks.models.loops.lanes import Floats, Ints, by_lanes, fast, fast_inlined, load, store
from tasks.models.loops.records import Layout, SequenceGradient


@fast
def pack_tokens(
    values: NDArray[np.unsignedinteger],
    starts: NDArray[np.int64],
    sorted_indices: NDArray[np.int64],
    layout: Layout,
    packed: Ints,
) -> None:
    """Copy each entry's token.

    Args:
        values: the concatenated tokens of the batch's reviews.
        starts: where each review starts in `values`, and where the last one ends, shape (reviews + 1,).
        sorted_indices: each of the group's reviews, longest review first.
        layout: where the group's entries are.
        packed: result, shape (entries,); entries that have no token keep their value.
    """
    last = len(layout.batch_sizes) - 1
    for i in range(len(sorted_indices)):
        review = sorted_indices[i]
        end = starts[review + 1]
        for position in range(starts[review], end):
            packed[layout.offsets[last - end + 1 + position] + i] = values[position]


@fast
def mark_rows(rows: Ints, occurs: NDArray[np.bool_]) -> None:
    """Mark each row that occurs."""
    for i in range(len(rows)):
        occurs[rows[i]] = True


@fast
def look_up(rows: Ints, row_of: Ints, result: Ints) -> None:
    """Store `row_of[row]` for each of the rows."""
    for i in range(len(rows)):
        result[i] = row_of[rows[i]]


@fast
def add_to_tokens(layout: Layout, rows: Ints, d_inputs: SequenceGradient, sums: Floats) -> None:
    """Add the gradient of every occurrence of a token, and its square, to the token's sums.

    Args:
        layout: where the entries are.
        rows: each entry's token, as a row of `sums`; padding is row 0.
        d_inputs: gradients of the embedded tokens, including padding.
        sums: result, the sums of gradients and of squares, shape (tokens, 2, features).
    """
    timesteps = len(layout.batch_sizes)
    reviews = len(d_inputs.values) // timesteps
    for i in range(len(d_inputs.padding)):
        for j in range(d_inputs.padding.shape[1]):
            sums[0, i, j] += d_inputs.padding[i, j]
    for t in range(timesteps):
        n, offset = layout.batch_sizes[t], layout.offsets[t]
        for i in range(d_inputs.ends[t]):
            add_with_squares(d_inputs.values[t * reviews + i], sums[rows[offset + i] if i < n else 0])


@fast_inlined
def add_with_squares(gradient: Floats, sums: Floats) -> None:
    """Add a gradient, shape (features,), to the first row of `sums`, and its squares to the second."""
    by_lanes(_add_with_squares, len(gradient), (gradient, sums))


@fast_inlined
def _add_with_squares(lanes: int, j: int, arguments: tuple[Floats, Floats]) -> None:
    gradient, sums = arguments
    features, number = len(gradient), load(gradient, j, lanes)
    store(sums, j, load(sums, j, lanes) + number)
    store(sums, features + j, load(sums, features + j, lanes) + number * number)


@fast
def entry_norms(layout: Layout, d_inputs: SequenceGradient, norms: Floats) -> None:
    """Compute the norm of each token's gradient; `norms` has shape (timesteps, reviews) and is 0 at padding."""
    reviews = norms.shape[1]
    for t in range(len(norms)):
        for i in range(reviews):
            norms[t, i] = np.float32(0.0)
        for i in range(min(layout.batch_sizes[t], d_inputs.ends[t])):
            dx = d_inputs.values[t * reviews + i]
            total = np.float32(0.0)
            for j in range(len(dx)):
                total += dx[j] * dx[j]
            norms[t, i] = np.sqrt(total)
