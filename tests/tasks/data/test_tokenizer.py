import json
import os
import pickle
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.data.imdb_npz import read_imdb_npz
from tasks.data.tokenizer import SEPARATORS, Tokenizer, split_words
from tasks.errors import DataError
from tasks.results.data import IMDB_RULES

INDEX = {
    "the": 1, "film": 2, "it's": 3, "br": 4, "café": 5, "É": 6, "a\x85b": 7, "nul\0": 8, "😀": 9, "10": 10, "\x96": 11,
    "'": 12, "well": 13, "made": 14, "rare": 47,
}  # fmt: skip
TOKENIZER = Tokenizer(INDEX, IMDB_RULES)

# Derived by hand from the rules in the module's docstring.
BY_HAND = {
    "": [],
    "the film": [1, 2],
    "THE Film": [1, 2],
    "It's the film.": [3, 1, 2],
    "film<br /><br />the": [2, 4, 4, 1],
    "the-film,(film)!": [1, 2, 2],
    "Café É é": [5, 6],
    "CAFÉ": [],
    "a\x85b A\x85B": [7, 7],
    "the\u00a0film the\u2003film": [],
    "the\tfilm\nthe": [1, 2, 1],
    "the\rfilm": [],
    "nul\0 NUL\0": [8, 8],
    "😀 😀the": [9],
    "10/10": [10, 10],
    "\x96 the": [11, 1],
    "' 'the'": [12],
    "  well   made  ": [13, 14],
    "unheard of": [],
    "rare film": [47, 2],
}


def ranks(texts: list[str], tokenizer: Tokenizer = TOKENIZER) -> list[list[int]]:
    """The ranks of each text."""
    encoded = tokenizer.encode(texts)
    return [part.tolist() for part in np.split(encoded.ranks, encoded.offsets[1:-1])] if texts else []


def plainly(text: str) -> list[str]:
    """The rules once more, a character at a time."""
    lower = "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else " " if c in SEPARATORS else c for c in text)
    return [word for word in lower.split(" ") if word]


@pytest.mark.parametrize("text", BY_HAND)
def test_texts_give_the_ranks_derived_by_hand(text: str) -> None:
    assert ranks([text]) == [BY_HAND[text]]


def test_many_texts_at_once_give_the_same() -> None:
    assert ranks(list(BY_HAND)) == list(BY_HAND.values())


def test_words_that_the_index_lacks_are_skipped_and_counted() -> None:
    encoded = TOKENIZER.encode(["unheard of", "the odd film", "", "the"])
    assert encoded.skipped.tolist() == [2, 1, 0, 0]


def test_tokens_start_with_1_are_padded_and_cut_in_front_and_ranks_beyond_the_vocabulary_become_2() -> None:
    encoded = TOKENIZER.encode(["the rare film", "", "the film it's the film"])
    assert encoded.tokens(20, 5).padded().tolist() == [[0, 1, 4, 2, 5], [0, 0, 0, 0, 1], [4, 5, 6, 4, 5]]


@settings(deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8")), max_size=8))
def test_any_text_is_split_as_the_rules_say(texts: list[str]) -> None:
    words, offsets = split_words(texts, IMDB_RULES)
    found = [words[start:end].to_pylist() for start, end in pairwise(offsets)]
    assert found == [plainly(text) for text in texts]


@settings(deadline=None)
@given(st.lists(st.text(st.sampled_from("aA '<>\t\n\r\0\x85\xa0É😀"), max_size=30), max_size=8))
def test_spaces_control_characters_and_emoji_are_split_as_the_rules_say(texts: list[str]) -> None:
    words, offsets = split_words(texts, IMDB_RULES)
    found = [words[start:end].to_pylist() for start, end in pairwise(offsets)]
    assert found == [plainly(text) for text in texts]


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from(sorted(INDEX.values())), max_size=20), max_size=8))
def test_ranks_survive_the_way_to_text_and_back(lists: list[list[int]]) -> None:
    offsets = np.cumsum([0, *map(len, lists)])
    flat = np.array([rank for part in lists for rank in part], np.int32)
    texts = TOKENIZER.decode(flat, offsets)
    encoded = TOKENIZER.encode(texts)
    np.testing.assert_array_equal(encoded.ranks, flat)
    np.testing.assert_array_equal(encoded.offsets, offsets)
    assert not encoded.skipped.any()


def test_ranks_without_a_word_are_shown_as_unknown() -> None:
    assert TOKENIZER.decode(np.array([1, 20, 0, 999]), np.array([0, 2, 4])).to_pylist() == [
        "the ⟨unknown⟩",
        "⟨unknown⟩ ⟨unknown⟩",
    ]


def test_a_megabyte_in_one_review() -> None:
    encoded = TOKENIZER.encode(["the film " * 120_000, "film"])
    assert encoded.offsets.tolist() == [0, 240_000, 240_001]
    assert encoded.tokens(20, 4).padded().tolist() == [[4, 5, 4, 5], [0, 0, 1, 5]]
    assert len(split_words(["x" * 1_100_000], IMDB_RULES).words[0].as_py()) == 1_100_000


def test_slices_and_nulls_of_arrow_arrays() -> None:
    array = pa.array(["other text", "the film", None, "rare"])
    assert ranks(array.slice(1)) == [[1, 2], [], [47]]


def test_no_texts_and_an_empty_index() -> None:
    assert TOKENIZER.encode([]).tokens(20, 5).padded().shape == (0, 5)
    assert Tokenizer({}, IMDB_RULES).encode(["the film"]).skipped.tolist() == [2]


def test_it_can_be_sent_to_other_processes() -> None:
    assert ranks(["the film"], pickle.loads(pickle.dumps(TOKENIZER))) == [[1, 2]]


def test_half_characters_in_the_index_are_refused(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text(json.dumps({"\ud800": 1}))
    with pytest.raises(DataError, match="half a character"):
        Tokenizer.read(tmp_path / "index.json", IMDB_RULES)


def test_the_words_of_the_imdb_reviews_give_their_ranks_again(imdb: Path) -> None:
    path = imdb.parent / "imdb_word_index.json"
    if not path.is_file():
        pytest.skip(f"{path.name} is not beside {os.environ['IMDB_NPZ']}")
    tokenizer = Tokenizer.read(path, IMDB_RULES)
    for reviews in read_imdb_npz(imdb):
        encoded = tokenizer.encode(tokenizer.decode(reviews.ranks, reviews.offsets))
        np.testing.assert_array_equal(encoded.ranks, reviews.ranks)
        np.testing.assert_array_equal(encoded.offsets, reviews.offsets)
