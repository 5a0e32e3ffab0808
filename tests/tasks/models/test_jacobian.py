import numpy as np
import pytest

from tasks.models.jacobian import has_state_jacobian, state_jacobian_norms
from tasks.models.recurrence import CELLS, sigmoid
from tasks.models.spec import Cell, ModelSpec, preset

FEATURES, UNITS, STEPS, REVIEWS, STEP = 3, 4, 6, 2, 1e-6
GATES: dict[Cell, int] = {"simple_rnn": 1, "lstm": 4, "gru": 3}


def weights_of(cell: Cell) -> list[np.ndarray]:
    """Random weights, large enough for every nonlinearity to matter."""
    random = np.random.default_rng(3)
    width = GATES[cell] * UNITS
    bias = (2, width) if cell == "gru" else (width,)
    return [random.normal(size=shape) for shape in ((9, FEATURES), (FEATURES, width), (UNITS, width), bias)]


def lstm_from(state: np.ndarray, inputs: np.ndarray, kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray):
    """An LSTM that starts from (h, c): `tasks.models.recurrence` starts from zeros only. Gives (h, c)."""
    h, c = np.split(state, 2)
    for x in inputs:
        i, f, g, o = np.split(x @ kernel + h @ recurrent + bias, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
    return np.concatenate([h, c])


def start_word(cell: Cell, state: np.ndarray, weights: list[np.ndarray]) -> np.ndarray:
    """What to subtract from nothing: `run` from a given state."""
    raise NotImplementedError
