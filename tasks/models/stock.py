"""The stock learner: Keras's own layers and training step, for every network and for graphics cards."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.models.learner import Batch, Metrics
from tasks.models.reach import gradient_norms

PREDICT_ROWS = 256


class StockLearner:
    """Trains and predicts with a compiled Keras model."""

    def __init__(self, model: Any) -> None:
        self._model = model
        model.optimizer.build(model.trainable_variables)

    def fit_epoch(self, batches: Iterable[Batch]) -> Metrics:
        """One Keras training step for each batch; gives the means of loss and accuracy over the reviews."""
        metrics = Metrics()
        for tokens, labels in batches:
            metrics.add_means(*self._step(tokens, labels), len(labels))
        return metrics

    def _step(self, tokens: NDArray[np.unsignedinteger], labels: NDArray[np.integer]) -> tuple[float, float]:
        self._model.reset_metrics()
        logs = self._model.train_on_batch(tokens.astype(np.int32), labels.astype(np.float32)[:, None], return_dict=True)
        return float(logs["loss"]), float(logs["accuracy"])

    def predict(self, tokens: NDArray[np.unsignedinteger]) -> NDArray[np.float32]:
        """Probabilities of "positive", float32, shape (reviews,)."""
        probabilities: NDArray[np.float32] = self._model.predict(tokens, batch_size=PREDICT_ROWS, verbose=0)[:, 0]
        return probabilities

    def gradient_norms(self, tokens: NDArray[np.unsignedinteger], labels: NDArray[np.integer]) -> NDArray[np.float32]:
        """What `tasks.models.reach.gradient_norms` computes."""
        return gradient_norms(self._model, tokens, labels)

    def set_threads(self, threads: int) -> None:
        """Nothing: TensorFlow fixes its threads when it starts."""

    def state(self) -> dict[str, NDArray[Any]]:
        """All variables, those of the optimizer and of the random generators included."""
        return {f"variable_{i}": variable.numpy() for i, variable in enumerate(self._variables())}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Go back to what `state` gave."""
        for i, variable in enumerate(self._variables()):
            variable.assign(state[f"variable_{i}"])

    def _variables(self) -> list[Any]:
        return [*self._model.variables, *self._model.optimizer.variables]

    def model(self) -> Any:
        """The model itself."""
        return self._model
