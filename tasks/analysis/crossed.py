"""Means over seeds and reviews together: both are samples, of networks that training could give and of texts.

A mean of `values[seed, review]` varies with both. Its variance is that of a crossed random-effects model, estimated by
the mean squares of a two-way analysis of variance as in the analysis of several readers and cases (Dorfman, Berbaum &
Metz 1992, "Receiver operating characteristic rating analysis", Investigative Radiology 27), with the degrees of freedom
of Hillis (2007, "A comparison of denominator degrees of freedom methods", Statistics in Medicine 26). A t-interval over
the seeds' means alone would leave the reviews out.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.analysis.statistics import SMALLEST_P, Difference, proportion
from tasks.results.evaluation import Estimate

# With fewer seeds nothing is known of how much they matter.
MIN_SEEDS = 3


class CrossedMean(NamedTuple):
    """A mean over seeds and reviews, its standard error and the degrees of freedom of its t-distribution."""

    value: float
    error: float
    freedom: float


def crossed_mean(values: NDArray[np.floating]) -> CrossedMean:
    """The mean of values of shape (seeds, reviews), two or more of each."""
    seeds, reviews = values.shape
    mean = float(values.mean())
    by_seed, by_review = values.mean(axis=1), values.mean(axis=0)
    residuals = values - by_seed[:, None] - by_review[None, :] + mean
    of_seeds = reviews * float(np.sum((by_seed - mean) ** 2)) / (seeds - 1)
    of_reviews = seeds * float(np.sum((by_review - mean) ** 2)) / (reviews - 1)
    of_residuals = float(np.sum(residuals**2)) / ((seeds - 1) * (reviews - 1))
    square = of_seeds + max(of_reviews - of_residuals, 0.0)
    freedom = (seeds - 1) * (square / of_seeds) ** 2 if of_seeds > 0 else math.inf
    return CrossedMean(mean, math.sqrt(square / (seeds * reviews)), freedom)


def crossed_accuracy(right: NDArray[np.bool_]) -> Estimate:
    """Mean accuracy with its 95 % interval, inside 0 to 1: a t-interval of its logit.

    Args:
        right: whether each seed's network is right on each review, shape (seeds, reviews).
    """
    from scipy.special import expit, logit

    mean = crossed_mean(right.astype(np.float64))
    if mean.value in (0.0, 1.0):
        return proportion(mean.value * right.shape[1], right.shape[1])
    half = _quantile(mean.freedom) * mean.error / (mean.value * (1 - mean.value))
    return Estimate(mean.value, float(expit(logit(mean.value) - half)), float(expit(logit(mean.value) + half)))


def crossed_difference(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> Difference:
    """Mean of first - second with its 95 % interval, and the p-value of no difference.

    Args:
        first, second: whether each seed's network is right on each review, shape (seeds, reviews); a pair of networks
            shares seed and reviews.
    """
    from scipy.stats import t

    mean = crossed_mean(first.astype(np.float64) - second.astype(np.float64))
    half = _quantile(mean.freedom) * mean.error
    p = 2 * float(t.sf(abs(mean.value) / mean.error, mean.freedom)) if mean.error > 0 else float(mean.value == 0)
    interval = Estimate(mean.value, max(mean.value - half, -1.0), min(mean.value + half, 1.0))
    return Difference(interval, max(p, SMALLEST_P))


def _quantile(freedom: float) -> float:
    """The 97.5 % quantile of Student's t."""
    from scipy.stats import t

    return float(t.ppf(0.975, freedom))
