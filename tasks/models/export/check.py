"""Compares an exported model's predictions with Keras's, in a separate process without this project.

python -I export_check.py savedmodel|onnx MODEL EXAMPLES

MODEL is the SavedModel's folder or the ONNX file; EXAMPLES is an `.npz` with `tokens` and `probability` and,
for a SavedModel, `texts` (concatenated UTF-8), `offsets` and `text_probability`. The output is a JSON object with the
largest difference for each input. Only NumPy and the model's runtime are imported.
"""

import itertools
import json
import sys

import numpy as np
from numpy.typing import NDArray

BATCH = 250
Floats = NDArray[np.float32]


def of_savedmodel(path: str, examples: dict[str, NDArray[np.generic]]) -> dict[str, float]:
    """Return the largest difference for each signature."""
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
    """Return the model's largest difference."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    tokens = examples["tokens"]
    parts = [session.run(None, {"tokens": tokens[start : start + BATCH]})[0] for start in range(0, len(tokens), BATCH)]
    return {"tokens": largest(np.concatenate(parts), examples["probability"])}


def largest(computed: NDArray[np.generic], expected: NDArray[np.generic]) -> float:
    """Return the largest absolute difference; infinite if shapes differ or a computed value is not finite."""
    if computed.shape != expected.shape or not np.isfinite(computed).all():
        return float("inf")
    return float(np.abs(np.subtract(computed, expected)).max())


if __name__ == "__main__":
    kind, model_path, examples_path = sys.argv[1:]
    with np.load(examples_path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    check = {"savedmodel": of_savedmodel, "onnx": of_onnx}[kind]
    print(json.dumps(check(model_path, arrays)))
