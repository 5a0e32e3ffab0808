"""Builds the Keras model of a specification, and trains it with Keras itself if there is a GPU or dropout."""

import random
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.data.tokens import Tokens
from tasks.data.training_reviews import Batch
from tasks.models.learner import NORM_REVIEWS, PREDICT_REVIEWS, Metrics
from tasks.models.spec import ModelSpec

_GENERATOR = threading.Lock()


def build(spec: ModelSpec, vocabulary_size: int, learning_rate: float, seed: int) -> Any:
    """Build a compiled `keras.Sequential`; `seed` alone determines how its initial weights are drawn.

    Input: integer tokens below `vocabulary_size`, shape (batch, timesteps). Output: float32 probability of "positive",
    shape (batch, 1). Loss: binary cross-entropy; optimizer: RMSprop.
    """
    import keras

    with _seeded(seed):
        layers = [
            keras.Input((None,), dtype="int32"),
            keras.layers.Embedding(vocabulary_size, spec.embedding),
            *_recurrent_layers(spec),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
        model = keras.Sequential(layers, name=spec.name)
    model.compile(optimizer=keras.optimizers.RMSprop(learning_rate), loss="binary_crossentropy", metrics=["accuracy"])
    return model


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Let Keras draw the seeds of weights and dropout from a generator that no other thread uses.

    By default, Keras draws them from Python's global generator, which Prefect's threads use to draw waiting times.
    """
    import keras
    from keras.src.random import seed_generator

    with _GENERATOR:
        keras.utils.set_random_seed(seed)
        shared, seed_generator.python_random = seed_generator.python_random, random.Random(seed)  # noqa: S311 -- as Keras
        try:
            yield
        finally:
            seed_generator.python_random = shared


def _recurrent_layers(spec: ModelSpec) -> list[Any]:
    import keras

    layer_of = {"simple_rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}[spec.cell]
    last = len(spec.units) - 1
    layers = [
        layer_of(units, dropout=spec.dropout, return_sequences=number < last) for number, units in enumerate(spec.units)
    ]
    return [keras.layers.Bidirectional(layer) for layer in layers] if spec.bidirectional else layers


class KerasLearner:
    """Trains and predicts with a compiled Keras model.

    Args:
        model: a compiled Sequential of an embedding, recurrent layers and a sigmoid unit.
        reason: why Keras computes this network; shown in `engine`.
    """

    def __init__(self, model: Any, reason: str = "") -> None:
        self.engine = f"Keras ({reason})" if reason else "Keras"
        self._model = model
        model.optimizer.build(model.trainable_variables)

    def set_threads(self, threads: int) -> None:
        """Do nothing: TensorFlow fixes its number of threads when it starts."""

    def fit_epoch(self, batches: Iterable[Batch]) -> Metrics:
        """Take one Keras training step per batch; return the mean loss and accuracy over the reviews."""
        metrics = Metrics()
        for tokens, labels, weights in batches:
            self._model.reset_metrics()
            inputs, targets = tokens.padded().astype(np.int32), labels.astype(np.float32)[:, None]
            logs = self._model.train_on_batch(inputs, targets, sample_weight=weights, return_dict=True)
            metrics.add_means(float(logs["loss"]), float(logs["accuracy"]), len(labels))
        return metrics

    def predict(self, tokens: Tokens) -> NDArray[np.float32]:
        """Probabilities of "positive", float32, shape (reviews,)."""
        outputs: NDArray[np.float32] = self._model.predict(tokens.padded(), batch_size=PREDICT_REVIEWS, verbose=0)
        return outputs[:, 0]

    def gradient_norms(self, tokens: Tokens, labels: NDArray[np.integer]) -> NDArray[np.float32]:
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

        inputs, targets = tokens.padded().astype(np.int32), labels.astype(np.float32)[:, None]
        parts = [slice(first, first + NORM_REVIEWS) for first in range(0, len(tokens), NORM_REVIEWS)]
        norms: NDArray[np.float32] = np.concatenate([norms_of(inputs[part], targets[part]).numpy() for part in parts])
        norms *= inputs != 0
        return norms

    def state(self) -> dict[str, NDArray[Any]]:
        """Return what training needs to resume: the variables of model, optimizer and random generators."""
        return {f"variable_{i}": variable.numpy() for i, variable in enumerate(self._variables())}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Restore what `state` returned."""
        for i, variable in enumerate(self._variables()):
            variable.assign(state[f"variable_{i}"])

    def _variables(self) -> list[Any]:
        return [*self._model.variables, *self._model.optimizer.variables]

    def model(self) -> Any:
        """Return the model itself."""
        return self._model
