from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras.src.datasets import imdb as keras_imdb
from keras.utils import pad_sequences

from tasks.data.imdb_npz import read_imdb_npz, write_imdb_npz
from tasks.data.tokens import Tokens, keras_shuffles, lengths, to_tokens, token_dtype, unknown_rate
from tests.conftest import make_reviews


def by_keras(
    path: Path, vocabulary_size: int, max_length: int, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[np.ndarray, np.ndarray]]:
    """What Keras's own functions make of the file."""
    monkeypatch.setattr(keras_imdb, "get_file", lambda **_: str(path))
    splits = keras.datasets.imdb.load_data(num_words=vocabulary_size)
    return [(pad_sequences(x, maxlen=max_length), y) for x, y in splits]


def assert_equal_to_keras(path: Path, vocabulary_size: int, max_length: int) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        expected = by_keras(path, vocabulary_size, max_length, monkeypatch)
    splits = read_imdb_npz(path)
    for reviews, order, (tokens, labels) in zip(splits, keras_shuffles(*map(len, splits)), expected, strict=True):
        np.testing.assert_array_equal(to_tokens(reviews, order, vocabulary_size, max_length).padded(), tokens)
        np.testing.assert_array_equal(reviews.labels[order], labels)


REVIEWS = st.lists(st.lists(st.integers(1, 80), max_size=30), min_size=2, max_size=10)


@settings(deadline=None, max_examples=60)
@given(train=REVIEWS, test=REVIEWS, vocabulary_size=st.integers(4, 90), max_length=st.integers(2, 35))
def test_equal_to_keras_on_made_up_data(
    tmp_path_factory: pytest.TempPathFactory, train: list, test: list, vocabulary_size: int, max_length: int
) -> None:
    path = tmp_path_factory.mktemp("npz") / "imdb.npz"
    write_imdb_npz(path, *(make_reviews(lists, [i % 2 for i in range(len(lists))]) for lists in (train, test)))
    assert_equal_to_keras(path, vocabulary_size, max_length)


def test_equal_to_keras_on_all_reviews_of_imdb(imdb: Path) -> None:
    assert_equal_to_keras(imdb, 10_000, 500)


def test_pads_and_truncates_in_front() -> None:
    reviews = make_reviews([[1, 2], [5, 6, 7, 8]], [0, 1])
    tokens = to_tokens(reviews, np.array([0, 1]), 10, 4)
    assert tokens.values.tolist() == [1, 4, 5, 8, 9, 2, 2]
    assert tokens.offsets.tolist() == [0, 3, 7]
    assert tokens.padded().tolist() == [[0, 1, 4, 5], [8, 9, 2, 2]]


PADDED = np.array([[0, 1, 4, 5], [8, 9, 2, 2], [0, 0, 0, 0], [0, 0, 0, 1]], np.uint8)


def test_padding_comes_and_goes() -> None:
    tokens = Tokens.from_padded(PADDED)
    assert tokens.values.tolist() == [1, 4, 5, 8, 9, 2, 2, 1]
    assert tokens.counts.tolist() == [3, 4, 0, 1]
    assert [tokens.review(row).tolist() for row in range(4)] == [[1, 4, 5], [8, 9, 2, 2], [], [1]]
    assert tokens.padded().dtype == np.uint8
    np.testing.assert_array_equal(tokens.padded(), PADDED)


@pytest.mark.parametrize("rows", [slice(1, 3), slice(0, 0), np.array([3, 0, 0, 2]), np.array([], np.int64)])
def test_any_reviews_can_be_chosen_and_joined(rows: slice | np.ndarray) -> None:
    tokens = Tokens.from_padded(PADDED)
    np.testing.assert_array_equal(tokens[rows].padded(), PADDED[rows])
    joined = Tokens.joined([tokens[rows], tokens, tokens[rows]])
    np.testing.assert_array_equal(joined.padded(), np.concatenate([PADDED[rows], PADDED, PADDED[rows]]))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 9])
def test_the_last_tokens_keep_their_place(count: int) -> None:
    shown = PADDED.copy()
    shown[:, : max(0, 4 - count)] = 0
    np.testing.assert_array_equal(Tokens.from_padded(PADDED).last(count).padded(), shown)


def test_prefixes_end_at_each_token() -> None:
    tokens = Tokens.from_padded(PADDED)
    assert tokens.prefixes(0).padded().tolist() == [[0, 0, 0, 1], [0, 0, 1, 4], [0, 1, 4, 5]]
    assert len(tokens.prefixes(2)) == 0


def test_lengths_count_the_start_token() -> None:
    assert lengths(make_reviews([[1, 2], [], [7]], [0, 1, 0])).tolist() == [3, 1, 2]


def test_unknown_rate_is_the_share_of_words_outside_the_vocabulary() -> None:
    reviews = make_reviews([[1, 6], [7, 8], [9]], [0, 1, 1])
    assert unknown_rate(reviews, np.array([0, 1]), 10) == 0.5
    assert unknown_rate(reviews, np.array([2, 0]), 10) == pytest.approx(1 / 3)
    assert unknown_rate(make_reviews([[]], [0]), np.array([0]), 10) == 0.0


@pytest.mark.parametrize(
    ("vocabulary_size", "dtype"),
    [(4, "uint8"), (256, "uint8"), (257, "uint16"), (65_536, "uint16"), (65_537, "uint32")],
)
def test_tokens_take_the_smallest_type(vocabulary_size: int, dtype: str) -> None:
    assert token_dtype(vocabulary_size) == dtype
