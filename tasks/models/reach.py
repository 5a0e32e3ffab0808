"""How far a network's gradient reaches back through the steps of its input."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

ROWS = 125


def gradient_norms(model: Any, tokens: NDArray[np.unsignedinteger], labels: NDArray[np.integer]) -> NDArray[np.float32]:
    """Norm of d loss / d input at each step, for each review.

    The input is the embedded word at that step, the loss the review's binary cross-entropy. In a simple RNN the
    gradient at step t holds the product of all Jacobians between t and the end, which shrinks or grows like a power
    (Bengio, Simard & Frasconi 1994).

    Args:
        model: a Sequential of an embedding, recurrent layers and a sigmoid unit.
        tokens: shape (reviews, steps).
        labels: 0 or 1, shape (reviews,).

    Returns:
        shape (reviews, steps), float32; 0 at padding.
    """
    import tensorflow as tf

    embedding, *layers = model.layers

    @tf.function  # type: ignore[untyped-decorator]
    def norms(rows: Any, truth: Any) -> Any:
        inputs = embedding(rows)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = inputs
            for layer in layers:
                outputs = layer(outputs)
            loss = tf.reduce_sum(tf.keras.losses.binary_crossentropy(truth, outputs))
        return tf.norm(tape.gradient(loss, inputs), axis=-1)

    parts = [
        norms(tokens[i : i + ROWS].astype(np.int32), labels[i : i + ROWS].astype(np.float32)[:, None]).numpy()
        for i in range(0, len(tokens), ROWS)
    ]
    norms_of_words: NDArray[np.float32] = np.concatenate(parts) * (tokens != 0)
    return norms_of_words
