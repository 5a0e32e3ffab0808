"""Batches without their padding.

Reviews are *packed* as in PyTorch's `PackedSequence`: sorted by length, longest first, and laid out one timestep after
the other. Padding stands in front, so at timestep t the first `batch_sizes[t]` reviews have begun, and their entries in
every packed array are `offsets[t]` to `offsets[t + 1]`. A review that begins at timestep t starts from the state that t
timesteps of padding lead to. Those states are the same for all reviews: one shared *trajectory*, computed once for a
batch. Nothing is approximated: the numbers are those of the loop over all timesteps, forward and backward.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.models.loops.records import Layout

# How many parts share a batch's work. Fixed, whatever the number of threads, so that sums always come out the same.
GROUPS = 2


@dataclass(frozen=True)
class DistinctTokens:
    """The tokens that occur, so that each is projected only once.

    Attributes:
        tokens: ascending, int64, shape (distinct,); padding's 0 is always among them.
        row_of: the row in `tokens` of each token that occurs, int32, shape (largest token + 1,).
    """

    tokens: NDArray[np.int64]
    row_of: NDArray[np.int32]


def distinct_tokens(tokens: NDArray[np.unsignedinteger]) -> DistinctTokens:
    """Those of a batch of shape (reviews, timesteps)."""
    distinct = np.flatnonzero(np.bincount(tokens.reshape(-1), minlength=1))
    if distinct[0] != 0:
        distinct = np.concatenate([[0], distinct])  # Padding's state is always needed.
    row_of = np.zeros(distinct[-1] + 1, np.int32)
    row_of[distinct] = np.arange(len(distinct), dtype=np.int32)
    return DistinctTokens(distinct, row_of)


def all_tokens(vocabulary_size: int) -> DistinctTokens:
    """Every token of the vocabulary."""
    return DistinctTokens(np.arange(vocabulary_size), np.arange(vocabulary_size, dtype=np.int32))


@dataclass(frozen=True)
class PackedReviews:
    """A group of a batch's reviews, packed.

    Attributes:
        sorted_indices: each review's position in the batch, longest review first, int64, shape (reviews,).
        layout: where the entries stand.
        rows: the row of each entry's token among the distinct tokens, int32, shape (entries,).
    """

    sorted_indices: NDArray[np.int64]
    layout: Layout
    rows: NDArray[np.int32]


@dataclass(frozen=True)
class PackedBatch:
    """A batch in groups of about equal work, and the length of its longest padding."""

    groups: list[PackedReviews]
    padding: int


def pack(tokens: NDArray[np.unsignedinteger], row_of: NDArray[np.int32]) -> PackedBatch:
    """Pack a batch.

    Args:
        tokens: shape (reviews, timesteps), padded in front with 0.
        row_of: for each token its row among the distinct tokens.
    """
    timesteps = tokens.shape[1]
    starts = (tokens != 0).argmax(axis=1)
    starts[tokens.max(axis=1) == 0] = timesteps - 1  # Nothing but padding: its last timestep serves as the only token.
    order = np.argsort(starts, kind="stable")
    groups = []
    for first in range(min(GROUPS, len(tokens))):
        indices = order[first::GROUPS]
        visible = np.arange(timesteps)[:, None] >= starts[indices]  # (timesteps, reviews)
        layout = layout_of(visible.sum(axis=1, dtype=np.int32))
        groups.append(PackedReviews(indices, layout, row_of[tokens[indices].T[visible]]))
    return PackedBatch(groups, int(starts.max()))


def layout_of(batch_sizes: NDArray[np.int32]) -> Layout:
    """Where entries stand, from the number of reviews that have begun by each timestep."""
    offsets = np.zeros(len(batch_sizes) + 1, np.int32)
    np.cumsum(batch_sizes, out=offsets[1:])
    return Layout(offsets, batch_sizes)


def unpacked_layout(timesteps: int, reviews: int) -> Layout:
    """Every review at every timestep."""
    return layout_of(np.full(timesteps, reviews, np.int32))
