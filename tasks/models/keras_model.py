"""From a specification to a plain Keras model."""

import threading
from typing import Any

from tasks.models.spec import ModelSpec

_GENERATOR = threading.Lock()


def build(spec: ModelSpec, words: int, learning_rate: float, seed: int) -> Any:
    """A compiled `keras.Sequential` with initial weights that depend on `seed` alone.

    Input: integer tokens of shape (batch, steps). Output: float32 probability of "positive", shape (batch, 1).
    Loss: binary cross-entropy; optimizer: RMSprop.
    """
    import keras

    # Keras draws initial weights and seeds of dropout from one generator of the whole process.
    with _GENERATOR:
        keras.utils.set_random_seed(seed)
        model = keras.Sequential(
            [
                keras.Input((None,), dtype="int32"), keras.layers.Embedding(words, spec.embedding),
                *_recurrent_layers(spec), keras.layers.Dense(1, activation="sigmoid"),
            ],
            name=spec.name,
        )  # fmt: skip
    model.compile(optimizer=keras.optimizers.RMSprop(learning_rate), loss="binary_crossentropy", metrics=["accuracy"])
    return model


def _recurrent_layers(spec: ModelSpec) -> list[Any]:
    import keras

    kinds = {"simple_rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}
    layers = [
        kinds[spec.cell](units, dropout=spec.dropout, return_sequences=place < len(spec.units) - 1)
        for place, units in enumerate(spec.units)
    ]
    return [keras.layers.Bidirectional(layer) for layer in layers] if spec.bidirectional else layers
