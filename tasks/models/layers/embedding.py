"""The embedding: a row of numbers for each token."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.models.layers.sequence import Sequence
from tasks.models.loops.arithmetic import Floats
from tasks.models.loops.embedding import add_to_tokens
from tasks.models.loops.records import SequenceGradient


@dataclass(frozen=True)
class EmbeddingGradient:
    """The rows of the embedding's gradient that are not zero.

    Attributes:
        tokens: the tokens that occur in the batch, ascending, int64, shape (distinct,).
        sums: for each token the sum over its occurrences of the gradient and of its squares, shape
            (distinct, 2, features). Keras's optimizers add up the squares of an embedding's gradient in this way, not
            the square of the sum.
    """

    tokens: NDArray[np.int64]
    sums: Floats

    def full(self, vocabulary_size: int) -> Floats:
        """The gradient with a row for every token."""
        gradient = np.zeros((vocabulary_size, self.sums.shape[2]), np.float32)
        gradient[self.tokens] = self.sums[:, 0]
        return gradient


class Embedding:
    """The embedding with the given table, shape (vocabulary size, features), used as it is."""

    def __init__(self, table: Floats) -> None:
        self.table = table

    def forward(self, tokens: NDArray[np.int64]) -> Floats:
        """The rows of `tokens`, shape (tokens, features)."""
        return self.table[tokens]

    def backward(self, sequence: Sequence, d_outputs: SequenceGradient, sums: Floats) -> None:
        """Add a group's gradients to `sums`, see `EmbeddingGradient`."""
        add_to_tokens(sequence.layout, sequence.entries.rows, d_outputs, sums)
