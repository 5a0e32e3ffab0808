"""Runs in a process of its own, without this project: an exported model against what Keras said of the same reviews.

python -I export_check.py savedmodel|onnx MODEL EXAMPLES

MODEL is the folder of the SavedModel or the ONNX file; EXAMPLES an `.npz` with `tokens`, `probability`, and for a
SavedModel `texts` (UTF-8, laid end to end), `offsets` and `text_probability`. Prints a JSON object with the largest
difference of each input. Only NumPy and the model's own runtime are imported.
"""

import itertools
import json
import sys

import numpy as np
from numpy.typing import NDArray

BATCH = 250
Floats = NDArray[np.float32]


def of_savedmodel(path: str, examples: dict[str, NDArray[np.generic]]) -> dict[str, float]:
    """Largest differences of both signatures."""
    import tensorflow as tf

    signatures = tf.saved_model.load(path).signatures
    content, ends = examples["texts"].tobytes(), examples["offsets"].tolist()
    texts = [content[start:end] for start, end in itertools.pairwise(ends)]
    from_texts, from_tokens = [], []
    for start in range(0, len(texts), BATCH):
        rows = slice(start, start + BATCH)
        from_texts.append(signatures["serving_default"](texts=tf.constant(texts[rows]))["probability"].numpy())
        tokens = tf.constant(examples["tokens"][rows])
        from_tokens.append(signatures["tokens"](tokens=tokens)["probability"].numpy())
    return {
        "texts": largest(np.concatenate(from_texts), examples["text_probability"]),
        "tokens": largest(np.concatenate(from_tokens), examples["probability"]),
    }


def of_onnx(path: str, examples: dict[str, NDArray[np.generic]]) -> dict[str, float]:
    """Largest difference of the model."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    tokens = examples["tokens"]
    parts = [session.run(None, {"tokens": tokens[start : start + BATCH]})[0] for start in range(0, len(tokens), BATCH)]
    return {"tokens": largest(np.concatenate(parts), examples["probability"])}


def largest(computed: NDArray[np.generic], expected: NDArray[np.generic]) -> float:
    """The largest absolute difference; infinite for other shapes or values that are no numbers."""
    if computed.shape != expected.shape or not np.isfinite(computed).all():
        return float("inf")
    return float(np.abs(np.subtract(computed, expected)).max())


if __name__ == "__main__":
    kind, model_path, examples_path = sys.argv[1:]
    with np.load(examples_path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    check = {"savedmodel": of_savedmodel, "onnx": of_onnx}[kind]
    print(json.dumps(check(model_path, arrays)))
