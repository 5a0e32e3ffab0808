"""Which part each review belongs to, and the order within a part: both by hash, in fair shares of both labels.

A unit is what must not be split: a group of `--group-column`, or all reviews with the same text. Units are ordered by
hash within two strata: units with a review of the rarer label, and the others. The test part takes its share of each
stratum. Within a part, both strata are spread evenly, so that every share of the end, which validation takes, has its
share of the rarer label.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

IN_TRAIN, IN_TEST = 0, 1
# Above this number of reviews, the hash alone puts a fair share of them into the test part: 20 % plus or minus 0.4
# points. No review moves then, so the files need not be read again to correct the word counts.
MANY = 100_000


class _Units(NamedTuple):
    """The units of reviews, by hash.

    Attributes:
        hashes: uint64, shape (units,), ascending.
        of_reviews: int64, shape (reviews,); the unit of each review.
        sizes: int64, shape (units,); how many reviews each unit has.
        is_rarer: bool, shape (units,); whether a unit has a review of the rarer label.
    """

    hashes: NDArray[np.uint64]
    of_reviews: NDArray[np.int64]
    sizes: NDArray[np.int64]
    is_rarer: NDArray[np.bool_]

    @classmethod
    def of(cls, units: NDArray[np.uint64], labels: NDArray[np.uint8]) -> "_Units":
        hashes, of_reviews, sizes = np.unique(units, return_inverse=True, return_counts=True)
        rarer = int(np.argmin(np.bincount(labels, minlength=2)))
        return cls(hashes, of_reviews, sizes, np.bincount(of_reviews, labels == rarer, len(hashes)) > 0)

    def strata(self) -> list[NDArray[np.int64]]:
        """The units with the rarer label, and those without."""
        return [np.flatnonzero(self.is_rarer), np.flatnonzero(~self.is_rarer)]


def likely_parts(units: NDArray[np.uint64], share: float) -> NDArray[np.uint8]:
    """The parts that reviews have if the hash alone decides; all but a few of them are right.

    Args:
        units: hash of each review's unit, shape (reviews,).
        share: the test part's share of the reviews.
    """
    return np.where(units < np.uint64(share * 2.0**64), IN_TEST, IN_TRAIN).astype(np.uint8)


def fair_parts(units: NDArray[np.uint64], labels: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    """Choose each review's part, so that the test part has its share of both labels.

    Where there are enough units with a label, both parts have one, and the training part has two.

    Args:
        units: hash of each review's unit, shape (reviews,).
        labels: 0 or 1, shape (reviews,).
        share: the test part's share of the reviews.
    """
    found = _Units.of(units, labels)
    in_test = np.zeros(len(found.hashes), np.bool_)
    for stratum in found.strata():
        sizes = found.sizes[stratum]
        if sizes.sum() > MANY:
            chosen = likely_parts(found.hashes[stratum], share) == IN_TEST
        else:
            chosen = np.cumsum(sizes) - sizes / 2 < share * sizes.sum()
            chosen[max(1, len(chosen) - 2) :] = False
            if len(chosen) > 1 and not chosen.any():
                chosen[np.argmin(sizes)] = True  # Not the first: it may be nearly all reviews.
        in_test[stratum] = chosen
    return np.where(in_test[found.of_reviews], IN_TEST, IN_TRAIN).astype(np.uint8)


def spread(units: NDArray[np.uint64], labels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The place of each review of a part, above 0 up to 1: the same for all of a unit, each stratum spread evenly.

    Args:
        units: hash of each review's unit, shape (reviews,).
        labels: 0 or 1, shape (reviews,).
    """
    found = _Units.of(units, labels)
    places = np.zeros(len(found.hashes))
    for stratum in found.strata():
        sizes = found.sizes[stratum]
        places[stratum] = np.cumsum(sizes) / max(int(sizes.sum()), 1)
    return places[found.of_reviews]
