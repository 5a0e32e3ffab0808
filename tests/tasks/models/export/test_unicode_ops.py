"""The word rules `unicode` in TensorFlow: the same words as ours, or an error."""

import unicodedata
from functools import cache
from typing import Any

import pytest

from tasks.models.export.unicode_ops import REFUSAL, UnicodeWords, decomposed
from tests.tasks.data.word_cases import ALONE, DECOMPOSED, MIXED, SCRIPTS, words

# Pieces of characters that TensorFlow would have to compose, even alone.
PIECES = [chr(code) for codes in ((0x3099, 0x309B), (0x1161, 0x1176), (0x11A8, 0x11C3)) for code in range(*codes)]


@cache
def split() -> Any:
    import tensorflow as tf

    return tf.function(UnicodeWords(), input_signature=[tf.TensorSpec([None], tf.string)])


def words_in_tensorflow(texts: list[str]) -> list[list[str]]:
    """The words of texts, as the model's table has them."""
    import tensorflow as tf

    found = split()(tf.constant([text.encode() for text in texts], tf.string)).to_list()
    return [[word.decode() for word in row if word] for row in found]


def as_in_table(texts: list[str]) -> list[list[str]]:
    return [[decomposed(word) for word in row] for row in words(texts)]


def refused(text: str) -> bool:
    import tensorflow as tf

    try:
        words_in_tensorflow([text])
    except tf.errors.InvalidArgumentError as error:
        return REFUSAL in str(error)
    return False


def test_each_code_point_alone_gives_the_same_words_or_is_refused() -> None:
    text = " ".join(character for character in ALONE.split(" ") if character not in PIECES)
    assert words_in_tensorflow([text]) == as_in_table([text])
    assert all(map(refused, PIECES))


def test_mixed_texts_give_the_same_words() -> None:
    assert words_in_tensorflow(MIXED) == as_in_table(MIXED)


def test_decomposed_texts_give_the_same_words_or_are_refused() -> None:
    accepted = [text for text in DECOMPOSED if not refused(text)]
    assert len(accepted) > len(DECOMPOSED) / 5
    assert words_in_tensorflow(accepted) == as_in_table(accepted)


def test_marks_may_be_in_any_order() -> None:
    # Vietnamese, vocalised Arabic in form NFC and as typed, Hebrew, Yoruba, a Sanskrit s with two dots.
    texts = [
        "a\u0301\u0323",
        "é\u0323",
        "إِنَّ أُمّ سيئًا شَّ",
        "ה\u05bc\u05b8",
        "ẹ\u0329\u0300",
        "ṩ s\u0307\u0323",
        "i\u0323\u0307",
    ]
    assert words_in_tensorflow(texts) == as_in_table(texts)


def test_marks_in_order_that_compose_out_of_order_give_the_same_words() -> None:
    # Yoruba: only the second mark composes with its letter. A character of two marks. Both below a mark of Arabic.
    texts = ["e\u0329\u0300", "g\u0f75\u0301", "R\u064f\u0323"]
    texts += [unicodedata.normalize("NFC", text) for text in texts]
    assert words_in_tensorflow(texts) == as_in_table(texts)


def test_every_word_has_an_entry_of_its_own() -> None:
    found = {word for row in words([*SCRIPTS.values(), *MIXED]) for word in row}
    assert len({decomposed(word) for word in found}) == len(found)


@pytest.mark.parametrize(
    "text", ["か\u3099", "\u1025\u102e", "I\u0323\u0307", "İ\u0323", "a\u0e39\u0323", "\u1112\u1161"]
)
def test_what_tensorflow_cannot_compose_is_refused(text: str) -> None:
    assert refused(text)


def test_no_texts_and_empty_texts() -> None:
    assert words_in_tensorflow([]) == []
    assert words_in_tensorflow(["", " ", "\u0301"]) == [[], [], []]
