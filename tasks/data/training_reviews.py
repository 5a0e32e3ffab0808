"""The training reviews, and the batches of an epoch."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.data.tokens import Tokens
from tasks.data.unpadded import UnpaddedReviews, read_unit_starts
from tasks.results.data import Split
from tasks.results.training import ClassWeight


def validation_start(split: Split, share: float) -> int:
    """The index of the first validation review; the last `share` of the training reviews is held out for validation.

    Reviews that must not be split, such as equal texts, stay in one part. Then the share is as near as can be.
    """
    start = int(split.reviews * (1 - share))
    units = read_unit_starts(split.unpadded)
    if units is None:
        return start
    later = units[1:] if len(units) > 1 else units  # Some reviews must be left to train on.
    return int(later[np.argmin(np.abs(later - start))])


def balanced_weights(labels: NDArray[np.integer]) -> NDArray[np.float32]:
    """Weights with which both labels count equally, 1 on average over the reviews, as scikit-learn's "balanced".

    Args:
        labels: 0 or 1, shape (reviews,).

    Returns:
        float32, shape (2,): reviews / (2 * reviews with that label).
    """
    counts = np.maximum(np.bincount(labels, minlength=2), 1)
    return (len(labels) / (2 * counts)).astype(np.float32)


class Batch(NamedTuple):
    """The reviews of one training step: their tokens, labels 0 or 1, and weights in the loss, each of shape (reviews,).

    Without weights, every review counts once.
    """

    tokens: Tokens
    labels: NDArray[np.integer]
    weights: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class TrainingReviews:
    """The training split: reviews to fit, followed by validation reviews.

    Attributes:
        reviews: all reviews, without padding.
        validation_start: the first validation review.
        class_weights: float32, shape (2,); the weights of the two labels in the loss. None: every review counts once.
    """

    reviews: UnpaddedReviews
    validation_start: int
    class_weights: NDArray[np.float32] | None = None

    @classmethod
    def read(cls, split: Split, validation_start: int, class_weight: ClassWeight = "none") -> "TrainingReviews":
        """Open the reviews of a prepared split."""
        reviews = UnpaddedReviews.read(split.unpadded)
        weights = balanced_weights(reviews.labels[:validation_start]) if class_weight == "balanced" else None
        return cls(reviews, validation_start, weights)

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
            labels = self.reviews.labels[rows]
            weights = None if self.class_weights is None else self.class_weights[labels]
            yield Batch(self.reviews.tokens_of(rows), labels, weights)
