"""Slices: parts of the test set in which a candidate may be worse although it is better as a whole."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.analysis.statistics import proportion
from tasks.data.contents import column_of_test
from tasks.data.parquet import read_column
from tasks.results.card import SliceAccuracy
from tasks.results.data import Dataset

RANGES, MOST_VALUES, LONGEST_NAME = 5, 20, 60
Flags = NDArray[np.bool_]
Slices = dict[str, Flags]


def slices_of_test(dataset: Dataset, columns: Sequence[str]) -> Slices:
    """The slices of a dataset's test reviews, in the order of its test split: by length, and by columns of own texts.

    Raises:
        DataError: the data have no such column, or were changed.
    """
    slices = slices_by_length(read_column(dataset.test.path, "length"))
    for column in columns:
        slices |= slices_by_value(column, column_of_test(dataset, column))
    return slices


def slices_by_length(lengths: NDArray[np.integer]) -> Slices:
    """Fifths of the reviews by length, by name; fewer where lengths repeat. Lengths count words, shape (reviews,)."""
    return {f"{lengths[rows].min()} to {lengths[rows].max()} words": rows for rows in _ranges(lengths)}


def slices_by_value(column: str, values: Sequence[str]) -> Slices:
    """A slice for each value; of more than 20 numbers their fifths, of more than 20 names the rarest as one slice.

    Args:
        column: name of the column.
        values: of each review, as the file writes them; empty where it has none.
    """
    written = np.array([_shown(value) for value in values], object)
    counts = Counter(written)
    if len(counts) <= MOST_VALUES:
        return {_named(column, value): written == value for value in sorted(counts)}
    numbers = _numbers(written)
    if numbers is not None:
        return {f"{column}: {numbers[rows].min():g} to {numbers[rows].max():g}": rows for rows in _ranges(numbers)}
    frequent = [value for value, _ in counts.most_common(MOST_VALUES - 1)]
    slices = {_named(column, value): written == value for value in sorted(frequent)}
    return slices | {f"{column}: {len(counts) - len(frequent)} rarer values": ~np.isin(written, frequent)}


def accuracy_of_slices(right: Flags, slices: Slices) -> tuple[SliceAccuracy, ...]:
    """The accuracy of a network on each slice; `right`: on which reviews it is right, shape (reviews,)."""
    return tuple(
        SliceAccuracy(name, int(rows.sum()), proportion(int(right[rows].sum()), int(rows.sum())))
        for name, rows in slices.items()
    )


def _named(column: str, value: str) -> str:
    return f"{column}: {value or 'none'}"


def _shown(value: str) -> str:
    """A value for people: short, on one line."""
    return "".join(character if character.isprintable() else " " for character in value).strip()[:LONGEST_NAME]


def _numbers(values: NDArray[np.object_]) -> NDArray[np.float64] | None:
    """The values as numbers; None if one is no finite number."""
    try:
        numbers = np.array([float(value) for value in values])
    except ValueError:
        return None
    return numbers if np.isfinite(numbers).all() else None


def _ranges(numbers: NDArray[np.integer] | NDArray[np.floating]) -> list[Flags]:
    """Fifths of the reviews by a number; fewer where numbers repeat."""
    edges = np.unique(np.quantile(numbers, np.linspace(0, 1, RANGES + 1)))
    bins = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, max(len(edges) - 2, 0))
    return [bins == number for number in np.unique(bins)]
