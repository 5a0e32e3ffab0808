"""The mean of a number that each network has on each review, with an interval that covers what it can."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.analysis.crossed import crossed_mean
from tasks.analysis.ranking import basis_of
from tasks.results.evaluation import Estimate
from tasks.results.verdict import Basis

NORMAL = 1.959964


class Mean(NamedTuple):
    """A mean, and what its interval covers."""

    estimate: Estimate
    basis: Basis


def mean_with_interval(values: NDArray[np.floating]) -> Mean:
    """The mean of values of shape (seeds, reviews), with its 95 % interval.

    One seed: normal, over reviews. Two: from the lower to the higher seed's mean. Three or more: over seeds and
    reviews together (`tasks.analysis.crossed`).
    """
    from scipy.stats import t

    seeds, reviews = values.shape
    mean, basis = float(values.mean()), basis_of(seeds)
    if basis == "range":
        means = values.mean(axis=1)
        return Mean(Estimate(mean, float(means.min()), float(means.max())), basis)
    if basis == "reviews":
        half = NORMAL * float(values.std()) / np.sqrt(reviews)
    else:
        crossed = crossed_mean(values)
        half = float(t.ppf(0.975, crossed.freedom)) * crossed.error
    return Mean(Estimate(mean, mean - float(half), mean + float(half)), basis)


def slope_with_interval(x: NDArray[np.floating], values: NDArray[np.floating]) -> Mean | None:
    """The least-squares slope of values of shape (seeds, reviews) on x of shape (reviews,); None if x is constant.

    The slope is the mean over reviews of slope + reviews · w · residual, where w are the weights of least squares
    and the residuals' part is 0 in sum. The standard error of that mean over the reviews of one seed is White's (1980,
    "A heteroskedasticity-consistent covariance matrix estimator", Econometrica 48), HC0; over several seeds it extends
    to seeds as any mean does.
    """
    centred = x - x.mean() if len(x) else x
    square = float(np.sum(centred**2))
    if square == 0:
        return None
    weights = centred / square
    slope = float(np.mean(values @ weights))
    residuals = values - values.mean() - slope * centred
    return mean_with_interval(slope + len(x) * weights * residuals)
