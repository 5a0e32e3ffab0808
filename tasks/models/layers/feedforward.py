"""The first and last layers: the embedding, and one sigmoid unit with the loss."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.models.layers.inputs import LayerInputs
from tasks.models.loops.lanes import Floats
from tasks.models.loops.products import add_outer_products, multiply
from tasks.models.loops.records import SequenceGradient
from tasks.models.loops.tokens import add_to_tokens


def add_up(arrays: Iterable[Floats]) -> Floats:
    """Sum arrays in order."""
    return reduce(np.add, arrays)


@dataclass(frozen=True)
class EmbeddingGradient:
    """The nonzero rows of the embedding's gradient.

    Attributes:
        tokens: the tokens that occur in the batch, ascending, int64, shape (distinct,).
        parts: for each group of reviews, the gradient and its square, each summed over a token's occurrences, shape
            (distinct, 2, features). As in Keras's optimizers, the squares are summed; the sum is not squared. The next
            batch reuses this memory.
    """

    tokens: NDArray[np.int64]
    parts: list[Floats]

    def sums(self, rows: slice = slice(None)) -> Floats:
        """Sum the groups for some of the tokens, shape (distinct, 2, features)."""
        return add_up(part[rows] for part in self.parts)

    def full(self, vocabulary_size: int) -> Floats:
        """Return the gradient with a row for every token."""
        sums = self.sums()
        gradient = np.zeros((vocabulary_size, sums.shape[2]), np.float32)
        gradient[self.tokens] = sums[:, 0]
        return gradient


class Embedding:
    """The embedding with the given table, shape (vocabulary size, features), which is not copied."""

    def __init__(self, table: Floats) -> None:
        self.table = table

    def forward(self, tokens: NDArray[np.int64]) -> Floats:
        """Return the tokens' rows, shape (tokens, features)."""
        return self.table[tokens]

    def backward(self, sequence: LayerInputs, d_outputs: SequenceGradient, sums: Floats) -> None:
        """Add a group's gradients to `sums` (see `EmbeddingGradient`)."""
        add_to_tokens(sequence.layout, sequence.entries.rows, d_outputs, sums)


CLIP = np.float32(1e-7)  # Keras keeps probabilities this far from 0 and 1 before taking the logarithm.


class DenseWeights(NamedTuple):
    """Weights, or their gradients, in Keras's shapes (units, 1) and (1,)."""

    kernel: Floats
    bias: Floats


class Dense:
    """A sigmoid unit with the given weights, which are not copied."""

    def __init__(self, weights: DenseWeights) -> None:
        self.weights = weights

    def forward(self, inputs: Floats) -> Floats:
        """Compute probabilities, shape (reviews,), from inputs, shape (reviews, units)."""
        logits = np.empty((len(inputs), 1), np.float32)
        multiply(inputs, self.weights.kernel, logits, False)
        probabilities: Floats = np.float32(0.5) + np.float32(0.5) * np.tanh(
            np.float32(0.5) * (logits[:, 0] + self.weights.bias[0])
        )
        return probabilities

    def backward(self, inputs: Floats, d_logits: Floats) -> tuple[Floats, DenseWeights]:
        """Compute the gradients of the inputs, shape (reviews, units), and of the weights."""
        d_inputs: Floats = d_logits[:, None] * self.weights.kernel[:, 0]
        d_kernel = np.zeros_like(self.weights.kernel)
        add_outer_products(inputs, d_logits[:, None], d_kernel)
        return d_inputs, DenseWeights(d_kernel, d_logits.sum(keepdims=True))


def d_logits_of(probabilities: Floats, labels: NDArray[np.integer]) -> Floats:
    """Gradient of each review's binary cross-entropy with respect to its logit, shape (reviews,)."""
    gradient: Floats = probabilities - labels.astype(np.float32)
    gradient[(probabilities < CLIP) | (probabilities > 1 - CLIP)] = 0.0
    return gradient
