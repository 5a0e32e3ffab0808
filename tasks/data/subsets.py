"""Subsets of the reviews to train on: nested, in fair shares of both labels, with a vocabulary of their own."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tasks.data.own_texts.parts import IN_TEST, IN_TRAIN
from tasks.data.tokens import OFFSET
from tasks.results.data import Survey

SEED = 25
LEFT_OUT = 255  # The part of a review that a subset leaves out.


def nested_order(labels: NDArray[np.integer]) -> NDArray[np.int64]:
    """An order of reviews each of whose beginnings has its share of both labels, to within one review.

    A subset is a beginning of this order, so that each subset contains all smaller ones.

    Args:
        labels: 0 or 1, shape (reviews,).
    """
    random = np.random.default_rng(SEED)
    places = np.empty(len(labels))
    for label in np.unique(labels):
        its_rows = np.flatnonzero(labels == label)
        places[its_rows] = (random.permutation(len(its_rows)) + 0.5) / len(its_rows)
    return np.lexsort((labels, places))


class Ranking(NamedTuple):
    """New ranks for words, by their frequency in a subset.

    Attributes:
        old: the old ranks of the subset's words, ascending, shape (words,).
        new: their new ranks, 1 for the most frequent word, shape (words,).
        beyond: what every other word gets, and those that follow it in a word index; outside the vocabulary.
    """

    old: NDArray[np.integer]
    new: NDArray[np.int32]
    beyond: int

    @classmethod
    def by_frequency(cls, old: NDArray[np.integer], counts: NDArray[np.integer], vocabulary_size: int) -> "Ranking":
        """Rank words anew, the most frequent first, equally frequent ones in their old order.

        Args:
            old: the old ranks of the subset's words, ascending, shape (words,).
            counts: how often each of them occurs in the subset, shape (words,).
            vocabulary_size: number of different tokens.
        """
        new = np.empty(len(old), np.int32)
        new[np.lexsort((old, -counts))] = np.arange(1, len(old) + 1)
        return cls(old, new, max(len(old) + 1, vocabulary_size - OFFSET))

    def of(self, ranks: NDArray[np.integer]) -> NDArray[np.int32]:
        """The new ranks of words with these old ranks."""
        if not len(self.old):
            return np.full(len(ranks), self.beyond, np.int32)
        places = np.minimum(np.searchsorted(self.old, ranks), len(self.old) - 1)
        return np.where(self.old[places] == ranks, self.new[places], np.int32(self.beyond))

    def of_index(self, index: Mapping[str, int]) -> dict[str, int]:
        """A word index with the new ranks, the most frequent word first; no two words without one share a rank."""
        words = sorted(index, key=index.__getitem__)
        ranks = self.of(np.fromiter((index[word] for word in words), np.int64, len(words))).astype(np.int64)
        is_other = ranks == self.beyond
        ranks[is_other] += np.arange(np.count_nonzero(is_other))
        order = np.argsort(ranks, kind="stable")
        return {words[place]: int(ranks[place]) for place in order}


class Rows(NamedTuple):
    """The places of a subset's reviews in the parts of its dataset: those to fit, those to validate on, the test's."""

    fitted: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: int

    @property
    def train(self) -> NDArray[np.int64]:
        """The places of the whole training part."""
        return np.concatenate([self.fitted, self.validation])

    @property
    def unit_starts(self) -> NDArray[np.int32]:
        """Where validation can begin: exactly behind the reviews to fit, whatever share a plan holds out."""
        return np.array([0, len(self.fitted)], np.int32)


def rows_of(labels: NDArray[np.integer], start: int, size: int, test: int) -> Rows:
    """The places of the reviews of a subset of `size` reviews, each part in its old order.

    Args:
        labels: of the whole training part, shape (reviews,).
        start: the first validation review.
        size: the number of reviews to fit.
        test: the number of test reviews.
    """
    return Rows(np.sort(nested_order(labels[:start])[:size]), np.arange(start, len(labels)), test)


def survey_of(survey: Survey, rows: Rows, path: Path) -> Survey:
    """The survey of a subset of own texts, written to `path`: what it leaves out is in neither part."""
    table = pq.read_table(survey.reviews)
    parts, places = (table[name].to_numpy().copy() for name in ("part", "place"))
    new_places = np.full(max(int(places.max(initial=0)), len(rows.train)) + 1, -1, places.dtype)
    new_places[rows.train] = np.arange(len(rows.train))
    is_train, is_test = parts == IN_TRAIN, parts == IN_TEST
    places[is_train] = new_places[places[is_train]]
    parts[(is_train & (places < 0)) | (is_test & (places >= rows.test))] = LEFT_OUT
    columns = {"part": parts, "place": places, "starts_unit": np.isin(places, rows.unit_starts)}
    for name, values in columns.items():
        position = table.schema.get_field_index(name)
        table = table.set_column(position, name, pa.array(values))
    pq.write_table(table, path)
    return replace(survey, reviews=path, train=len(rows.train), test=rows.test)
