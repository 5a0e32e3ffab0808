"""Textbook versions of the recurrences that Keras's layers compute, and of their Jacobians, batched, in NumPy.

Training uses Keras or the compiled loops of `tasks.models.loops`, which the tests compare with these recurrences.

The Jacobian of the last state with respect to earlier ones shows how much of them survives. The gradient of a loss is
this Jacobian times the error of the network's output; the Jacobian itself does not depend on that error. It is a
product of one Jacobian per timestep (Bengio, Simard & Frasconi 1994, "Learning long-term dependencies with gradient
descent is difficult"; Pascanu, Mikolov & Bengio 2013). The formulas are differentiated by hand, in float64.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tasks.models.spec import Cell, ModelSpec

Array = NDArray[np.floating]
Jacobian = Callable[[], Array]  # One timestep's Jacobian, computed when needed: all of them would take 500 MB.


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), written with tanh so that no exponential overflows."""
    result: Array = 0.5 * (1.0 + np.tanh(0.5 * x))
    return result


def simple_rnn(
    inputs: Array, kernel: Array, recurrent_kernel: Array, bias: Array, return_sequences: bool = False
) -> Array:
    """output_t = tanh(W·input_t + U·state_t + b), state_0 = 0 and state_{t+1} = output_t (Elman 1990).

    Args:
        inputs: shape (batch, timesteps, features).
        kernel: W, shape (features, units).
        recurrent_kernel: U, shape (units, units).
        bias: b, shape (units,).
        return_sequences: return the outputs of all timesteps instead of the last one.

    Returns:
        shape (batch, units), or (batch, timesteps, units) with `return_sequences`.
    """
    state = np.zeros((len(inputs), recurrent_kernel.shape[0]), inputs.dtype)
    outputs = []
    for t in range(inputs.shape[1]):
        state = np.tanh(inputs[:, t] @ kernel + state @ recurrent_kernel + bias)
        outputs.append(state)
    return np.stack(outputs, axis=1) if return_sequences else state


def lstm(inputs: Array, kernel: Array, recurrent_kernel: Array, bias: Array, return_sequences: bool = False) -> Array:
    """Long short-term memory (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000).

    i, f, o = sigmoid(…), g = tanh(…) of input_t·W + h·U + b; c = f·c + i·g; h = o·tanh(c). The kernels' four blocks are
    in Keras's order i, f, g, o: kernel (features, 4·units), recurrent kernel (units, 4·units), bias (4·units,).
    Arguments and result are otherwise as for `simple_rnn`.
    """
    units = recurrent_kernel.shape[0]
    h = c = np.zeros((len(inputs), units), inputs.dtype)
    outputs = []
    for t in range(inputs.shape[1]):
        i, f, g, o = np.split(inputs[:, t] @ kernel + h @ recurrent_kernel + bias, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs, axis=1) if return_sequences else h


def gru(inputs: Array, kernel: Array, recurrent_kernel: Array, bias: Array, return_sequences: bool = False) -> Array:
    """Gated recurrent unit (Cho et al. 2014) in the variant of Keras and cuDNN: the reset gate scales the product.

    z, r = sigmoid(…), g = tanh(x_g + r·(h·U_g + b_g)); h = z·h + (1 - z)·g. Blocks are in the order z, r, g: kernel
    (features, 3·units), recurrent kernel (units, 3·units), bias (2, 3·units) with a row for the input and one for the
    state.
    """
    units = recurrent_kernel.shape[0]
    h = np.zeros((len(inputs), units), inputs.dtype)
    outputs = []
    for t in range(inputs.shape[1]):
        from_input = np.split(inputs[:, t] @ kernel + bias[0], 3, axis=1)
        from_state = np.split(h @ recurrent_kernel + bias[1], 3, axis=1)
        z = sigmoid(from_input[0] + from_state[0])
        r = sigmoid(from_input[1] + from_state[1])
        h = z * h + (1 - z) * np.tanh(from_input[2] + r * from_state[2])
        outputs.append(h)
    return np.stack(outputs, axis=1) if return_sequences else h


CELLS: dict[Cell, Callable[..., Array]] = {"simple_rnn": simple_rnn, "lstm": lstm, "gru": gru}


def forward(spec: ModelSpec, weights: Sequence[Array], tokens: NDArray[np.integer]) -> Array:
    """Compute probabilities of "positive" by the textbook formulas alone.

    Args:
        spec: the network that the weights belong to.
        weights: in the order of Keras's `model.get_weights()`.
        tokens: shape (batch, timesteps).

    Returns:
        shape (batch,), with the weights' dtype.
    """
    embedding, *rest = weights
    x = embedding[tokens]
    for number in range(len(spec.units)):
        sequences = number < len(spec.units) - 1
        x, rest = _layer(spec.cell, spec.bidirectional, x, rest, sequences)
    dense, bias = rest
    return sigmoid(x @ dense + bias)[:, 0]


def _layer(
    cell: Cell, bidirectional: bool, x: Array, weights: list[Array], sequences: bool
) -> tuple[Array, list[Array]]:
    run = CELLS[cell]
    ahead = run(x, *weights[:3], sequences)
    if not bidirectional:
        return ahead, weights[3:]
    back = run(x[:, ::-1], *weights[3:6], sequences)
    return np.concatenate([ahead, back[:, ::-1] if sequences else back], axis=-1), weights[6:]


def has_state_jacobian(spec: ModelSpec) -> bool:
    """Whether `state_jacobian_norms` supports the network: one recurrent layer that reads in one direction."""
    return len(spec.units) == 1 and not spec.bidirectional


