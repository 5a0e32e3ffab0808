"""Datasets with fewer reviews to train on."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tasks.data.imdb_npz import read_imdb_npz
from tasks.data.parquet import read_column
from tasks.data.subsets import rows_of
from tasks.data.tokenizer import split_words
from tasks.data.tokens import Tokens, keras_shuffles
from tasks.data.training_reviews import validation_start
from tasks.data.unpadded import UnpaddedReviews
from tasks.fetch import fetch
from tasks.prepare import prepare
from tasks.results.data import UNICODE_RULES, Dataset, Source, Split, TextData
from tasks.subset import subset, subset_record
from tests.fixtures.trained import small_job
from tests.tasks.data.own_texts.forms import Row, write_csv

VALIDATION, SIZE = 0.25, 30  # Of 120 reviews, 90 are to train on.


def tokens_of(split: Split, first: int = 0) -> Tokens:
    """The tokens of a split's reviews."""
    reviews = UnpaddedReviews.read(split.unpadded)
    return reviews.tokens_between(first, len(reviews))


def words_of(dataset: Dataset, split: Split, first: int = 0) -> list[list[str]]:
    """The words of a split's reviews, as a network reads them; "?" for unknown ones."""
    by_rank = {rank: word for word, rank in json.loads(dataset.vocabulary.read_text()).items()}
    tokens = tokens_of(split, first)
    rows = [tokens.review(row).tolist() for row in range(len(tokens))]
    return [[by_rank[token - 3] if token > 2 else "?" for token in row if token != 1] for row in rows]


def made(dataset: Dataset, size: int = SIZE, of: str = "subset", validation: float = VALIDATION) -> Dataset:
    """The subset, kept beside its dataset."""
    return subset.keep(dataset, validation, size, of, dataset.folder.parent)


def fitted(dataset: Dataset, size: int = SIZE) -> np.ndarray:
    """The places of a subset's reviews in the whole training part."""
    labels = UnpaddedReviews.read(dataset.train.unpadded).labels
    return rows_of(labels, validation_start(dataset.train, VALIDATION), size, 0).fitted


def test_with_the_runs_vocabulary_the_tokens_are_those_of_the_run(dataset: Dataset) -> None:
    small = made(dataset, of="all")
    whole, ours = tokens_of(dataset.train), tokens_of(small.train)
    rows = [*fitted(dataset).tolist(), *range(90, 120)]
    assert [ours.review(i).tolist() for i in range(len(ours))] == [whole.review(row).tolist() for row in rows]
    assert small.test.sha256 != ""
    assert tokens_of(small.test).values.tolist() == tokens_of(dataset.test).values.tolist()
    assert small.vocabulary.read_bytes() == dataset.vocabulary.read_bytes()
    assert small.test.unknown_rate == dataset.test.unknown_rate


@pytest.mark.parametrize("of", ["subset", "all"])
def test_validation_and_test_part_are_the_same_reviews_in_the_same_order(dataset: Dataset, of: str) -> None:
    small = made(dataset, of=of)
    for column in ("review_id", "label", "length"):
        assert read_column(small.train.path, column)[SIZE:].tolist() == (
            read_column(dataset.train.path, column)[90:].tolist()
        )
        assert read_column(small.test.path, column).tolist() == read_column(dataset.test.path, column).tolist()


@pytest.mark.parametrize("share", [0.1, 0.25, 0.9])
def test_validation_begins_behind_the_subset_whatever_share_a_plan_holds_out(dataset: Dataset, share: float) -> None:
    job = small_job(made(dataset), dataset.folder)
    assert validation_start(job.dataset.train, share) == SIZE
    assert job.validation_start == SIZE
    job.check()


def test_the_vocabulary_of_an_npz_is_counted_in_whole_reviews(dataset: Dataset, npz: Path) -> None:
    train, _ = read_imdb_npz(npz)
    order = keras_shuffles(120, 60)[0][fitted(dataset)]
    ranks = [rank for row in order for rank in train.ranks[train.offsets[row] : train.offsets[row + 1]].tolist()]
    ranked = sorted(Counter(ranks).items(), key=lambda item: (-item[1], item[0]))
    new = {old: rank for rank, (old, _) in enumerate(ranked, 1)}
    small = made(dataset)
    tokens = tokens_of(small.train)
    for row, place in enumerate(order):
        review = train.ranks[train.offsets[place] : train.offsets[place + 1]].tolist()
        expected = [1, *(new[rank] + 3 if new[rank] + 3 < 50 else 2 for rank in review)][-30:]
        assert tokens.review(row).tolist() == expected
    assert small.test.unknown_rate > 0


