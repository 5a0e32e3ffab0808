"""The compiled learner: trains Keras's recurrent networks with compiled loops that compute shared padding only once.

It starts from a Keras model, and uses the same network, initial weights, loss and optimizer. Results differ from
Keras's only by float32 rounding.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.data.tokens import Tokens
from tasks.data.training_reviews import Batch
from tasks.models.compiled_network import CompiledNetwork, Gradients, chunks
from tasks.models.learner import Metrics
from tasks.models.loops.lanes import Floats
from tasks.models.loops.rmsprop import rmsprop, rmsprop_rows
from tasks.models.spec import ModelSpec

Map = Callable[[Callable[[slice], None], list[slice]], list[Any]]
RHO, EPSILON = np.float32(0.9), np.float32(1e-7)  # Keras's defaults.


class RMSprop:
    """Updates weights as Keras's RMSprop does.

    Args:
        learning_rate: Keras's learning rate.
        weights: the weights, with the embedding first; updated in place.
    """

    def __init__(self, learning_rate: float, weights: list[Floats]) -> None:
        self._settings = np.float32(learning_rate), RHO, EPSILON
        self._weights = weights
        self._velocities = [np.zeros_like(weight) for weight in weights]
        self._steps = np.zeros(1, np.int64)

    def step(self, gradients: Gradients, run: Map) -> None:
        """Take one step, which changes the embedding only in the rows of tokens that occur.

        Args:
            gradients: the gradients of a batch.
            run: maps a function over slices, on any number of threads.
        """
        (table, *weights), (table_velocity, *velocities) = self._weights, self._velocities
        embedding, tokens = gradients.embedding, gradients.embedding.tokens

        def update_rows(rows: slice) -> None:
            used = slice(*np.searchsorted(tokens, (rows.start, rows.stop)))
            sums = embedding.sums(used)
            rmsprop_rows(table[rows], table_velocity[rows], tokens[used] - rows.start, sums, *self._settings)

        run(update_rows, chunks(len(table)))
        for weight, velocity, gradient in zip(weights, velocities, gradients.others, strict=True):
            flat = np.ascontiguousarray(gradient).reshape(-1)
            rmsprop(weight.reshape(-1), velocity.reshape(-1), flat, flat * flat, *self._settings)
        self._steps += 1

    def state(self) -> dict[str, NDArray[Any]]:
        """Return copies of the velocities and of the step count."""
        return {f"velocity_{i}": velocity.copy() for i, velocity in enumerate(self._velocities)} | {
            "steps_0": self._steps.copy()
        }

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Restore what `state` returned."""
        for i, velocity in enumerate(self._velocities):
            velocity[...] = state[f"velocity_{i}"]
        self._steps[...] = state["steps_0"]

    def write_to(self, optimizer: Any) -> None:
        """Copy the current state to a Keras RMSprop that has been built."""
        iterations, _, *variables = optimizer.variables
        iterations.assign(int(self._steps[0]))
        for variable, velocity in zip(variables, self._velocities, strict=True):
            variable.assign(velocity)


class CompiledLearner:
    """Trains and predicts with compiled loops.

    Args:
        spec: a network for which `tasks.models.compiled_network.unsupported_reason` returns None.
        model: the compiled Keras model of that network, which provides the initial weights and the learning rate.
        threads: the number of threads to use; affects speed, never results.
    """

    engine = "compiled loops"

    def __init__(self, spec: ModelSpec, model: Any, threads: int) -> None:
        self._model = model
        self._weights = [np.array(weight, np.float32) for weight in model.get_weights()]
        self._optimizer = RMSprop(float(model.optimizer.learning_rate), self._weights)
        self._network = CompiledNetwork(spec, self._weights, threads)

    def set_threads(self, threads: int) -> None:
        """Use `threads` threads from the next batch on."""
        self._network.set_threads(threads)

    def fit_epoch(self, batches: Iterable[Batch]) -> Metrics:
        """Take one optimizer step per batch; return the mean loss and accuracy over the reviews."""
        metrics = Metrics()
        for tokens, labels, weights in batches:
            gradients = self._network.gradients(tokens, labels, weights)
            self._optimizer.step(gradients, self._network.map)
            metrics.add(gradients.probabilities, labels, weights)
        return metrics

    def predict(self, tokens: Tokens) -> NDArray[np.float32]:
        """Probabilities of "positive", float32, shape (reviews,)."""
        return self._network.predict(tokens)

    def gradient_norms(self, tokens: Tokens, labels: NDArray[np.integer]) -> NDArray[np.float32]:
        """Norm of d loss / d input at each timestep, 0 at padding, shape (reviews, timesteps)."""
        return self._network.gradient_norms(tokens, labels)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return what training needs to resume: the weights and the optimizer's state."""
        weights = {f"weight_{i}": weight.copy() for i, weight in enumerate(self._weights)}
        return {**weights, **self._optimizer.state()}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Restore what `state` returned."""
        for i, weight in enumerate(self._weights):
            weight[...] = state[f"weight_{i}"]
        self._optimizer.restore(state)

    def model(self) -> Any:
        """Return the Keras model, with the current weights and optimizer state."""
        self._model.set_weights(self._weights)
        self._model.optimizer.build(self._model.trainable_variables)
        self._optimizer.write_to(self._model.optimizer)
        return self._model
