"""How sure a number is: intervals, paired tests, calibration. scipy and scikit-learn do the work where they can.

Functions import scipy.stats and scikit-learn themselves: it takes a second, which a run that reuses its results saves.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.results.evaluation import Estimate, Reliability, Threshold
from tasks.results.verdict import SeedTest

RESAMPLES = 1_000
SMALLEST_P = float(np.finfo(np.float64).tiny)  # A p-value is never 0.
CALIBRATION_BINS = 10
Labels = NDArray[np.integer]
Probabilities = NDArray[np.floating]
Flags = NDArray[np.bool_]


class Difference(NamedTuple):
    """A mean difference with its interval, and the p-value of no difference."""

    estimate: Estimate
    p: float


class Calibration(NamedTuple):
    """The bins of a reliability diagram and the expected calibration error."""

    bins: tuple[Reliability, ...]
    error: float


def proportion(hits: float, total: int) -> Estimate:
    """hits / total with its 95 % interval (Wilson 1927)."""
    from scipy.stats import binomtest

    interval = binomtest(round(hits), total).proportion_ci(0.95, method="wilson")
    return Estimate(hits / total, float(interval.low), float(interval.high))


def auc(labels: Labels, probabilities: Probabilities) -> Estimate:
    """Area under the ROC curve with its 95 % interval: percentile bootstrap over reviews of each label (Efron 1979).

    With a single review of a label there is nothing to resample: the interval is 0 to 1.
    """
    from scipy.stats import bootstrap

    # The ranks are those of the whole set, so they are computed once: a resample only counts how often each occurs.
    values, ranks = np.unique(probabilities, return_inverse=True)
    positive, negative = ranks[labels == 1], ranks[labels == 0]

    def area(positive: NDArray[np.integer], negative: NDArray[np.integer]) -> float:
        counts = np.bincount(negative, minlength=len(values))
        below = np.cumsum(counts) - counts / 2  # A tie counts half (Mann & Whitney 1947).
        return float(below[positive].mean() / len(negative))

    if min(len(positive), len(negative)) < 2:
        return Estimate(area(positive, negative), 0.0, 1.0)
    resampled = bootstrap(
        (positive, negative),
        area,
        n_resamples=RESAMPLES,
        batch=50,
        vectorized=False,
        method="percentile",
        rng=np.random.default_rng(0),
    )
    interval = resampled.confidence_interval
    return Estimate(area(positive, negative), float(interval.low), float(interval.high))


def mcnemar(first_right: Flags, second_right: Flags, seed: int) -> SeedTest:
    """Two models on the same reviews: McNemar's exact test (1947), difference of accuracies with its 95 % interval.

    The interval is that of Agresti & Min (2005): Wald's, with half a review added to each of the four cells.

    Args:
        first_right, second_right: whether each model is right on each review, shape (reviews,).
        seed: which replicate.
    """
    from scipy.stats import binomtest

    both = int((first_right & second_right).sum())
    only_first, only_second = int((first_right & ~second_right).sum()), int((~first_right & second_right).sum())
    total, discordant = len(first_right), only_first + only_second
    p = max(float(binomtest(only_first, discordant, 0.5).pvalue), SMALLEST_P) if discordant else 1.0
    b, c, n = only_first + 0.5, only_second + 0.5, total + 2
    centre = (b - c) / n
    half = 1.959964 * math.sqrt(b + c - (b - c) ** 2 / n) / n
    return SeedTest(
        seed=seed,
        both_right=both,
        only_first=only_first,
        only_second=only_second,
        both_wrong=total - both - discordant,
        difference=Estimate((only_first - only_second) / total, centre - half, centre + half),
        p=p,
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction (1979): the k-th smallest of m p-values times m - k + 1, never falling, at most 1."""
    order = np.argsort(p_values, kind="stable")
    scaled = np.asarray(p_values)[order] * np.arange(len(p_values), 0, -1)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return [float(p) for p in corrected]


def reliability(labels: Labels, probabilities: Probabilities) -> Calibration:
    """Reliability diagram in ten bins of equal width, and the expected calibration error (Guo et al. 2017).

    The error is the mean distance, weighted by reviews, between a bin's probability and its share of positives.
    """
    numbers = np.minimum((probabilities * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    bins = []
    for number in np.unique(numbers):
        inside = numbers == number
        share, probability = float(labels[inside].mean()), float(probabilities[inside].mean(dtype=np.float64))
        bins.append(Reliability(probability, share, int(inside.sum())))
    error = sum(b.reviews * abs(b.probability - b.positive) for b in bins) / len(labels)
    return Calibration(tuple(bins), error)


def best_threshold(validation: tuple[Labels, Probabilities], test: tuple[Labels, Probabilities]) -> Threshold:
    """The threshold with the best validation accuracy, of equals the nearest to 0.5; "positive" is above it.

    Args:
        validation, test: the labels of the reviews and their probabilities of "positive", each of shape (reviews,).
    """
    from sklearn.metrics import roc_curve

    labels, probabilities = validation
    false_rate, true_rate, thresholds = roc_curve(labels, probabilities, drop_intermediate=False)
    positives = int((labels == 1).sum())
    right = true_rate * positives + (1 - false_rate) * (len(labels) - positives)
    # roc_curve means "at or above": halfway to the next lower value says the same with "above".
    lower = np.append(thresholds[1:], 0.0)
    middles = np.clip((np.minimum(thresholds, 1.0) + lower) / 2, 0.0, 1.0)
    best = np.flatnonzero(right >= right.max() - 1e-9)
    value = float(middles[best[np.argmin(np.abs(middles[best] - 0.5))]])

    def accuracy(labels: Labels, probabilities: Probabilities) -> float:
        return float(np.mean((probabilities > value) == (labels == 1)))

    return Threshold(value, accuracy(*validation), accuracy(*test))
