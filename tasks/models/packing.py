"""Batches without their padding.

Reviews are *packed* as in PyTorch's `PackedSequence`: sorted by length, longest first, and laid out one timestep after
the other. Padding comes first, so at timestep t the first `batch_sizes[t]` reviews have begun, and their entries in
every packed array are `offsets[t]` to `offsets[t + 1]`. A review that begins at timestep t starts from the state after
t timesteps of padding. These states are the same for all reviews: one shared *trajectory*, computed once per batch.
Nothing is approximated: the numbers equal those of a loop over all timesteps, forward and backward.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tasks.data.tokens import Tokens
from tasks.models.loops.records import Layout
from tasks.models.loops.tokens import look_up, mark_rows, pack_tokens

# The number of parts of a batch. It does not depend on the number of threads, so that sums are always the same.
GROUPS = 2


@dataclass(frozen=True)
class PackedReviews:
    """A group of a batch's reviews, packed.

    Attributes:
        sorted_indices: each review's position in the batch, longest review first, int64, shape (reviews,).
        layout: where the entries are.
        rows: the row of each entry's token in the table that the batch reads, int32, shape (entries,).
    """

    sorted_indices: NDArray[np.int64]
    layout: Layout
    rows: NDArray[np.int32]


@dataclass(frozen=True)
class PackedBatch:
    """A batch in groups of about equal work, and the length of its longest padding."""

    groups: list[PackedReviews]
    padding: int

    def distinct_tokens(self) -> NDArray[np.int64]:
        """Return the distinct tokens, ascending, of a batch whose rows are tokens; they include the 0 of padding."""
        occurs = np.zeros(1 + max(int(group.rows.max()) for group in self.groups), bool)
        occurs[0] = True  # The state of padding is always needed.
        for group in self.groups:
            mark_rows(group.rows, occurs)
        return np.flatnonzero(occurs)

    def reindexed(self, tokens: NDArray[np.int64]) -> "PackedBatch":
        """Convert a batch whose rows are tokens to one whose rows are those of a table with only these tokens."""
        row_of = np.zeros(tokens[-1] + 1, np.int32)
        row_of[tokens] = np.arange(len(tokens), dtype=np.int32)
        groups = []
        for group in self.groups:
            rows = np.empty_like(group.rows)
            look_up(group.rows, row_of, rows)
            groups.append(replace(group, rows=rows))
        return PackedBatch(groups, self.padding)


def pack(tokens: Tokens) -> PackedBatch:
    """Pack a batch that reads a table of the whole vocabulary: a token's row is the token itself.

    A review without tokens is packed as a single token of padding.
    """
    counts, timesteps = tokens.counts, tokens.max_length
    starts = timesteps - np.maximum(counts, 1)
    order = np.argsort(starts, kind="stable")
    groups = []
    for first in range(min(GROUPS, len(tokens))):
        indices = order[first::GROUPS].copy()
        layout = layout_of(np.searchsorted(starts[indices], np.arange(timesteps), side="right").astype(np.int32))
        rows = np.zeros(layout.offsets[-1], np.int32)
        pack_tokens(tokens.values, tokens.offsets, indices, layout, rows)
        groups.append(PackedReviews(indices, layout, rows))
    return PackedBatch(groups, int(starts.max()))


def layout_of(batch_sizes: NDArray[np.int32]) -> Layout:
    """Compute a layout from the number of reviews that have begun by each timestep."""
    offsets = np.zeros(len(batch_sizes) + 1, np.int32)
    np.cumsum(batch_sizes, out=offsets[1:])
    return Layout(offsets, batch_sizes)


def unpacked_layout(timesteps: int, reviews: int) -> Layout:
    """A layout with every review at every timestep."""
    return layout_of(np.full(timesteps, reviews, np.int32))
