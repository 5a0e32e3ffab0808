"""Slices of made-up test reviews."""

import numpy as np
import pytest

from tasks.analysis.gate import accuracy_of_slices, slices_by_length, slices_by_value


def test_slices_by_length_part_the_reviews() -> None:
    lengths = np.random.default_rng(0).integers(10, 500, 1_000)
    slices = slices_by_length(lengths)
    assert len(slices) == 5
    assert np.sum(list(slices.values()), axis=0).tolist() == [1] * 1_000
    assert slices_by_length(np.full(7, 30)) == {"30 to 30 words": pytest.approx(np.ones(7, bool))}


def test_each_of_a_few_values_is_a_slice() -> None:
    slices = slices_by_value("genre", ["drama", "horror", "drama\x1b", "", " "])
    assert {name: rows.tolist() for name, rows in slices.items()} == {
        "genre: none": [False, False, False, True, True],
        "genre: drama": [True, False, True, False, False],
        "genre: horror": [False, True, False, False, False],
    }


def test_many_numbers_are_cut_into_fifths() -> None:
    slices = slices_by_value("stars", [f"{number / 10}" for number in range(100)])
    assert [int(rows.sum()) for rows in slices.values()] == [20] * 5
    assert next(iter(slices)) == "stars: 0 to 1.9"


def test_the_rarest_of_many_names_share_a_slice() -> None:
    names = [f"film {number}" for number in range(100)] + ["film 7"] * 50
    slices = slices_by_value("title", names)
    assert len(slices) == 20
    assert int(slices["title: film 7"].sum()) == 51
    assert np.sum(list(slices.values()), axis=0).tolist() == [1] * 150
    assert any("81 rarer values" in name for name in slices)


def test_a_slice_has_its_own_accuracy_and_interval() -> None:
    right = np.array([True, True, False, True])
    parts = accuracy_of_slices(right, {"all": np.ones(4, bool), "last": np.arange(4) > 1})
    assert [(part.name, part.reviews, part.accuracy.value) for part in parts] == [("all", 4, 0.75), ("last", 2, 0.5)]
    assert parts[1].accuracy.low < 0.5 < parts[1].accuracy.high
