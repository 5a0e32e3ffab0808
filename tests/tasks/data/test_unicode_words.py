"""The word rules `unicode`."""

import hashlib
import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks.data.tokenizer import has_word, split_words
from tasks.data.unicode_words import CHARACTER, tables
from tasks.results.data import IMDB_RULES, UNICODE_RULES
from tests.tasks.data.word_cases import ALONE, DECOMPOSED, MIXED, SCRIPTS, words

PIECES = st.sampled_from(
    [*"".join(SCRIPTS.values()), *" '’-.\n\r\u00a0\u0307\u0301\u0323\u00ad\u200b👍\ufe0f\uffffAaZz09"]
)
TEXTS = st.lists(PIECES, max_size=12).map("".join)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ФИЛЬМ Фильм фильм", ["фильм"] * 3),
        ("Größe GRÖSSE", ["größe", "grösse"]),
        ("ΟΔΟΣ Οδος Σ σ'αγαπώ", ["οδος", "οδος", "σ", "σ'αγαπώ"]),
        ("İyi i\u0307yi I\u0307yi", ["iyi"] * 3),
        ("été e\u0301te\u0301", ["été"] * 2),
        ("“film” «film» film! …film", ["film"] * 4),
        ("don't don’t 'tis dogs' rock-'n'-roll", ["don't", "don't", "tis", "dogs", "rock", "n", "roll"]),
        ("well-known well‑known 10-20 covid-19 -x- a--b", ["well-known"] * 2 + "10 20 covid 19 x a b".split()),
        ("a\rb\r\nc\u0085d\u2028e\u00a0f\u3000g\x00h\x7fi", list("abcdefghi")),
        ("soft\u00adhyphen می\u200cخواهم zero\u200bwidth", ["softhyphen", "میخواهم", "zero", "width"]),
        ("電影很好!電視 ABC", ["電", "影", "很", "好", "電", "視", "abc"]),
        ("がかか\u3099ー", ["が", "か", "が", "ー"]),
        ("หนังดี", list("หนังดี")),
        ("हिन्दी फ़िल्म", ["हिन्दी", "फ\u093cिल्म"]),
        ("한국어 \u1112\u1161\u11ab", ["한국어", "한"]),
        ("❤\ufe0f 👍🏽 =\u0338 1\ufe0f\u20e3", ["1\u20e3"]),
        ("<br />snake_case a@b.c $5", ["br", "snake", "case", "a", "b", "c", "5"]),
        ("𐐀𐐨 Ａ\ue000\u0378", ["𐐨𐐨", "ａ"]),
    ],
)
def test_words_in_many_languages(text: str, expected: list[str]) -> None:
    assert words([text]) == [expected]


def test_the_rules_are_those_of_unicode_14_under_every_python() -> None:
    content = b"".join(table.tobytes() for table in tables())
    assert hashlib.sha256(content).hexdigest()[:16] == "f7d6c932293cc93f"


@settings(deadline=None, max_examples=300)
@given(TEXTS)
@example("İ\u0323 I\u0323\u0307 I\u0307\u0307 i\u0307\u0301 J\u030c")
def test_composed_and_decomposed_texts_have_the_same_words(text: str) -> None:
    forms = [text, unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)]
    first, *others = words(forms)
    assert others == [first, first]


def test_composed_and_decomposed_cases_have_the_same_words() -> None:
    assert words(MIXED) == words(DECOMPOSED)


@settings(deadline=None, max_examples=200)
@given(st.lists(TEXTS, max_size=5))
def test_texts_do_not_touch_and_ascii_texts_are_split_as_others_are(texts: list[str]) -> None:
    assert words(texts) == [words([text])[0] for text in texts]
    # A first word of another script sends an ASCII text along the other way.
    assert words([f"ж {text}" for text in texts]) == [["ж", *found] for found in words(texts)]


@settings(deadline=None, max_examples=200)
@given(TEXTS)
def test_words_are_their_own_words(text: str) -> None:
    (found,) = words([text])
    assert words(found) == [[word] for word in found]


def test_a_text_has_a_word_if_a_character_is_one() -> None:
    texts = pa.array(ALONE.split(" "), pa.large_string())
    _, offsets = split_words(texts, UNICODE_RULES)
    np.testing.assert_array_equal(has_word(texts, UNICODE_RULES), np.diff(offsets) > 0)
    assert has_word(pa.array(["!", "a", None, "\u00a0", "\u0301"], pa.large_string()), UNICODE_RULES).tolist() == [
        *(False, True, False, False, False)
    ]
    assert has_word(pa.array(["!", "a", None, "\u00a0"], pa.large_string()), IMDB_RULES).tolist() == [
        *(False, True, False, True)
    ]


def test_only_scripts_without_spaces_have_characters_that_are_words() -> None:
    names = {unicodedata.name(chr(code), "").split(" ")[0] for code in np.flatnonzero(tables().classes == CHARACTER)}
    scripts = {"CJK", "HIRAGANA", "KATAKANA", "HALFWIDTH", "THAI", "LAO", "KHMER", "MYANMAR", "HENTAIGANA"}
    assert names <= {*scripts, "IDEOGRAPHIC", "HANGZHOU", "VERTICAL", "COMBINING", "KATAKANA-HIRAGANA", "MASU"}
