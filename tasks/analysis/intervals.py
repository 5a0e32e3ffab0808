"""How certain a number is: intervals of proportions, means, differences and slopes, computed by scipy where possible.

Functions import scipy.stats themselves: the import takes a second, which a run that only reuses results saves.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.results.comparison import Basis
from tasks.results.training import Estimate

SMALLEST_P = float(np.finfo(np.float64).tiny)  # A p-value is never 0.
Flags = NDArray[np.bool_]


class TestedDifference(NamedTuple):
    """A mean difference with its interval, and the p-value of no difference."""

    estimate: Estimate
    p: float


def proportion(hits: float, total: int) -> Estimate:
    """hits / total with its 95 % interval (Wilson 1927)."""
    from scipy.stats import binomtest

    interval = binomtest(round(hits), total).proportion_ci(0.95, method="wilson")
    return Estimate(hits / total, float(interval.low), float(interval.high))


# With fewer seeds, the variance between them is not estimated.
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
    """Mean accuracy with its 95 % interval: a t-interval of the logit, transformed to lie between 0 and 1.

    Args:
        right: whether each seed's network is right on each review, shape (seeds, reviews).
    """
    from scipy.special import expit, logit

    mean = crossed_mean(right.astype(np.float64))
    if mean.value in (0.0, 1.0):
        return proportion(mean.value * right.shape[1], right.shape[1])
    half = _quantile(mean.freedom) * mean.error / (mean.value * (1 - mean.value))
    return Estimate(mean.value, float(expit(logit(mean.value) - half)), float(expit(logit(mean.value) + half)))


def crossed_difference(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> TestedDifference:
    """Mean of first - second with its 95 % interval, and the p-value of no difference.

    Args:
        first, second: whether each seed's network is right on each review, shape (seeds, reviews); both have the same
            seeds and reviews.
    """
    from scipy.stats import t

    mean = crossed_mean(first.astype(np.float64) - second.astype(np.float64))
    half = _quantile(mean.freedom) * mean.error
    p = 2 * float(t.sf(abs(mean.value) / mean.error, mean.freedom)) if mean.error > 0 else float(mean.value == 0)
    interval = Estimate(mean.value, max(mean.value - half, -1.0), min(mean.value + half, 1.0))
    return TestedDifference(interval, max(p, SMALLEST_P))


def _quantile(freedom: float) -> float:
    """The 97.5 % quantile of Student's t."""
    from scipy.stats import t

    return float(t.ppf(0.975, freedom))


class Mean(NamedTuple):
    """A mean, what its interval accounts for, and the p-value of a mean of 0; with two seeds there is none."""

    estimate: Estimate
    basis: Basis
    p: float | None = None


def mean_with_interval(values: NDArray[np.floating]) -> Mean:
    """The mean of values of shape (seeds, reviews), with its 95 % interval.

    With one seed, the interval is a normal approximation over reviews; with two, it runs from the lower of the two
    means to the higher; with three or more, it is taken over seeds and reviews together (`crossed_mean`).
    """
    from scipy.stats import t

    seeds, reviews = values.shape
    mean, basis = float(values.mean()), basis_of(seeds)
    if basis == "range":
        means = values.mean(axis=1)
        return Mean(Estimate(mean, float(means.min()), float(means.max())), basis)
    if basis == "reviews":
        error, freedom = float(values.std()) / math.sqrt(reviews), math.inf
    else:
        _, error, freedom = crossed_mean(values)
    half = _quantile(freedom) * error
    p = 2 * float(t.sf(abs(mean) / error, freedom)) if error > 0 else float(mean == 0)
    return Mean(Estimate(mean, mean - half, mean + half), basis, max(p, SMALLEST_P))


def accuracy_with_interval(right: NDArray[np.bool_]) -> Estimate:
    """Mean accuracy with its 95 % interval, which stays between 0 and 1; with two seeds, the lower and the higher one.

    Args:
        right: whether each seed's network is right on each review, shape (seeds, reviews).
    """
    seeds, reviews = right.shape
    if basis_of(seeds) == "reviews":
        return proportion(float(right.sum()), reviews)
    if basis_of(seeds) == "range":
        return mean_with_interval(right.astype(np.float64)).estimate
    return crossed_accuracy(right)


def balanced_values(right: NDArray[np.bool_], labels: NDArray[np.integer]) -> NDArray[np.floating]:
    """Values of reviews whose mean is each network's balanced accuracy, and whose spread is its uncertainty.

    A review adds its distance from its label's recall, weighed so that both labels count the same. How many reviews
    have each label is given, and no source of uncertainty.

    Args:
        right: whether each seed's network is right, shape (seeds, reviews).
        labels: 0 or 1, shape (reviews,).

    Returns:
        shape (seeds, reviews).
    """
    weights = (len(labels) / (2 * np.maximum(np.bincount(labels, minlength=2), 1)))[labels]
    recalls = np.array([right[:, labels == label].mean() if (labels == label).any() else 0.0 for label in (0, 1)])
    values: NDArray[np.floating] = recalls.mean() + weights * (right - recalls[labels])
    return values


def slope_with_interval(x: NDArray[np.floating], values: NDArray[np.floating]) -> Mean | None:
    """The least-squares slope of values of shape (seeds, reviews) on x of shape (reviews,); None if x is constant.

    The slope is the mean over reviews of slope + reviews · w · residual, where w are the least-squares weights and the
    terms with residuals sum to 0. The standard error of that mean over the reviews of one seed is White's (1980,
    "A heteroskedasticity-consistent covariance matrix estimator", Econometrica 48), HC0; like any mean, it extends to
    several seeds.
    """
    centred = x - x.mean() if len(x) else x
    square = float(np.sum(centred**2))
    if square == 0:
        return None
    weights = centred / square
    slope = float(np.mean(values @ weights))
    residuals = values - values.mean() - slope * centred
    return mean_with_interval(slope + len(x) * weights * residuals)


def basis_of(seeds: int) -> Basis:
    """What an interval accounts for with this many seeds; with two, only the range of the observed values."""
    if seeds == 1:
        return "reviews"
    return "seeds_and_reviews" if seeds >= MIN_SEEDS else "range"
