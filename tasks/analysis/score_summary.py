"""Summarizes scored rows batch by batch: their distribution, and the most and the least certain rows."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.data.scoring.scored_file import ScoredPart
from tasks.results.scoring import BINS, ScoredText

EXTREME_ROWS, EXCERPT_CHARACTERS = 5, 160
RowKey = Callable[[NDArray[np.float32]], NDArray[np.float32]]


class ScoreSummary:
    """The summary of all batches so far; rows with a probability above the threshold are positive."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self.rows = self.positive = self.truncated = self._words = self._unknown = 0
        self._histogram = np.zeros(BINS, np.int64)
        self.negative_most = _SmallestRows(lambda probability: probability)
        self.positive_most = _SmallestRows(lambda probability: -probability)
        self.least_sure = _SmallestRows(lambda probability: np.abs(probability - np.float32(threshold)))

    def add(self, part: ScoredPart, texts: pa.LargeStringArray) -> None:
        """Add a batch and its texts."""
        for best in (self.negative_most, self.positive_most, self.least_sure):
            best.add(part.probability, texts, self.rows)
        self.rows += len(part)
        self.positive += int(np.count_nonzero(part.probability > self._threshold))
        self.truncated += int(np.count_nonzero(part.truncated))
        self._words += int(part.words.sum())
        self._unknown += int(part.unknown.sum())
        bins = np.minimum((part.probability * BINS).astype(int), BINS - 1)
        self._histogram += np.bincount(bins, minlength=BINS)

    @property
    def histogram(self) -> tuple[int, ...]:
        """The number of rows in each of several equal bins of probability from 0 to 1."""
        return tuple(self._histogram.tolist())

    @property
    def unknown_share(self) -> float:
        """The share of all words that the vocabulary lacks."""
        return self._unknown / self._words if self._words else 0.0


class _SmallestRows:
    """The rows with the smallest values of a function of the probability, the smallest first; earlier rows win ties."""

    def __init__(self, key: RowKey) -> None:
        self._key = key
        self._kept: list[tuple[float, ScoredText]] = []

    def add(self, probability: NDArray[np.float32], texts: pa.LargeStringArray, before: int) -> None:
        keys = self._key(probability)
        for row in np.argsort(keys, kind="stable")[:EXTREME_ROWS].tolist():
            text = ScoredText(
                before + row + 1, round(float(probability[row]), 6), texts[row].as_py()[:EXCERPT_CHARACTERS]
            )
            self._kept.append((float(keys[row]), text))
        self._kept = sorted(self._kept, key=lambda kept: (kept[0], kept[1].row))[:EXTREME_ROWS]

    def texts(self) -> tuple[ScoredText, ...]:
        """The rows so far."""
        return tuple(text for _, text in self._kept)
