"""The optimizers that the compiled learner knows: each is a compiled rule with settings and a state."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.models.compiled_network import Gradients, chunks
from tasks.models.loops.arithmetic import Floats
from tasks.models.loops.rmsprop import rmsprop, rmsprop_rows

Map = Callable[[Callable[[slice], None], list[slice]], list[Any]]


@dataclass(frozen=True)
class Rule:
    """How an optimizer changes weights.

    Attributes:
        update: changes flat weights and states in place, from gradients and squared gradients; then the learning rate,
            the number of earlier steps and the settings.
        update_rows: the same for some rows of a table, see `rmsprop_rows`.
        settings: in Keras's default values.
        states: the names of the arrays that it keeps for each weight, in Keras's order.
    """

    update: Callable[..., None]
    update_rows: Callable[..., None]
    settings: tuple[np.float32, ...]
    states: tuple[str, ...]


RULES = {"RMSprop": Rule(rmsprop, rmsprop_rows, (np.float32(0.9), np.float32(1e-7)), ("velocity",))}


class Optimizer:
    """Changes weights along their gradients as Keras's optimizer of that name does.

    Args:
        name: one of `RULES`: the class of the Keras optimizer.
        learning_rate: Keras's learning rate.
        weights: the weights, the embedding's first; changed in place.
    """

    def __init__(self, name: str, learning_rate: float, weights: list[Floats]) -> None:
        self._rule = RULES[name]
        self._learning_rate = np.float32(learning_rate)
        self._weights = weights
        self._states = {kind: [np.zeros_like(weight) for weight in weights] for kind in self._rule.states}
        self._steps = np.zeros(1, np.int64)

    def step(self, gradients: Gradients, run: Map) -> None:
        """One step: the embedding by the tokens that occur, every other weight as a whole.

        `run` maps a function over slices, on as many threads as it likes.
        """
        settings = self._learning_rate, *self._rule.settings
        table, *weights = self._weights
        table_states, states = self._of_weight(0), [self._of_weight(i) for i in range(1, len(self._weights))]
        tokens, sums = gradients.embedding.tokens, gradients.embedding.sums

        def update_rows(rows: slice) -> None:
            used = slice(*np.searchsorted(tokens, (rows.start, rows.stop)))
            parts = table[rows], *(state[rows] for state in table_states)
            self._rule.update_rows(*parts, tokens[used] - rows.start, sums[used], *settings)

        run(update_rows, chunks(len(table)))
        for weight, of_weight, gradient in zip(weights, states, gradients.others, strict=True):
            flat = np.ascontiguousarray(gradient).reshape(-1)
            self._rule.update(weight.reshape(-1), *(s.reshape(-1) for s in of_weight), flat, flat * flat, *settings)
        self._steps += 1

    def _of_weight(self, number: int) -> list[Floats]:
        return [arrays[number] for arrays in self._states.values()]

    def state(self) -> dict[str, NDArray[Any]]:
        """Copies of all that it keeps."""
        named = {f"{kind}_{i}": a.copy() for kind, arrays in self._states.items() for i, a in enumerate(arrays)}
        return {**named, "steps_0": self._steps.copy()}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Return to what `state` gave."""
        for kind, arrays in self._states.items():
            for i, array in enumerate(arrays):
                array[...] = state[f"{kind}_{i}"]
        self._steps[...] = state["steps_0"]

    def write_to(self, optimizer: Any) -> None:
        """Give a built Keras optimizer of the same kind the present state."""
        iterations, _, *variables = optimizer.variables
        iterations.assign(int(self._steps[0]))
        arrays = [array for number in range(len(self._weights)) for array in self._of_weight(number)]
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)
