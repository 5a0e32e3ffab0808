"""The README of an exported network."""

import json
from typing import Any

from artifacts.markup import escape_markdown as md
from artifacts.markup import label_names
from tasks.results.export import Export

SAVEDMODEL = """## Use

TensorFlow alone (`pip install tensorflow`):

```python
import tensorflow as tf

model = tf.saved_model.load("1")
print(model.signatures["serving_default"](texts=tf.constant({text}))["probability"])
```

`serving_default` takes texts (strings, shape: texts). A second signature, `tokens`, takes tokens (int32, shape: texts ×
{max_length}), shorter texts padded with zeros in front.

TensorFlow Serving, started in this folder:

```bash
docker run --rm -p 8501:8501 -v "$PWD:/models/{name}" -e MODEL_NAME={name} tensorflow/serving
curl -d '{request}' http://127.0.0.1:8501/v1/models/{name}:predict
```
"""

ONNX = """## Use

onnxruntime alone (`pip install onnxruntime`):

```python
import numpy as np
import onnxruntime

review = {tokens}
tokens = np.zeros((1, {max_length}), np.int32)  # Zeros in front, as in training.
tokens[0, -len(review):] = review
print(onnxruntime.InferenceSession("model.onnx").run(["probability"], {{"tokens": tokens}}))
```

Input `tokens`: int32, shape: reviews × {max_length}. Output `probability`: float32, shape: reviews.
"""

TOKENS = """
From text to tokens:

1. Convert ASCII letters to lower case.
2. Replace tab, newline and each of ``!"#$%&()*+,-./:;<=>?@[\\]^_`{{|}}~`` by a space.
3. Split at spaces (U+0020) only.
4. Drop words that are not in `vocabulary.json`. The token of any other word is its rank there plus 3, or 2 if that is
   {vocabulary_size} or more.
5. Prepend a 1, then keep the last {max_length} tokens.
"""


def export_readme(export: Export) -> str:
    """The README: what the model is, how to use it, and how it was checked."""
    use = SAVEDMODEL if export.format == "savedmodel" else ONNX + (TOKENS if export.words else "")
    checked = ", ".join(f"{value:.1g} ({name})" for name, value in export.differences.items())
    negative, positive = (md(name) for name in label_names(export.labels))
    versions = ", ".join(f"{package} {version}" for package, version in export.versions.items())
    return f"""# {export.label}

Probability that a review has the label “{positive}”, not “{negative}”. `example.json` contains one review
with its output.

{use.format(**_values(export))}
## Checked

Loaded in a process without the project that trained it, the model differs from Keras on {export.reviews:,} test reviews
by at most {checked}. Made with {versions}.
"""


def _values(export: Export) -> dict[str, Any]:
    text = str(export.example["text"])
    return {
        "text": json.dumps([text], ensure_ascii=False),
        "request": json.dumps({"instances": [text]}).replace("'", "\\u0027"),
        "tokens": export.example["tokens"],
        "name": export.name,
        "max_length": export.max_length,
        "vocabulary_size": export.vocabulary_size,
    }
