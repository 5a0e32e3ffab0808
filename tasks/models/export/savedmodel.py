"""Writes a trained network as a SavedModel that takes texts, using only TensorFlow's own operators.

Signatures: "serving_default" takes strings, "tokens" takes padded tokens. The text operators follow the word rules of
`tasks.data.tokenizer`, then words missing from the index are skipped, words beyond the vocabulary become 2, a 1 is
prepended, and texts are truncated and padded at the start.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.data.tokenizer import SEPARATORS
from tasks.data.tokens import OFFSET, START, UNKNOWN
from tasks.models.export.unicode_ops import UnicodeWords, decomposed
from tasks.results.data import WordRules

SKIPPED = 0  # The table's value for words missing from the index; no word has this token.


def write_savedmodel(
    model: Any, index: Mapping[str, int], rules: WordRules, vocabulary_size: int, max_length: int, path: Path
) -> None:
    """Write a Keras model from `tasks.models.keras_learner.build` as a SavedModel.

    Args:
        model: the network.
        index: word -> rank (1 = most frequent).
        rules: how texts become words.
        vocabulary_size: the exclusive upper bound of tokens.
        max_length: the network reads at most this number of tokens: the last ones of each text.
        path: the SavedModel's folder.
    """
    import keras
    import tensorflow as tf

    _without_cudnn(model)
    archive = keras.export.ExportArchive()
    archive.track(model)
    split = UnicodeWords() if rules.name == "unicode" else imdb_words
    words = [decomposed(word) for word in index] if isinstance(split, UnicodeWords) else list(index)
    for lookup in split.lookups if isinstance(split, UnicodeWords) else ():
        archive.track(lookup)
    initializer = tf.lookup.KeyValueTensorInitializer(
        tf.constant(words, tf.string), tf.constant(token_of_word(index, vocabulary_size))
    )
    table = tf.lookup.StaticHashTable(initializer, SKIPPED)
    archive.track(table)

    def of_tokens(tokens: Any) -> dict[str, Any]:
        return {"probability": tf.reshape(model(tokens, training=False), [-1])}

    def of_texts(texts: Any) -> dict[str, Any]:
        return of_tokens(tokens_of(split(texts), table, max_length))

    archive.add_endpoint("texts", of_texts, input_signature=[tf.TensorSpec([None], tf.string, "texts")])
    archive.add_endpoint("tokens", of_tokens, input_signature=[tf.TensorSpec([None, None], tf.int32, "tokens")])
    archive.write_out(str(path), verbose=False)


def token_of_word(index: Mapping[str, int], vocabulary_size: int) -> NDArray[np.int32]:
    """Return the token of each word of an index, in the index's order."""
    tokens = np.fromiter(index.values(), np.int64, len(index)) + OFFSET
    return np.where(tokens < vocabulary_size, tokens, UNKNOWN).astype(np.int32)


def imdb_words(texts: Any) -> Any:
    """Return the words of UTF-8 strings, shape (texts,), by the rules `imdb`, as a ragged tensor; some are empty."""
    import tensorflow as tf

    lower = tf.strings.lower(texts, encoding="")  # Without an encoding, only ASCII letters are lower-cased.
    return tf.strings.split(tf.strings.regex_replace(lower, f"[{_escaped(SEPARATORS)}]", " "), sep=" ")


def tokens_of(words: Any, table: Any, max_length: int) -> Any:
    """Convert words to tokens with TensorFlow operators.

    Args:
        words: the words of each text, ragged; empty ones are skipped.
        table: word -> token.
        max_length: the number of tokens per text.

    Returns:
        int32, shape (texts, max_length).
    """
    import tensorflow as tf

    tokens = tf.ragged.map_flat_values(table.lookup, words)
    known = tf.ragged.boolean_mask(tokens, tokens != SKIPPED)
    texts = tf.cast(words.nrows(), tf.int32)
    start = tf.fill([texts, 1], tf.constant(START, tf.int32))
    cut = tf.concat([start, known], axis=1)[:, -max_length:]
    lengths = tf.cast(cut.row_lengths(), tf.int32)
    rows = tf.cast(cut.value_rowids(), tf.int32)
    starts = tf.gather(tf.cast(cut.row_starts(), tf.int32), rows)
    columns = tf.range(tf.size(rows)) - starts + max_length - tf.gather(lengths, rows)
    return tf.scatter_nd(tf.stack([rows, columns], axis=1), cut.flat_values, [texts, max_length])


def _escaped(separators: str) -> str:
    """Escape separators for use inside the brackets of an RE2 expression."""
    names = {"\t": r"\t", "\n": r"\n"}
    return "".join(names.get(character, f"\\{character}") for character in separators)


def _without_cudnn(model: Any) -> None:
    """Make Keras use portable operators: those of cuDNN, which it chooses on a GPU, do not run without a GPU."""
    for layer in model.layers:
        both = [layer.forward_layer, layer.backward_layer] if hasattr(layer, "forward_layer") else [layer]
        for directed in both:
            if hasattr(directed, "use_cudnn"):
                directed.use_cudnn = False
