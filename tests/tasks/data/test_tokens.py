from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras.src.datasets import imdb as keras_imdb
from keras.utils import pad_sequences

from tasks.data.imdb_npz import read_imdb_npz, write_imdb_npz
from tasks.data.tokens import keras_shuffles, lengths, padded, token_dtype, unknown_rate
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
        np.testing.assert_array_equal(padded(reviews, order, vocabulary_size, max_length), tokens)
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
    assert padded(reviews, np.array([0, 1]), 10, 4).tolist() == [[0, 1, 4, 5], [8, 9, 2, 2]]


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
