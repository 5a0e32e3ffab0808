"""The chapter's code: recurrences by hand and recurrent layers in Keras. The chapter page shows it as it is here.

The loops read one review and follow the chapter's notation: W for the kernel, U for the recurrent kernel, each with a
row for each unit. Keras keeps both transposed. `tasks.models.recurrence` has the same formulas for many reviews.
"""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.models.recurrence import sigmoid
from tasks.models.spec import Cell

Array = NDArray[np.floating]


def simple_rnn(inputs: Array, W: Array, U: Array, b: Array) -> Array:  # noqa: N803 -- the chapter's names
    """output_t = tanh(W·input_t + U·state_t + b); the output is the next state."""
    state = np.zeros(U.shape[1])  # (64,)
    outputs = []
    for input_t in inputs:  # (100, 32): 100 times (32,)
        state = np.tanh(W @ input_t + U @ state + b)  # (64, 32) @ (32,) + (64, 64) @ (64,) + (64,): (64,)
        outputs.append(state)
    return np.stack(outputs)  # (100, 64)


def lstm(inputs: Array, W: Array, U: Array, b: Array) -> Array:  # noqa: N803
    """Gates i, f, o decide what enters the cell state c, what stays in it, and what leaves it as h."""
    h = c = np.zeros(U.shape[1])  # (64,)
    outputs = []
    for input_t in inputs:  # (100, 32): 100 times (32,)
        i, f, g, o = np.split(W @ input_t + U @ h + b, 4)  # (256, 32) @ (32,) + (256, 64) @ (64,): 4 times (64,)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)  # (64,)
        h = sigmoid(o) * np.tanh(c)  # (64,)
        outputs.append(h)
    return np.stack(outputs)  # (100, 64)


def gru(inputs: Array, W: Array, U: Array, b: Array) -> Array:  # noqa: N803
    """The update gate z keeps a share of the state h; the reset gate r limits what h adds to the candidate g."""
    h = np.zeros(U.shape[1])  # (64,)
    outputs = []
    for input_t in inputs:  # (100, 32): 100 times (32,)
        x_z, x_r, x_g = np.split(W @ input_t + b[0], 3)  # (192, 32) @ (32,): 3 times (64,)
        h_z, h_r, h_g = np.split(U @ h + b[1], 3)  # (192, 64) @ (64,): 3 times (64,)
        z, r = sigmoid(x_z + h_z), sigmoid(x_r + h_r)  # (64,)
        h = z * h + (1 - z) * np.tanh(x_g + r * h_g)  # (64,)
        outputs.append(h)
    return np.stack(outputs)  # (100, 64)


LOOPS: dict[Cell, Callable[[Array, Array, Array, Array], Array]] = {"simple_rnn": simple_rnn, "lstm": lstm, "gru": gru}


def last_output() -> Any:
    """One vector for each review: the output after its last word."""
    import keras
    from keras.layers import Embedding, SimpleRNN

    return keras.Sequential([keras.Input((500,)), Embedding(10_000, 32), SimpleRNN(32)])


def all_outputs() -> Any:
    """One vector for each word of a review."""
    import keras
    from keras.layers import Embedding, SimpleRNN

    return keras.Sequential([keras.Input((500,)), Embedding(10_000, 32), SimpleRNN(32, return_sequences=True)])


def four_layers() -> Any:
    """Every layer but the last returns all outputs, because the next layer reads one vector for each word."""
    import keras
    from keras.layers import Embedding, SimpleRNN

    return keras.Sequential([
        keras.Input((500,)),
        Embedding(10_000, 32),
        SimpleRNN(32, return_sequences=True),
        SimpleRNN(32, return_sequences=True),
        SimpleRNN(32, return_sequences=True),
        SimpleRNN(32),
    ])  # fmt: skip


def one_lstm() -> Any:
    """The LSTM of the tutorial, without its sigmoid unit."""
    import keras
    from keras.layers import LSTM, Embedding

    return keras.Sequential([keras.Input((500,)), Embedding(10_000, 32), LSTM(32)])


def source(function: Callable[..., Any]) -> str:
    """The source of a function of this module, without remarks to linters."""
    return "\n".join(line.split("  # noqa")[0].split("  # fmt")[0] for line in inspect.getsource(function).splitlines())


def states_by_hand(cell: Cell, inputs: Array, kernel: Array, recurrent_kernel: Array, bias: Array) -> Array:
    """The states of a layer with Keras's weights, computed by the loop; shape (timesteps, units).

    Args:
        cell: the layer's kind.
        inputs: one review, shape (timesteps, features).
        kernel, recurrent_kernel, bias: as Keras keeps them.
    """
    return LOOPS[cell](inputs, kernel.T, recurrent_kernel.T, bias)
