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
{max_length}), shorter texts padded with zeros in front.{refused}

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

REFUSED = """

TensorFlow cannot compose characters, so `serving_default` fails for the few texts that only this can split, such as
Korean and Japanese in pieces. Convert them to Unicode's form NFC first: `unicodedata.normalize("NFC", text)`."""

IMDB_WORDS = r"""import json

SEPARATORS = "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n"
UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
spaces = str.maketrans(UPPER + SEPARATORS, UPPER.lower() + " " * len(SEPARATORS))

def words(text):
    return [word for word in text.translate(spaces).split(" ") if word]
"""

UNICODE_WORDS = r"""import json
import re
import unicodedata

with open("word_tables.json", encoding="utf-8") as file:
    tables = json.load(file)
lower = str.maketrans(tables["upper"], tables["lower"])
kinds = "letters", "numbers", "marks", "characters"
letters, numbers, marks, characters = (tables[kind] for kind in kinds)
removed = re.compile(f"[{tables['removed']}]")
other = re.compile(f"[^{letters}{numbers}{marks}{characters}'’＇‐‑-]")
part = f"[{letters}][{marks}]*['-](?=[{letters}])|[{letters}{numbers}][{marks}]*"
word = re.compile(f"[{characters}]|(?:{part})+")

def words(text):
    text = other.sub(" ", removed.sub("", text))
    text = unicodedata.normalize("NFC", text).translate(lower)
    text = unicodedata.normalize("NFC", text.replace("i\u0307", "i"))
    return [re.sub("(?<=.)σ$", "ς", found) for found in word.findall(text)]
"""

TOKENS = """
From text to tokens, in a file `tokens.py` in this folder:

```python
{words}
with open("vocabulary.json", encoding="utf-8") as file:
    ranks = json.load(file)

def tokens(text):
    known = [ranks[word] + 3 for word in words(text) if word in ranks]
    return [1, *(token if token < {vocabulary_size} else 2 for token in known)][-{max_length}:]
```

Words that `vocabulary.json` lacks are left out. A rank beyond the network's vocabulary becomes 2. A 1 comes first.
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
    is_unicode = export.word_rules.name == "unicode"
    return {
        "words": UNICODE_WORDS if is_unicode else IMDB_WORDS,
        "refused": REFUSED if is_unicode else "",
        "text": json.dumps([text], ensure_ascii=False),
        "request": json.dumps({"instances": [text]}).replace("'", "\\u0027"),
        "tokens": export.example["tokens"],
        "name": export.name,
        "max_length": export.max_length,
        "vocabulary_size": export.vocabulary_size,
    }
