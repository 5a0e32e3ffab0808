"""The last layer: one sigmoid unit for "positive", and the loss."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.models.loops.arithmetic import Floats
from tasks.models.loops.products import add_outer_products, multiply

CLIP = np.float32(1e-7)  # Keras keeps probabilities this far from 0 and 1 before it takes the logarithm.


class DenseWeights(NamedTuple):
    """Weights, or their gradients, as Keras has them; shapes (units, 1) and (1,)."""

    kernel: Floats
    bias: Floats


class Dense:
    """A sigmoid unit with the given weights, used as they are."""

    def __init__(self, weights: DenseWeights) -> None:
        self.weights = weights

    def forward(self, inputs: Floats) -> Floats:
        """Probabilities, shape (reviews,), from shape (reviews, units)."""
        logits = np.empty((len(inputs), 1), np.float32)
        multiply(inputs, self.weights.kernel, logits, False)
        probabilities: Floats = np.float32(0.5) + np.float32(0.5) * np.tanh(
            np.float32(0.5) * (logits[:, 0] + self.weights.bias[0])
        )
        return probabilities

    def backward(self, inputs: Floats, d_logits: Floats) -> tuple[Floats, DenseWeights]:
        """Gradients of the inputs, shape (reviews, units), and of the weights."""
        d_inputs: Floats = d_logits[:, None] * self.weights.kernel[:, 0]
        d_kernel = np.zeros_like(self.weights.kernel)
        add_outer_products(inputs, d_logits[:, None], d_kernel)
        return d_inputs, DenseWeights(d_kernel, d_logits.sum(keepdims=True))


def d_logits_of(probabilities: Floats, labels: NDArray[np.integer]) -> Floats:
    """Gradient of each review's binary cross-entropy with respect to its logit, shape (reviews,)."""
    gradient: Floats = probabilities - labels.astype(np.float32)
    gradient[(probabilities < CLIP) | (probabilities > 1 - CLIP)] = 0.0
    return gradient
