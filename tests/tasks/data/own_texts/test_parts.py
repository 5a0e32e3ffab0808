"""Which part each review of own texts belongs to, and the order within a part."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.data.own_texts import first_pass, parts
from tasks.data.own_texts.parts import IN_TEST, fair_parts, spread
from tasks.data.parquet import read_column
from tasks.data.training_reviews import validation_start
from tasks.errors import DataError
from tasks.fetch import fetch
from tasks.prepare import prepare
from tasks.results.data import Dataset, Survey, TextData
from tests.tasks.data.own_texts.forms import Row, reviews, write_csv


def hashes(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**64, count, np.uint64)


@settings(deadline=None)
@given(st.integers(5, 400), st.integers(1, 399), st.sampled_from([0.1, 0.2, 0.5]), st.integers(0, 99))
def test_each_part_has_its_share_of_both_labels(count: int, positive: int, share: float, seed: int) -> None:
    labels = (np.arange(count) < min(positive, count - 1)).astype(np.uint8)
    found = fair_parts(hashes(count, seed), labels, share)
    for label in (0, 1):
        of_label = found[labels == label]
        if len(of_label) > 1:
            in_test = np.count_nonzero(of_label == IN_TEST)
            assert 1 <= in_test < len(of_label)
            if len(of_label) > 10:
                assert in_test == pytest.approx(share * len(of_label), abs=1)


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(0, 99))
def test_units_stay_together_and_no_order_of_rows_matters(units: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    of_rows = random.choice(hashes(units, seed), 4 * units)
    labels = random.integers(0, 2, len(of_rows)).astype(np.uint8)
    found = fair_parts(of_rows, labels, 0.25)
    for unit in np.unique(of_rows):
        assert len(np.unique(found[of_rows == unit])) == 1
        assert len(np.unique(spread(of_rows, labels)[of_rows == unit])) == 1
    order = random.permutation(len(of_rows))
    np.testing.assert_array_equal(fair_parts(of_rows[order], labels[order], 0.25), found[order])


@pytest.mark.parametrize("big", range(3))
def test_a_unit_of_most_reviews_is_for_training(big: int) -> None:
    units = np.repeat(np.arange(3, dtype=np.uint64), [90 if unit == big else 5 for unit in range(3)])
    found = fair_parts(units, np.tile([0, 1], 50).astype(np.uint8), 0.2)
    assert 5 <= np.count_nonzero(found == IN_TEST) <= 10
    assert not found[units == big].any()


def test_of_many_reviews_the_hash_alone_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    units, labels = hashes(2_000, 1), (np.arange(2_000) < 30).astype(np.uint8)
    monkeypatch.setattr(parts, "MANY", 1_000)
    found = fair_parts(units, labels, 0.2)
    assert ((units < 2**64 / 5) == (found == IN_TEST))[30:].all()
    assert np.count_nonzero(found[:30]) == 6


def prepared(path: Path, folder: Path, **options: str) -> Dataset:
    source = fetch(TextData((path,), **options), "auto", folder / "cache")
    return prepare(source, 200, 20, None, folder / "data")


def survey_of(dataset: Dataset) -> Survey:
    assert dataset.source.survey
    return dataset.source.survey


def test_rare_labels_are_in_every_part(tmp_path: Path) -> None:
    rows = [row._replace(label=int(place < 4)) for place, row in enumerate(reviews(200))]
    dataset = prepared(write_csv(tmp_path / "rare.csv", rows), tmp_path)
    start = validation_start(dataset.train, 0.2)
    labels = read_column(dataset.train.path, "label")
    assert (dataset.train.positive, dataset.test.positive) == (3, 1)
    assert (labels[:start].sum(), labels[start:].sum()) == (2, 1)


def test_the_words_are_those_of_the_fair_training_part(tmp_path: Path) -> None:
    rows = [Row(f"word{place} all", int(place % 10 == 0)) for place in range(150)]
    dataset = prepared(write_csv(tmp_path / "words.csv", rows), tmp_path)
    table = pq.read_table(survey_of(dataset).reviews)
    in_training = table["part"].to_numpy() == parts.IN_TRAIN
    counts = pq.read_table(survey_of(dataset).words)
    expected = {f"word{place}": 1 for place in np.flatnonzero(in_training)} | {"all": int(in_training.sum())}
    assert dict(zip(counts["word"].to_pylist(), counts["count"].to_pylist(), strict=True)) == expected
    assert in_training.sum() == dataset.train.reviews == 120


def grouped(path: Path, groups: list[str]) -> Path:
    rows = [f"text {place},{place % 2},{group}" for place, group in enumerate(groups)]
    path.write_text("text,label,author\n" + "\n".join(rows) + "\n")
    return path


def test_groups_are_split_neither_between_the_parts_nor_from_validation(tmp_path: Path) -> None:
    authors = [f"author {place % 17}" for place in range(300)]
    dataset = prepared(grouped(tmp_path / "groups.csv", authors), tmp_path, group_column="author")
    table = pq.read_table(survey_of(dataset).reviews)
    start = validation_start(dataset.train, 0.2)
    part = np.where(table["part"].to_numpy() == IN_TEST, 2, table["place"].to_numpy() >= start)
    of_author: dict[str, set[int]] = {}
    for author, where in zip(authors, part.tolist(), strict=True):
        of_author.setdefault(author, set()).add(where)
    assert all(len(where) == 1 for where in of_author.values())
    assert {where for each in of_author.values() for where in each} == {0, 1, 2}
    assert 0.1 < (dataset.train.reviews - start) / dataset.train.reviews < 0.3


def test_rows_without_a_group_stand_alone(tmp_path: Path) -> None:
    dataset = prepared(grouped(tmp_path / "none.csv", ["", " "] * 50), tmp_path, group_column="author")
    assert (dataset.train.reviews, dataset.test.reviews) == (80, 20)
    assert validation_start(dataset.train, 0.25) == 60


def test_equal_texts_are_not_split_by_validation(tmp_path: Path) -> None:
    rows = [row for row in reviews(40) for _ in range(5)]
    dataset = prepared(write_csv(tmp_path / "five.csv", rows), tmp_path)
    for share in (0.1, 0.2, 0.33):
        assert validation_start(dataset.train, share) % 5 == 0


def test_a_missing_column_of_groups_is_named(tmp_path: Path) -> None:
    path = grouped(tmp_path / "groups.csv", ["a"] * 9)
    with pytest.raises(DataError, match="no column 'writer'.*name the right one with --group-column"):
        prepared(path, tmp_path, group_column="writer")


def test_what_repeats_is_counted(tmp_path: Path) -> None:
    rows = [*reviews(60), Row("Same text.", 0), Row("Same text.", 1), Row("same <br /> TEXT", 1)]
    train, test = write_csv(tmp_path / "a.csv", rows), write_csv(tmp_path / "b.csv", [*rows[:5], Row("SAME  text", 0)])
    survey = fetch(TextData((train,), (test,)), "auto", tmp_path / "cache").survey
    assert survey
    assert (survey.repeated, survey.shared, survey.alike, survey.contradicting) == (1, 5, 6, 2)


def test_texts_that_hold_no_separator_are_counted(tmp_path: Path) -> None:
    rows = [Row(chr(0x0F40) * first_pass.LONG_WORD + chr(0x0F41 + place), place % 2) for place in range(20)]
    survey = fetch(TextData((write_csv(tmp_path / "a.csv", [*rows, *reviews(20)]),)), "auto", tmp_path / "cache").survey
    assert survey
    assert 12 <= survey.unseparated <= 20
