"""From a specification to a plain Keras model."""

import threading
from typing import Any

from tasks.models.spec import ModelSpec

_GENERATOR = threading.Lock()


def build(spec: ModelSpec, vocabulary_size: int, learning_rate: float, seed: int) -> Any:
    """A compiled `keras.Sequential`; `seed` alone decides how its initial weights are drawn.

    Input: integer tokens below `vocabulary_size`, shape (batch, timesteps). Output: float32 probability of "positive",
    shape (batch, 1). Loss: binary cross-entropy; optimizer: RMSprop.
    """
    import keras

    # Keras draws initial weights and the seeds of dropout from one generator of the whole process.
    with _GENERATOR:
        keras.utils.set_random_seed(seed)
        layers = [
            keras.Input((None,), dtype="int32"),
            keras.layers.Embedding(vocabulary_size, spec.embedding),
            *_recurrent_layers(spec),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
        model = keras.Sequential(layers, name=spec.name)
    model.compile(optimizer=keras.optimizers.RMSprop(learning_rate), loss="binary_crossentropy", metrics=["accuracy"])
    return model


def _recurrent_layers(spec: ModelSpec) -> list[Any]:
    import keras

    layer_of = {"simple_rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}[spec.cell]
    last = len(spec.units) - 1
    layers = [
        layer_of(units, dropout=spec.dropout, return_sequences=number < last) for number, units in enumerate(spec.units)
    ]
    return [keras.layers.Bidirectional(layer) for layer in layers] if spec.bidirectional else layers