def state_jacobian_norms(
    spec: ModelSpec, weights: Sequence[NDArray[np.floating]], tokens: NDArray[np.integer]
) -> Array:
    """Frobenius norm of d h_T / d state_{T-k} for k = 1, 2, …, timesteps, relative to that for k = 1.

    h_T is the hidden state that the sigmoid unit reads; a state is h, or h and c together for an LSTM.

    Args:
        spec: a network that `has_state_jacobian` accepts.
        weights: in the order of Keras's `model.get_weights()`.
        tokens: shape (reviews, timesteps).

    Returns:
        shape (reviews, timesteps); the first column is 1.
    """
    embedding, kernel, recurrent_kernel, bias = (weight.astype(np.float64) for weight in weights[:4])
    inputs = embedding[tokens].transpose(1, 0, 2)
    jacobians = list(JACOBIANS[spec.cell](inputs, kernel, recurrent_kernel, bias))
    units = spec.units[0]
    product = np.zeros((len(tokens), units, 2 * units if spec.cell == "lstm" else units))
    product[:, :, :units] = np.eye(units)
    norms = []
    for jacobian in reversed(jacobians):
        product = product @ jacobian()
        norms.append(np.sqrt(np.einsum("rij,rij->r", product, product)))
    together = np.stack(norms, axis=1)
    relative: Array = together / np.maximum(together[:, :1], np.finfo(np.float64).tiny)
    return relative


def _simple_rnn_jacobians(inputs: Array, kernel: Array, recurrent_kernel: Array, bias: Array) -> Iterator[Jacobian]:
    """h' = tanh(a), a = x·W + h·U + b: d h' / d h = diag(1 - h'²)·Uᵀ."""
    h = np.zeros((inputs.shape[1], len(recurrent_kernel)))
    for x in inputs:
        h = np.tanh(x @ kernel + h @ recurrent_kernel + bias)
        yield partial(_through_gates, recurrent_kernel, 1 - h**2)


def _lstm_jacobians(inputs: Array, kernel: Array, recurrent_kernel: Array, bias: Array) -> Iterator[Jacobian]:
    """c' = f·c + i·g, h' = o·tanh(c'): both depend on h through the gates, and on c through f·c."""
    units = len(recurrent_kernel)
    h = c = np.zeros((inputs.shape[1], units))
    for x in inputs:
        i, f, g, o = np.split(x @ kernel + h @ recurrent_kernel + bias, 4, axis=1)
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        of_gates = np.concatenate([g * i * (1 - i), c * f * (1 - f), i * (1 - g**2)], axis=1)
        c = f * c + i * g
        squashed = np.tanh(c)
        h = o * squashed
        yield partial(_lstm_jacobian, recurrent_kernel, of_gates, squashed * o * (1 - o), o * (1 - squashed**2), f)


def _lstm_jacobian(recurrent_kernel: Array, c_of_gates: Array, h_of_o: Array, h_of_c: Array, f: Array) -> Array:
    """d (h', c') / d (h, c), shape (reviews, 2 · units, 2 · units)."""
    reviews, units = f.shape
    diagonal = np.arange(units)
    jacobian = np.zeros((reviews, 2 * units, 2 * units))
    c_of_h = _through_gates(recurrent_kernel[:, : 3 * units], c_of_gates)
    jacobian[:, :units, :units] = _through_gates(recurrent_kernel[:, 3 * units :], h_of_o) + h_of_c[:, :, None] * c_of_h
    jacobian[:, units:, :units] = c_of_h
    jacobian[:, diagonal, units + diagonal] = h_of_c * f
    jacobian[:, units + diagonal, units + diagonal] = f
    return jacobian


def _gru_jacobians(inputs: Array, kernel: Array, recurrent_kernel: Array, bias: Array) -> Iterator[Jacobian]:
    """h' = z·h + (1 - z)·g, g = tanh(x_g + r·s_g), s = h·U + b: h' depends on h directly (z·h) and through z, r, g."""
    h = np.zeros((inputs.shape[1], len(recurrent_kernel)))
    for x in inputs:
        x_z, x_r, x_g = np.split(x @ kernel + bias[0], 3, axis=1)
        s_z, s_r, s_g = np.split(h @ recurrent_kernel + bias[1], 3, axis=1)
        z, r = sigmoid(x_z + s_z), sigmoid(x_r + s_r)
        g = np.tanh(x_g + r * s_g)
        of_g = (1 - z) * (1 - g**2)
        of_gates = np.concatenate([(h - g) * z * (1 - z), of_g * s_g * r * (1 - r), of_g * r], axis=1)
        yield partial(_gru_jacobian, recurrent_kernel, of_gates, z)
        h = z * h + (1 - z) * g


def _gru_jacobian(recurrent_kernel: Array, of_gates: Array, z: Array) -> Array:
    """d h' / d h, shape (reviews, units, units)."""
    return _through_gates(recurrent_kernel, of_gates) + z[:, :, None] * np.eye(z.shape[1])


JACOBIANS: dict[Cell, Callable[[Array, Array, Array, Array], Iterator[Jacobian]]] = {
    "simple_rnn": _simple_rnn_jacobians,
    "lstm": _lstm_jacobians,
    "gru": _gru_jacobians,
}


def _through_gates(recurrent_kernel: Array, of_gates: Array) -> Array:
    """Sum over gates of diag(d state / d gate)·Uᵀ, shape (reviews, units, units).

    Args:
        recurrent_kernel: U of these gates, shape (units, gates · units).
        of_gates: the derivative of each unit with respect to its pre-activation gates, shape (reviews, gates · units).
    """
    units = len(recurrent_kernel)
    blocks = [slice(first, first + units) for first in range(0, recurrent_kernel.shape[1], units)]
    total = np.zeros((len(of_gates), units, units))
    for block in blocks:
        total += of_gates[:, block, None] * recurrent_kernel[:, block].T
    return total
