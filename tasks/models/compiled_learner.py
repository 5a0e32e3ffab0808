"""The compiled learner: Keras's recurrent networks trained by compiled loops that skip shared padding.

The same network, initial weights, loss and optimizer as the Keras model it starts from; results differ by the rounding
of float32.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.data.batches import Batch
from tasks.models.compiled_network import CompiledNetwork
from tasks.models.learner import Metrics
from tasks.models.optimizer import Optimizer
from tasks.models.spec import ModelSpec


class CompiledLearner:
    """Trains and predicts by compiled loops.

    Args:
        spec: a network for which `tasks.models.compiled_network.why_not_covered` gives None.
        model: the compiled Keras model of that network: initial weights and optimizer are taken from it.
        threads: how many threads to use; changes speed, never results.
    """

    engine = "compiled loops"

    def __init__(self, spec: ModelSpec, model: Any, threads: int) -> None:
        self._model = model
        self._weights = [np.array(weight, np.float32) for weight in model.get_weights()]
        self._optimizer = Optimizer(type(model.optimizer).__name__, float(model.optimizer.learning_rate), self._weights)
        self._network = CompiledNetwork(spec, self._weights, threads)

    def set_threads(self, threads: int) -> None:
        """Use `threads` threads from the next batch on."""
        self._network.set_threads(threads)

    def fit_epoch(self, batches: Iterable[Batch]) -> Metrics:
        """One step of the optimizer for each batch; gives the means of loss and accuracy over the reviews."""
        metrics = Metrics()
        for tokens, labels in batches:
            gradients = self._network.gradients(tokens, labels)
            self._optimizer.step(gradients, self._network.map)
            metrics.add(gradients.probabilities, labels)
        return metrics

    def predict(self, tokens: NDArray[np.unsignedinteger]) -> NDArray[np.float32]:
        """Probabilities of "positive", float32, shape (reviews,)."""
        return self._network.predict(tokens)

    def gradient_norms(self, tokens: NDArray[np.unsignedinteger], labels: NDArray[np.integer]) -> NDArray[np.float32]:
        """Norm of d loss / d input at each timestep, 0 at padding, shape (reviews, timesteps)."""
        return self._network.gradient_norms(tokens, labels)

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything that training resumes from: the weights and the optimizer's state."""
        weights = {f"weight_{i}": weight.copy() for i, weight in enumerate(self._weights)}
        return {**weights, **self._optimizer.state()}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Return to what `state` gave."""
        for i, weight in enumerate(self._weights):
            weight[...] = state[f"weight_{i}"]
        self._optimizer.restore(state)

    def model(self) -> Any:
        """The Keras model, with the present weights and state of the optimizer."""
        self._model.set_weights(self._weights)
        self._model.optimizer.build(self._model.trainable_variables)
        self._optimizer.write_to(self._model.optimizer)
        return self._model


def load_loops() -> None:
    """Compile the loops, or load their machine code, by a training step of the smallest network."""
    spec = ModelSpec(name="smallest", cell="simple_rnn", units=(1,), embedding=1, bidirectional=True)
    shapes: list[tuple[int, ...]] = [(2, 1), *[(1, 1), (1, 1), (1,)] * 2, (2, 1), (1,)]
    weights = [np.zeros(shape, np.float32) for shape in shapes]
    tokens, labels = np.array([[0, 1], [1, 1]], np.uint16), np.array([0, 1], np.uint8)
    network = CompiledNetwork(spec, weights, threads=1)
    Optimizer("RMSprop", 0.001, weights).step(network.gradients(tokens, labels), network.map)
    network.predict(tokens)
