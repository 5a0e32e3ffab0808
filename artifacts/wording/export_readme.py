"""The README of an exported network."""

import json

from tasks.results.export import Export

SAVEDMODEL = """## Use

TensorFlow alone (`pip install tensorflow`):

```python
import tensorflow as tf

model = tf.saved_model.load("1")
print(model.signatures["serving_default"](texts=tf.constant({text}))["probability"])
```

Signatures: `serving_default` takes texts (string, any number), `tokens` takes padded tokens (int32, texts × timesteps).

TensorFlow Serving, in this folder:

```bash
docker run --rm -p 8501:8501 -v "$PWD:/models/{name}" -e MODEL_NAME={name} tensorflow/serving
curl -d '{request}' http://127.0.0.1:8501/v1/models/{name}:predict
```
"""
ONNX = """## Use

onnxruntime alone (`pip install onnxruntime`):

```python
import numpy as np, onnxruntime

tokens = np.array([{tokens}], np.int32)
print(onnxruntime.InferenceSession("model.onnx").run(None, {{"tokens": tokens}}))
```

Input `tokens`: int32, reviews × timesteps. The network was trained on {max_length} timesteps: put zeros in front.

From text to tokens: make ASCII letters lower-case; replace ``!"#$%&()*+,-./:;<=>?@[\\]^_`{{|}}~``, tab and newline by
spaces; split at spaces (U+0020) only; drop words without a rank; a word's token is its rank in `vocabulary.json` plus
3, a word whose rank is beyond the vocabulary of {vocabulary_size} has token 2; put 1 in front; keep the last
{max_length} tokens.
"""


def export_readme(export: Export) -> str:
    """What the model is, how it is used, and how it was checked."""
    text = str(export.example["text"])
    use = SAVEDMODEL if export.format == "savedmodel" else ONNX
    values = {
        "text": json.dumps([text], ensure_ascii=False),
        "request": json.dumps({"instances": [text]}).replace("'", "\\u0027"),
        "tokens": export.example["tokens"],
        "name": export.name,
        "max_length": export.max_length,
        "vocabulary_size": export.vocabulary_size,
    }
    checked = ", ".join(f"{value:.1e} ({name})" for name, value in export.differences.items())
    versions = ", ".join(f"{package} {version}" for package, version in export.versions.items())
    return f"""# {export.label}

Probability that a film review is positive. Input and output of one review: `example.json`.

{use.format(**values)}
## Checked

Loaded in a process without the project that trained it, on {export.reviews:,} test reviews, it differs from Keras by at
most {checked}. Made with {versions}.
"""
