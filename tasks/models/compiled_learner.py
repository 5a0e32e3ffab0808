"""The compiled learner: Keras's SimpleRNN and LSTM trained by compiled loops that never visit padding.

The same network, initial weights, loss and optimizer as the Keras model it starts from; results differ by the rounding
of float32.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from tasks.models.compiled_network import CompiledNetwork
from tasks.models.learner import Batch, Metrics
from tasks.models.loops.rmsprop import rmsprop, rmsprop_rows
from tasks.models.spec import ModelSpec
from tasks.models.weights import Gradients, Weights

RHO, EPSILON = np.float32(0.9), np.float32(1e-7)


class CompiledLearner:
    """Trains and predicts by compiled loops.

    Args:
        spec: a network for which `tasks.models.compiled_cells.why_not_covered` gives None.
        model: the compiled Keras model of that network: initial weights and learning rate are taken from it.
        threads: how many threads to use; changes speed, never results.
    """

    engine = "compiled loops"

    def __init__(self, spec: ModelSpec, model: Any, threads: int) -> None:
        self._model = model
        self._learning_rate = np.float32(model.optimizer.learning_rate)
        self._weights = Weights(*(np.array(weight, np.float32) for weight in model.get_weights()))
        self._velocities = Weights(*(np.zeros_like(weight) for weight in self._weights))
        self._steps = np.zeros(1, np.int64)
        self._network = CompiledNetwork(spec, self._weights, threads)

    def set_threads(self, threads: int) -> None:
        """Use `threads` threads from the next batch on."""
        self._network.set_threads(threads)

    def fit_epoch(self, batches: Iterable[Batch]) -> Metrics:
        """One step of the optimizer for each batch; gives the means of loss and accuracy over the reviews."""
        metrics = Metrics()
        with threadpool_limits(1):
            for tokens, labels in batches:
                gradients = self._network.gradients(tokens, labels)
                self._update(gradients)
                self._steps += 1
                metrics.add(gradients.probabilities, labels)
        return metrics

    def _update(self, gradients: Gradients) -> None:
        """One step of RMSprop: the embedding by the tokens that occur, every other weight as a whole."""
        settings = self._learning_rate, RHO, EPSILON
        (table, *weights), (table_velocities, *velocities) = self._weights, self._velocities
        embedding = gradients.embedding
        rmsprop_rows(table, table_velocities, embedding.tokens, embedding.rows, embedding.squares, *settings)
        for weight, velocity, gradient in zip(weights, velocities, gradients.without_embedding(), strict=True):
            flat = gradient.reshape(-1)
            rmsprop(weight.reshape(-1), velocity.reshape(-1), flat, flat * flat, *settings)

    def predict(self, tokens: NDArray[np.unsignedinteger]) -> NDArray[np.float32]:
        """Probabilities of "positive", float32, shape (reviews,)."""
        return self._network.predict(tokens)

    def gradient_norms(self, tokens: NDArray[np.unsignedinteger], labels: NDArray[np.integer]) -> NDArray[np.float32]:
        """Norm of d loss / d input at each timestep, 0 at padding, shape (reviews, timesteps)."""
        return self._network.gradient_norms(tokens, labels)

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything that training resumes from: weights, velocities and the number of steps."""
        weights = {f"weight_{i}": weight.copy() for i, weight in enumerate(self._weights)}
        velocities = {f"velocity_{i}": velocity.copy() for i, velocity in enumerate(self._velocities)}
        return {**weights, **velocities, "steps_0": self._steps.copy()}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Return to what `state` gave."""
        for i, (weight, velocity) in enumerate(zip(self._weights, self._velocities, strict=True)):
            weight[...] = state[f"weight_{i}"]
            velocity[...] = state[f"velocity_{i}"]
        self._steps[...] = state["steps_0"]

    def model(self) -> Any:
        """The Keras model, with the present weights and state of the optimizer."""
        self._model.set_weights(list(self._weights))
        self._model.optimizer.build(self._model.trainable_variables)
        iterations, _, *velocities = self._model.optimizer.variables
        iterations.assign(int(self._steps[0]))
        for variable, velocity in zip(velocities, self._velocities, strict=True):
            variable.assign(velocity)
        return self._model
