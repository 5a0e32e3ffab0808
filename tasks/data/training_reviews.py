"""The training reviews, and the batches of an epoch."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.data.tokens import Tokens
from tasks.data.unpadded import UnpaddedReviews
from tasks.results.data import Split


def validation_start(reviews: int, share: float) -> int:
    """The index of the first validation review; the last `share` of the training reviews is held out for validation."""
    return int(reviews * (1 - share))


class Batch(NamedTuple):
    """The reviews of one training step: their tokens, and labels 0 or 1, shape (reviews,)."""

    tokens: Tokens
    labels: NDArray[np.integer]


@dataclass(frozen=True)
class TrainingReviews:
    """The training split: reviews to fit, followed by validation reviews.

    Attributes:
        reviews: all reviews, without padding.
        validation_start: the first validation review.
    """

    reviews: UnpaddedReviews
    validation_start: int

    @classmethod
    def read(cls, split: Split, validation_start: int) -> "TrainingReviews":
        """Open the reviews of a prepared split."""
        return cls(UnpaddedReviews.read(split.unpadded), validation_start)

    @property
    def validation_labels(self) -> NDArray[np.integer]:
        """Labels of the validation reviews, 0 or 1."""
        return self.reviews.labels[self.validation_start :]

    @property
    def words_per_epoch(self) -> int:
        """The number of words that training reads in an epoch; start tokens count as words."""
        return int(self.reviews.counts[: self.validation_start].sum())

    def batch_count(self, batch_size: int) -> int:
        """The number of batches in an epoch; the last one may be smaller."""
        return -(-self.validation_start // batch_size)

    def batches(self, batch_size: int, seed: int, epoch: int) -> Iterator[Batch]:
        """Yield an epoch's batches in an order that depends only on `seed` and `epoch`, even in a resumed run."""
        order = np.random.default_rng([seed, epoch]).permutation(self.validation_start)
        for start in range(0, self.validation_start, batch_size):
            rows = order[start : start + batch_size]
            yield Batch(self.reviews.tokens_of(rows), self.reviews.labels[rows])
