"""The text operators of a SavedModel against the tokenizer."""

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.data.tokenizer import SEPARATORS, Tokenizer
from tasks.models.export.savedmodel import SKIPPED, imdb_words, token_of_word, tokens_of
from tasks.results.data import IMDB_RULES

VOCABULARY, LENGTH = 9, 6
INDEX = {"the": 1, "film": 2, "café": 3, "\x85": 4, "don't": 5, "a\u00a0b": 6, "ÉTÉ": 7, "été": 8, "x\u2028y": 9}


@cache
def table() -> Any:
    import tensorflow as tf

    words = tf.constant(list(INDEX), tf.string)
    initializer = tf.lookup.KeyValueTensorInitializer(words, tf.constant(token_of_word(INDEX, VOCABULARY)))
    return tf.lookup.StaticHashTable(initializer, SKIPPED)


def both(texts: list[str]) -> tuple[list[list[int]], list[list[int]]]:
    """The tokens by TensorFlow's operators and by ours."""
    import tensorflow as tf

    found = tokens_of(imdb_words(tf.constant([text.encode() for text in texts])), table(), LENGTH).numpy()
    return found.tolist(), Tokenizer(INDEX, IMDB_RULES).encode(texts).tokens(VOCABULARY, LENGTH).padded().tolist()


def test_beyond_the_vocabulary_is_2() -> None:
    assert token_of_word(INDEX, VOCABULARY).tolist() == [4, 5, 6, 7, 8, 2, 2, 2, 2]


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "The FILM, the film!",
        "café CAFÉ Café",
        "été ÉTÉ",
        "\x85 the\x85film \x85",
        "a\u00a0b a b",
        "x\u2028y",
        "don't DON'T don`t",
        "the<br />film\tthe\nfilm\rthe",
        SEPARATORS.join(["the", "film", "the"]),
        "the " * 20,
        "unknown words only",
        "🎬 the 🎬film",
        "\x00the\x00 the",
    ],
)
def test_tokens_are_those_of_the_tokenizer(text: str) -> None:
    found, expected = both([text, "the film"])
    assert found == expected
    assert len(found[0]) == LENGTH


PIECES = st.sampled_from([*INDEX, *SEPARATORS, " ", "The", "FILM", "CAFÉ", "\u2003", "ß", "İ", "unknown", "\r", "\x0b"])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(PIECES, max_size=15).map("".join) | st.text(max_size=12), min_size=1, max_size=8))
def test_any_text_gives_the_tokens_of_the_tokenizer(texts: list[str]) -> None:
    found, expected = both(texts)
    assert found == expected


def test_no_text_gives_no_tokens() -> None:
    import tensorflow as tf

    assert tokens_of(imdb_words(tf.constant([], tf.string)), table(), LENGTH).shape == (0, LENGTH)
    assert np.array(both(["the"])[0]).shape == (1, LENGTH)
