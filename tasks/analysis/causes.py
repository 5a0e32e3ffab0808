"""Why gradients vanish or survive: how far they reach from other starts of a layer, and what its gates do.

Every reach here is that of the Jacobian of the last state, which no label and no other layer affects; see
`tasks.models.recurrence`.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.analysis.reading import words_within
from tasks.models.recurrence import gru, lstm, sigmoid, simple_rnn, state_jacobian_norms
from tasks.models.spec import Cell, ModelSpec
from tasks.results.chapter import CellState, GradientStart, Start
from tasks.results.training import Moment

Array = NDArray[np.floating]
SHOWN_STEPS = 100  # How many steps back the page shows.
UNIFORM = 0.05  # Keras's "random_uniform" draws from -0.05 to 0.05.
STARTS: dict[Cell, tuple[Start, ...]] = {
    "simple_rnn": ("as_built", "random_uniform"),
    "lstm": ("as_built", "forget_bias_0", "forget_bias_3"),
    "gru": ("as_built", "update_bias_3"),
}


def gradient_starts(spec: ModelSpec, weights: Sequence[Array], tokens: NDArray[np.integer]) -> list[GradientStart]:
    """How far the Jacobian reaches in an untrained network, for each of the cell's starts.

    Args:
        spec: a network that `has_state_jacobian` accepts.
        weights: its initial weights, in the order of Keras's `model.get_weights()`.
        tokens: shape (reviews, timesteps).
    """
    found = []
    for start in STARTS[spec.cell]:
        norms = state_jacobian_norms(spec, _started(start, weights), tokens)
        curve = norms.mean(axis=0)[:SHOWN_STEPS]
        found.append(GradientStart(start, float(words_within(norms).mean()), tuple(curve.tolist())))
    return found


def _started(start: Start, weights: Sequence[Array]) -> list[Array]:
    """The weights of a network that starts in another way."""
    embedding, kernel, recurrent_kernel, bias, *rest = (weight.copy() for weight in weights)
    units = len(recurrent_kernel)
    if start == "random_uniform":
        recurrent_kernel = np.random.default_rng(1).uniform(-UNIFORM, UNIFORM, recurrent_kernel.shape)
    elif start in ("forget_bias_0", "forget_bias_3"):  # The second block of an LSTM's bias.
        bias[units : 2 * units] = int(start[-1])
    elif start == "update_bias_3":  # The first block of a GRU's bias for the input.
        bias[0, :units] = 3
    return [embedding, kernel, recurrent_kernel, bias, *rest]


def jacobian_words(spec: ModelSpec, weights: Sequence[Array], tokens: NDArray[np.integer]) -> float:
    """How many steps back the Jacobian stays at a hundredth of its value one step back, mean over reviews."""
    return float(words_within(state_jacobian_norms(spec, weights, tokens)).mean())


def cell_state(
    moment: Moment, spec: ModelSpec, weights: Sequence[Array], tokens: NDArray[np.integer], words: float
) -> CellState:
    """What the recurrent layer of a network does at one moment.

    Args:
        moment: when.
        spec, weights: the network; the weights are in the order of Keras's `model.get_weights()`.
        tokens: padded reviews, shape (reviews, timesteps).
        words: the result of `jacobian_words`.
    """
    embedding, kernel, recurrent_kernel, bias = (weight.astype(np.float64) for weight in weights[:4])
    inputs = embedding[tokens]
    if spec.cell == "simple_rnn":
        states = simple_rnn(inputs, kernel, recurrent_kernel, bias, return_sequences=True)
        radius = float(np.abs(np.linalg.eigvals(recurrent_kernel)).max())
        return CellState(moment, words, radius=radius, slope=float((1 - states**2).mean()))
    gates = keeping_gates(spec.cell, inputs, kernel, recurrent_kernel, bias)
    return CellState(moment, words, gate=float(gates.mean()), gate_words=float(_gate_words(gates).mean()))


def keeping_gates(cell: Cell, inputs: Array, kernel: Array, recurrent_kernel: Array, bias: Array) -> Array:
    """The gate that decides how much of its state a layer keeps: an LSTM's forget gate, or a GRU's update gate.

    Args:
        cell: "lstm" or "gru".
        inputs: shape (reviews, timesteps, features).
        kernel, recurrent_kernel, bias: the layer's weights.

    Returns:
        shape (reviews, timesteps, units), each value from 0 to 1.
    """
    units = len(recurrent_kernel)
    states = (lstm if cell == "lstm" else gru)(inputs, kernel, recurrent_kernel, bias, return_sequences=True)
    before = np.concatenate([np.zeros_like(states[:, :1]), states[:, :-1]], axis=1)
    block = slice(units, 2 * units) if cell == "lstm" else slice(0, units)
    whole_bias = bias if cell == "lstm" else bias.sum(axis=0)
    return sigmoid(inputs @ kernel[:, block] + before @ recurrent_kernel[:, block] + whole_bias[block])


def _gate_words(gates: Array) -> NDArray[np.int64]:
    """How many steps back the product of the gates stays at a hundredth, for each review: the norm over units."""
    products = np.cumprod(gates[:, :0:-1], axis=1)  # From the last gate back; shape (reviews, timesteps - 1, units).
    return words_within(np.sqrt((products**2).sum(axis=2)))
