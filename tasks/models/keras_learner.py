"""The Keras learner: Keras's own layers and training step, for every network and for graphics cards."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.data.batches import Batch
from tasks.models.learner import Metrics

# Reviews that are computed at once.
PREDICT_REVIEWS, NORM_REVIEWS = 256, 125


class KerasLearner:
    """Trains and predicts with a compiled Keras model.

    Args:
        model: a compiled Sequential of an embedding, recurrent layers and a sigmoid unit.
        reason: why Keras computes this network, for `engine`.
    """

    def __init__(self, model: Any, reason: str = "") -> None:
        self.engine = f"Keras ({reason})" if reason else "Keras"
        self._model = model
        model.optimizer.build(model.trainable_variables)

    def set_threads(self, threads: int) -> None:
        """Nothing: TensorFlow fixes its threads when it starts."""

    def fit_epoch(self, batches: Iterable[Batch]) -> Metrics:
        """One Keras training step for each batch; gives the means of loss and accuracy over the reviews."""
        metrics = Metrics()
        for tokens, labels in batches:
            self._model.reset_metrics()
            inputs, targets = tokens.astype(np.int32), labels.astype(np.float32)[:, None]
            logs = self._model.train_on_batch(inputs, targets, return_dict=True)
            metrics.add_means(float(logs["loss"]), float(logs["accuracy"]), len(labels))
        return metrics

    def predict(self, tokens: NDArray[np.unsignedinteger]) -> NDArray[np.float32]:
        """Probabilities of "positive", float32, shape (reviews,)."""
        probabilities: NDArray[np.float32] = self._model.predict(tokens, batch_size=PREDICT_REVIEWS, verbose=0)[:, 0]
        return probabilities

    def gradient_norms(self, tokens: NDArray[np.unsignedinteger], labels: NDArray[np.integer]) -> NDArray[np.float32]:
        """Norm of d loss / d input at each timestep, 0 at padding, float32, shape (reviews, timesteps)."""
        import tensorflow as tf

        embedding, *layers = self._model.layers

        @tf.function  # type: ignore[untyped-decorator]
        def norms_of(tokens: Any, targets: Any) -> Any:
            inputs = embedding(tokens)
            with tf.GradientTape() as tape:
                tape.watch(inputs)
                outputs = inputs
                for layer in layers:
                    outputs = layer(outputs)
                loss = tf.reduce_sum(tf.keras.losses.binary_crossentropy(targets, outputs))
            return tf.norm(tape.gradient(loss, inputs), axis=-1)

        inputs, targets = tokens.astype(np.int32), labels.astype(np.float32)[:, None]
        parts = [slice(first, first + NORM_REVIEWS) for first in range(0, len(tokens), NORM_REVIEWS)]
        norms: NDArray[np.float32] = np.concatenate([norms_of(inputs[part], targets[part]).numpy() for part in parts])
        norms *= tokens != 0
        return norms

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything that training resumes from: all variables, also of the optimizer and the random generators."""
        return {f"variable_{i}": variable.numpy() for i, variable in enumerate(self._variables())}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Return to what `state` gave."""
        for i, variable in enumerate(self._variables()):
            variable.assign(state[f"variable_{i}"])

    def _variables(self) -> list[Any]:
        return [*self._model.variables, *self._model.optimizer.variables]

    def model(self) -> Any:
        """The model itself."""
        return self._model
