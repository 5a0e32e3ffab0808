"""How much of an earlier state is left in the last one: the Jacobian of the last state with respect to earlier ones.

The gradient of a loss is this Jacobian times how wrong the network is; the Jacobian alone does not depend on how sure
the network is. It is a product of one Jacobian for each timestep (Bengio, Simard & Frasconi 1994, "Learning long-term
dependencies with gradient descent is difficult"; Pascanu, Mikolov & Bengio 2013). The formulas are those of
`tasks.models.recurrence`, differentiated by hand, in float64.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.models.recurrence import sigmoid
from tasks.models.spec import Cell, ModelSpec

Array = NDArray[np.float64]


def has_state_jacobian(spec: ModelSpec) -> bool:
    """Whether `state_jacobian_norms` covers the network: one recurrent layer that reads in one direction."""
    return len(spec.units) == 1 and not spec.bidirectional


def state_jacobian_norms(
    spec: ModelSpec, weights: Sequence[NDArray[np.floating]], tokens: NDArray[np.integer]
) -> Array:
    """Frobenius norm of d h_T / d state_{T-k} for k = 1, 2, … timesteps, relative to that of k = 1.

    h_T is the hidden state that the sigmoid unit reads; a state is h, of an LSTM h and c together.

    Args:
        spec: a network that `has_state_jacobian` accepts.
        weights: in the order of Keras's `model.get_weights()`.
        tokens: shape (reviews, timesteps).

    Returns:
        shape (reviews, timesteps), the first column 1.
    """
    embedding, kernel, recurrent_kernel, bias = (weight.astype(np.float64) for weight in weights[:4])
    inputs = embedding[tokens].transpose(1, 0, 2)
    norms = np.stack(list(PRODUCTS[spec.cell](inputs, kernel, recurrent_kernel, bias)), axis=1)
    return norms / np.maximum(norms[:, :1], np.finfo(np.float64).tiny)


def _simple_rnn(inputs: Array, kernel: Array, recurrent_kernel: Array, bias: Array) -> Iterator[Array]:
    """h' = tanh(a), a = x·W + h·U + b: d h' / d h = diag(1 - h'²)·Uᵀ."""
    states = [_zeros(inputs, recurrent_kernel)]
    for x in inputs:
        states.append(np.tanh(x @ kernel + states[-1] @ recurrent_kernel + bias))
    product = _identity(inputs, recurrent_kernel)
    for state in reversed(states[1:]):
        product = _through(recurrent_kernel, _scaled(product, 1 - state**2))
        yield _norm(product)


def _lstm(inputs: Array, kernel: Array, recurrent_kernel: Array, bias: Array) -> Iterator[Array]:
    """c' = f·c + i·g, h' = o·tanh(c'): by the chain rule through o, c' and the four gates."""
    h = c = _zeros(inputs, recurrent_kernel)
    steps = []
    for x in inputs:
        i, f, g, o = np.split(x @ kernel + h @ recurrent_kernel + bias, 4, axis=1)
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        before, c = c, f * c + i * g
        squashed = np.tanh(c)
        h = o * squashed
        of_c = np.concatenate([g * i * (1 - i), before * f * (1 - f), i * (1 - g**2)], axis=1)
        steps.append((o * (1 - squashed**2), of_c, squashed * o * (1 - o), f))
    to_h = _identity(inputs, recurrent_kernel)
    to_c = np.zeros_like(to_h)
    for h_of_c, c_of_gates, h_of_o, c_of_c in reversed(steps):
        both = to_c + _scaled(to_h, h_of_c)
        gates = _scaled(np.tile(both, 3), c_of_gates)
        to_h = _through(recurrent_kernel, np.concatenate([gates, _scaled(to_h, h_of_o)], axis=2))
        to_c = _scaled(both, c_of_c)
        yield np.hypot(_norm(to_h), _norm(to_c))


def _gru(inputs: Array, kernel: Array, recurrent_kernel: Array, bias: Array) -> Iterator[Array]:
    """h' = z·h + (1 - z)·g, g = tanh(x_g + r·s_g), s = h·U + b: directly through z·h, and through the three gates."""
    h = _zeros(inputs, recurrent_kernel)
    steps = []
    for x in inputs:
        x_z, x_r, x_g = np.split(x @ kernel + bias[0], 3, axis=1)
        s_z, s_r, s_g = np.split(h @ recurrent_kernel + bias[1], 3, axis=1)
        z, r = sigmoid(x_z + s_z), sigmoid(x_r + s_r)
        g = np.tanh(x_g + r * s_g)
        of_g = (1 - z) * (1 - g**2)
        steps.append((z, np.concatenate([(h - g) * z * (1 - z), of_g * s_g * r * (1 - r), of_g * r], axis=1)))
        h = z * h + (1 - z) * g
    product = _identity(inputs, recurrent_kernel)
    for z, of_gates in reversed(steps):
        gates = _scaled(np.tile(product, 3), of_gates)
        product = _scaled(product, z) + _through(recurrent_kernel, gates)
        yield _norm(product)


PRODUCTS: dict[Cell, Callable[[Array, Array, Array, Array], Iterator[Array]]] = {
    "simple_rnn": _simple_rnn,
    "lstm": _lstm,
    "gru": _gru,
}


def _zeros(inputs: Array, recurrent_kernel: Array) -> Array:
    """The state before the first word, shape (reviews, units)."""
    return np.zeros((inputs.shape[1], len(recurrent_kernel)))


def _identity(inputs: Array, recurrent_kernel: Array) -> Array:
    """d h_T / d h_T of each review, shape (reviews, units, units)."""
    return np.tile(np.eye(len(recurrent_kernel)), (inputs.shape[1], 1, 1))


def _scaled(product: Array, diagonal: Array) -> Array:
    """A product times a diagonal matrix of each review: shapes (reviews, units, n) and (reviews, n)."""
    return product * diagonal[:, None, :]


def _through(recurrent_kernel: Array, product: Array) -> Array:
    """A product with respect to the gates' sums, shape (reviews, units, gates · units), times Uᵀ."""
    reviews, units, width = product.shape
    rows = product.reshape(reviews * units, width) @ recurrent_kernel.T
    return rows.reshape(reviews, units, units)


def _norm(product: Array) -> Array:
    """The Frobenius norm for each review."""
    norm: Array = np.sqrt(np.einsum("rij,rij->r", product, product))
    return norm
