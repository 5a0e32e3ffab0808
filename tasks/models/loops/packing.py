"""Packing of reviews, see `tasks.models.packing`."""

import numpy as np
from numpy.typing import NDArray

from tasks.models.loops.arithmetic import Ints, fast
from tasks.models.loops.records import Layout


@fast
def pack_tokens(
    tokens: NDArray[np.unsignedinteger], sorted_indices: NDArray[np.int64], layout: Layout, packed: Ints
) -> None:
    """The token of each entry.

    Args:
        tokens: shape (reviews, timesteps).
        sorted_indices: the row of each review of the group, longest review first.
        layout: where the group's entries stand.
        packed: result, shape (entries,).
    """
    offsets, batch_sizes = layout
    last = len(batch_sizes) - 1
    for i in range(len(sorted_indices)):
        review = tokens[sorted_indices[i]]
        for t in range(last, -1, -1):
            if batch_sizes[t] <= i:
                break
            packed[offsets[t] + i] = review[t]
