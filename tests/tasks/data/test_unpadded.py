from pathlib import Path

import numpy as np
import psutil
import pytest

from tasks.data import unpadded
from tasks.data.parquet import write_split
from tasks.data.tokens import Tokens, to_tokens
from tasks.data.unpadded import UnpaddedReviews, unpadded_path, unpadded_writer
from tasks.errors import DataError
from tests.conftest import make_reviews, random_reviews

MAX_LENGTH = 30


@pytest.fixture(params=["small file", "large file"])
def size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file that stays in memory, and one that is too large for it."""
    if request.param == "large file":
        monkeypatch.setattr(unpadded, "RESIDENT_BYTES", 0)
    return request.param


def written(folder: Path, tokens: Tokens, groups: int = 1) -> UnpaddedReviews:
    """Tokens, written in some groups and read again; every third label is 1."""
    labels = (np.arange(len(tokens)) % 3 == 0).astype(np.uint8)
    with unpadded_writer(folder / "split.arrow", 1_000, tokens.max_length) as write:
        for rows in np.array_split(np.arange(len(tokens)), groups):
            write(labels[rows], tokens[rows])
    return UnpaddedReviews.read(folder / "split.arrow")


@pytest.mark.usefixtures("size")
@pytest.mark.parametrize("vocabulary_size", [50, 300, 70_000])
def test_reviews_come_back_as_they_were_written(tmp_path: Path, vocabulary_size: int) -> None:
    reviews, order = random_reviews(20), np.arange(20)[::-1].copy()
    write_split(tmp_path / "split.parquet", reviews, order, vocabulary_size, MAX_LENGTH, {})
    expected = to_tokens(reviews, order, vocabulary_size, MAX_LENGTH)
    found = UnpaddedReviews.read(unpadded_path(tmp_path / "split.parquet"))
    rows = np.array([3, 19, 0, 3])
    for tokens, wanted in ((found.tokens_between(0, 20), expected), (found.tokens_of(rows), expected[rows])):
        assert_same(tokens, wanted)
    np.testing.assert_array_equal(found.labels, reviews.labels[order])
    np.testing.assert_array_equal(found.counts, expected.counts)


def assert_same(found: Tokens, expected: Tokens) -> None:
    """Compare tokens, their type, offsets and padded length."""
    assert found.values.dtype == expected.values.dtype
    assert found.max_length == expected.max_length
    np.testing.assert_array_equal(found.values, expected.values)
    np.testing.assert_array_equal(found.offsets, expected.offsets)


@pytest.mark.usefixtures("size")
def test_lengths_of_one_word_and_of_all_timesteps(tmp_path: Path) -> None:
    reviews = make_reviews([[], [1], list(range(1, MAX_LENGTH)), list(range(1, 40))], [0, 1, 0, 1])
    expected = to_tokens(reviews, np.arange(4), 1_000, MAX_LENGTH)
    found = written(tmp_path, expected)
    assert found.counts.tolist() == [1, 2, MAX_LENGTH, MAX_LENGTH]
    assert_same(found.tokens_of(np.arange(4)), expected)


@pytest.mark.usefixtures("size")
@pytest.mark.parametrize("groups", [1, 4, 7])
def test_groups_of_any_size_are_one_split(tmp_path: Path, groups: int) -> None:
    expected = to_tokens(random_reviews(21), np.arange(21), 1_000, MAX_LENGTH)
    found = written(tmp_path, expected, groups)
    order = np.random.default_rng(0).permutation(21)
    assert_same(found.tokens_of(order), expected[order])
    assert len(found) == 21


@pytest.mark.usefixtures("size")
def test_parts_are_all_reviews_from_the_first_one_on(tmp_path: Path) -> None:
    expected = to_tokens(random_reviews(30), np.arange(30), 1_000, MAX_LENGTH)
    parts = list(written(tmp_path, expected).parts(8, first=9))
    assert [len(part) for part in parts] == [8, 8, 5]
    assert_same(Tokens.joined(parts), expected[9:])


@pytest.mark.skipif(not psutil.LINUX, reason="only Linux says how much of a process's memory is mapped from files")
def test_a_large_file_does_not_stay_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = Tokens.from_padded(np.random.default_rng(0).integers(1, 1_000, (20_000, 400)).astype(np.uint16))
    reviews = written(tmp_path, tokens, 20)
    resident = []
    for limit in (0, 1 << 30):
        monkeypatch.setattr(unpadded, "RESIDENT_BYTES", limit)
        before = psutil.Process().memory_info().shared
        for first in range(0, len(tokens), 500):
            reviews.tokens_between(first, first + 500)
            reviews.tokens_of(np.arange(first, first + 500))
        resident.append(psutil.Process().memory_info().shared - before)
    assert resident[0] < tokens.values.nbytes / 8
    assert resident[1] > tokens.values.nbytes / 2


def of_one_word(token: int) -> Tokens:
    """20 reviews that repeat one token."""
    return Tokens.from_padded(np.full((20, MAX_LENGTH), token, np.uint16))


def test_a_file_that_is_cut_short_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpadded, "RESIDENT_BYTES", 0)
    reviews = written(tmp_path, of_one_word(7))
    with (tmp_path / "split.arrow").open("r+b") as file:
        file.truncate(600)
    with pytest.raises(DataError, match="split.arrow: found fewer bytes"):
        reviews.tokens_of(np.arange(20))


def test_an_open_file_is_closed_with_its_last_user(tmp_path: Path) -> None:
    tokens = of_one_word(7)
    written(tmp_path, tokens)
    before = psutil.Process().num_fds()
    for _ in range(3):
        written(tmp_path, tokens)
    assert psutil.Process().num_fds() == before


def test_a_file_that_was_replaced_is_read_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpadded, "RESIDENT_BYTES", 0)
    reviews = written(tmp_path, of_one_word(7))
    written(tmp_path, of_one_word(9))
    assert np.unique(reviews.tokens_of(np.arange(20)).values).tolist() == [7]
    assert np.unique(reviews.tokens_between(0, 20).values).tolist() == [7]
