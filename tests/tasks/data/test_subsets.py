"""Subsets of reviews: nested, stratified, with ranks of their own."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.data.subsets import LEFT_OUT, Ranking, nested_order, rows_of, survey_of
from tasks.results.data import Survey


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 1), min_size=1, max_size=200))
def test_each_beginning_has_both_labels_shares_to_within_one_review(labels: list[int]) -> None:
    order = nested_order(np.array(labels))
    assert sorted(order.tolist()) == list(range(len(labels)))
    positive = np.cumsum(np.array(labels)[order])
    sizes = np.arange(1, len(labels) + 1)
    assert np.all(np.abs(positive - sizes * np.mean(labels)) <= 1)


def test_the_order_is_the_same_each_time_and_not_that_of_the_reviews() -> None:
    labels = np.arange(100) % 2
    order = nested_order(labels)
    assert order.tolist() == nested_order(labels).tolist()
    assert sorted(order[:20].tolist()) != list(range(20))


def test_larger_subsets_contain_smaller_ones_and_keep_validation() -> None:
    labels = np.arange(50) % 2
    small, large = rows_of(labels, 40, 6, 7), rows_of(labels, 40, 20, 7)
    assert set(small.fitted) < set(large.fitted)
    assert small.train.tolist() == [*sorted(small.fitted.tolist()), *range(40, 50)]
    assert (large.unit_starts.tolist(), large.test) == ([0, 20], 7)


def test_words_are_ranked_by_frequency_and_ties_by_their_old_rank() -> None:
    ranking = Ranking.by_frequency(np.array([2, 5, 7]), np.array([1, 4, 1]), vocabulary_size=9)
    assert ranking.of(np.array([5, 2, 7, 1, 6, 100])).tolist() == [1, 2, 3, 6, 6, 6]  # 6 and 3 are 9: outside.


def test_words_of_the_index_that_the_subset_lacks_follow_in_their_old_order() -> None:
    ranking = Ranking.by_frequency(np.array([2, 5]), np.array([1, 4]), vocabulary_size=9)
    index = {"rare": 9, "the": 1, "a": 2, "film": 5}
    assert list(ranking.of_index(index).items()) == [("film", 1), ("a", 2), ("the", 6), ("rare", 7)]


def test_without_a_word_all_are_unknown() -> None:
    ranking = Ranking.by_frequency(np.array([], np.int32), np.array([], np.int64), 9)
    assert ranking.of(np.array([1, 2])).tolist() == [6, 6]


def test_what_a_subset_leaves_out_is_in_no_part(tmp_path: Path) -> None:
    path = tmp_path / "all.parquet"
    columns = {"part": [0, 1, 0, 0, 1, 0], "place": [2, 0, 0, 3, 1, 1], "label": [0, 1, 0, 1, 0, 1]}
    types = {"part": pa.uint8(), "place": pa.int32(), "label": pa.uint8()}
    arrays = {name: pa.array(values, types[name]) for name, values in columns.items()}
    pq.write_table(pa.table({**arrays, "starts_unit": pa.array([True] * 6)}), path)
    survey = Survey(path, "", tmp_path, "", "", 4, 2, 0, 0)
    rows = rows_of(np.array([0, 1, 0, 1]), 3, 2, 1)
    found = survey_of(survey, rows, tmp_path / "some.parquet")
    table = pq.read_table(found.reviews).to_pydict()
    kept = dict(zip(rows.train.tolist(), range(3), strict=True))
    expected = [kept.get(place) if part == 0 else None for part, place in zip(*list(columns.values())[:2], strict=True)]
    for part, place, wanted in zip(table["part"], table["place"], expected, strict=True):
        if part == 0:
            assert place == wanted
    assert [part for part in table["part"] if part == 0] == [0] * 3
    assert table["part"][1] == 1
    assert table["part"][4] == LEFT_OUT  # The dataset has one test review only.
    assert (found.train, found.test) == (3, 1)
