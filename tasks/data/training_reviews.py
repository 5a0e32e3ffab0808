"""The training reviews, and the batches of an epoch."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.data.unpadded import UnpaddedReviews
from tasks.results.data import Split


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
        reviews: all of them, without padding.
        validation_start: the first review to validate on.
    """

    reviews: UnpaddedReviews
    validation_start: int

    @classmethod
    def read(cls, split: Split, validation_start: int) -> "TrainingReviews":
        """The reviews of a prepared split."""
        return cls(UnpaddedReviews.read(split.unpadded), validation_start)

    def validation_parts(self) -> Iterator[NDArray[np.unsignedinteger]]:
        """Tokens of the reviews to validate on, shape (reviews, timesteps), in parts."""
        return self.reviews.parts(self.validation_start)

    @property
    def validation_labels(self) -> NDArray[np.integer]:
        """Labels of the reviews to validate on, 0 or 1."""
        return self.reviews.labels[self.validation_start :]

    @property
    def words_per_epoch(self) -> int:
        """How many words, start tokens included, an epoch reads."""
        return int(self.reviews.counts[: self.validation_start].sum())

    def batch_count(self, batch_size: int) -> int:
        """How many batches an epoch has; the last one may be smaller."""
        return -(-self.validation_start // batch_size)

    def batches(self, batch_size: int, seed: int, epoch: int) -> Iterator[Batch]:
        """The epoch's batches in an order that `seed` and `epoch` alone decide, so that a resumed run repeats it."""
        order = np.random.default_rng([seed, epoch]).permutation(self.validation_start)
        for start in range(0, self.validation_start, batch_size):
            rows = order[start : start + batch_size]
            yield Batch(self.reviews.tokens_of(rows), self.reviews.labels[rows])
