"""Textbook versions of the recurrences that Keras's layers compute, batched, in NumPy.

They are for understanding and testing; training uses Keras or the compiled loops of `tasks.models.loops`.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.models.spec import Cell, ModelSpec

Array = NDArray[np.floating]


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
