"""Training reviews in memory, and the batches of an epoch."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.data.parquet import read_column, read_tokens


def validation_start(reviews: int, share: float) -> int:
    """The first of the training reviews that are held out for validation: the last `share` of them."""
    return int(reviews * (1 - share))


class Batch(NamedTuple):
    """Reviews of one training step: tokens (reviews, timesteps), labels of 0 or 1 (reviews,)."""

    tokens: NDArray[np.unsignedinteger]
    labels: NDArray[np.integer]


@dataclass(frozen=True)
class TrainingReviews:
    """The training split, cut into reviews to fit and, behind them, reviews to validate on.

    Attributes:
        tokens: shape (reviews, timesteps), in the smallest unsigned type.
        labels: 0 or 1, shape (reviews,).
        validation_start: the first review to validate on.
    """

    tokens: NDArray[np.unsignedinteger]
    labels: NDArray[np.integer]
    validation_start: int

    @classmethod
    def read(cls, path: Path, validation_start: int) -> "TrainingReviews":
        """The reviews of a prepared split."""
        return cls(read_tokens(path), read_column(path, "label"), validation_start)

    @property
    def validation(self) -> Batch:
        """The reviews to validate on."""
        held_out = slice(self.validation_start, None)
        return Batch(self.tokens[held_out], self.labels[held_out])

    @property
    def words_per_epoch(self) -> int:
        """How many words, start tokens included, an epoch reads."""
        return int(np.count_nonzero(self.tokens[: self.validation_start]))

    def batch_count(self, batch_size: int) -> int:
        """How many batches an epoch has; the last one may be smaller."""
        return -(-self.validation_start // batch_size)

    def batches(self, batch_size: int, seed: int, epoch: int) -> Iterator[Batch]:
        """The epoch's batches in an order that `seed` and `epoch` alone decide, so that a resumed run repeats it."""
        order = np.random.default_rng([seed, epoch]).permutation(self.validation_start)
        for start in range(0, self.validation_start, batch_size):
            rows = order[start : start + batch_size]
            yield Batch(self.tokens[rows], self.labels[rows])
