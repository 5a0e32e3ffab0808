"""The weights of the compiled network by name, and their gradients."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.models.loops.arithmetic import Floats


class Weights(NamedTuple):
    """An array for each weight of the network, in the order of Keras's `model.get_weights()`.

    Shapes: (vocabulary size, features), (features, gates · units), (units, gates · units), (gates · units,), (units, 1)
    and (1,).
    """

    embedding: Floats
    kernel: Floats
    recurrent_kernel: Floats
    bias: Floats
    dense_kernel: Floats
    dense_bias: Floats


@dataclass(frozen=True)
class EmbeddingGradient:
    """The rows of the embedding's gradient that are not zero.

    Attributes:
        tokens: the tokens that occur in the batch, rising, int64, shape (distinct,).
        rows: their rows of the gradient, shape (distinct, features).
        squares: for each, the sum over its occurrences of the squared gradient, shape (distinct, features).
    """

    tokens: NDArray[np.int64]
    rows: Floats
    squares: Floats


@dataclass(frozen=True)
class Gradients:
    """A batch's probabilities of "positive", shape (reviews,), and the gradients of its mean loss for each weight."""

    probabilities: Floats
    embedding: EmbeddingGradient
    kernel: Floats
    recurrent_kernel: Floats
    bias: Floats
    dense_kernel: Floats
    dense_bias: Floats

    def without_embedding(self) -> tuple[Floats, ...]:
        """The gradients of all weights but the embedding, in the order of `Weights`."""
        return self.kernel, self.recurrent_kernel, self.bias, self.dense_kernel, self.dense_bias

    def full(self, vocabulary_size: int) -> Weights:
        """The gradients of all weights, the embedding's with a row for every token."""
        embedding = np.zeros((vocabulary_size, self.embedding.rows.shape[1]), np.float32)
        embedding[self.embedding.tokens] = self.embedding.rows
        return Weights(embedding, *self.without_embedding())