def test_a_word_that_the_subset_lacks_is_unknown_even_if_the_vocabulary_has_room(dataset: Dataset) -> None:
    small = made(dataset, 2)
    assert tokens_of(small.train).values[: tokens_of(small.train).offsets[2]].min() >= 1
    assert small.test.unknown_rate > made(dataset, 60).test.unknown_rate


def texts(folder: Path) -> Dataset:
    """Own texts whose words depend on the review; the longest are cut."""
    rows = [Row(f"w{n % 7} {'good' if n % 2 else 'bad'} " * (1 + n % 9) + f"x{n} the", n % 2) for n in range(90)]
    source = fetch.keep(TextData((write_csv(folder / "r.csv", rows),)), "auto", folder / "cache")
    return prepare.keep(source, 12, 8, None, folder / "data")


def test_the_vocabulary_of_own_texts_is_that_of_the_subsets_whole_texts(tmp_path: Path) -> None:
    dataset = texts(tmp_path)
    small = made(dataset, 20)
    assert dataset.source.survey
    ids = read_column(dataset.train.path, "review_id")[fitted(dataset, 20)]
    table = pq.read_table(dataset.source.survey.reviews).to_pydict()
    lines = (tmp_path / "r.csv").read_text().splitlines()[1:]
    written = [line.split(",")[1] for line in lines]
    chosen = [text for text, part, place in zip(written, table["part"], table["place"], strict=True)
              if part == 0 and place in set(ids.tolist())]  # fmt: skip
    assert len(chosen) == 20
    counts = Counter(split_words(chosen, UNICODE_RULES).words.to_pylist())
    index = json.loads((dataset.word_index or Path()).read_text())
    expected = sorted(counts, key=lambda word: (-counts[word], index[word]))
    assert list(json.loads(small.vocabulary.read_text())) == expected[:8]
    assert list(json.loads((small.word_index or Path()).read_text()))[: len(expected)] == expected
    assert set(json.loads((small.word_index or Path()).read_text())) == set(index)


def test_of_own_texts_validation_and_test_part_stay_the_same(tmp_path: Path) -> None:
    dataset = texts(tmp_path)
    start = validation_start(dataset.train, VALIDATION)
    for of in ("subset", "all"):
        small = made(dataset, 20, of)
        lengths = read_column(small.train.path, "length")
        assert lengths[20:].tolist() == read_column(dataset.train.path, "length")[start:].tolist()
        assert lengths[:20].tolist() == read_column(dataset.train.path, "length")[fitted(dataset, 20)].tolist()
        assert read_column(small.test.path, "label").tolist() == read_column(dataset.test.path, "label").tolist()
        for first, second in ((words_of(dataset, dataset.test), words_of(small, small.test)),
                              (words_of(dataset, dataset.train, start), words_of(small, small.train, 20))):  # fmt: skip
            assert all(
                "?" in pair or pair[0] == pair[1]
                for ours, theirs in zip(first, second, strict=True)
                for pair in zip(ours, theirs, strict=True)
            )
        assert (first == second) == (of == "all")
        assert validation_start(small.train, 0.4) == 20


def test_limited_reviews_stay_limited(source: Source, tmp_path: Path) -> None:
    limited = prepare.keep(source, 50, 30, 40, tmp_path / "data")
    small = made(limited, 10)
    assert (small.train.reviews, small.test.reviews) == (20, 40)
    ids = read_column(limited.train.path, "review_id").tolist()
    assert set(read_column(small.train.path, "review_id").tolist()) <= set(ids)


def test_everything_that_decides_the_tokens_is_in_the_key_and_the_rest_is_reused(dataset: Dataset) -> None:
    first = made(dataset)
    before = first.train.path.stat().st_mtime_ns
    assert made(dataset) == first
    assert first.train.path.stat().st_mtime_ns == before
    others = [made(dataset, 31), made(dataset, of="all"), made(dataset, validation=0.5)]
    assert len({first.fingerprint, dataset.fingerprint, *(other.fingerprint for other in others)}) == 5
    assert first.folder == dataset.folder.parent / first.fingerprint
    record = subset_record(dataset, VALIDATION, SIZE, "subset", dataset.folder.parent)
    first.test.path.unlink()
    assert record.read() is None
    assert made(dataset) == first
