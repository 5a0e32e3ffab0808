"""How sure a figure is: intervals, paired tests, calibration. scipy and scikit-learn do the work where they can.

scipy.stats and scikit-learn take a second to import, which runs whose results are stored do not need: so inside.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.results.comparison import SeedTest
from tasks.results.evaluation import Estimate, Reliability, Threshold

RESAMPLES = 1_000
CALIBRATION_BINS = 10
Labels = NDArray[np.integer]
Probabilities = NDArray[np.floating]
Flags = NDArray[np.bool_]


def proportion(hits: float, total: int) -> Estimate:
    """hits / total with its 95 % interval (Wilson 1927)."""
    from scipy.stats import binomtest

    interval = binomtest(round(hits), total).proportion_ci(0.95, method="wilson")
    return Estimate(hits / total, float(interval.low), float(interval.high))


def auc(labels: Labels, probabilities: Probabilities) -> Estimate:
    """Area under the ROC curve with its 95 % interval: percentile bootstrap over reviews of each label (Efron 1979).

    With a single review of a label there is nothing to resample, and the interval is all that is possible.
    """
    from scipy.stats import bootstrap

    # Ranks are those of the whole set, so they are found once: a resample only counts how often each came.
    values, place = np.unique(probabilities, return_inverse=True)
    ups, downs = place[labels == 1], place[labels == 0]

    def of(up: NDArray[np.integer], down: NDArray[np.integer]) -> float:
        falling = np.bincount(down, minlength=len(values))
        below = np.cumsum(falling) - falling / 2  # A tie counts half (Mann & Whitney 1947).
        return float(below[up].mean() / len(down))

    if min(len(ups), len(downs)) < 2:
        return Estimate(of(ups, downs), 0.0, 1.0)
    found = bootstrap(
        (ups, downs), of, n_resamples=RESAMPLES, batch=50, vectorized=False, method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    return Estimate(of(ups, downs), float(found.low), float(found.high))


def mcnemar(first_right: Flags, second_right: Flags, seed: int) -> SeedTest:
    """Two models on the same reviews: McNemar's exact test (1947), difference of accuracies with its 95 % interval.

    The interval is that of Agresti & Min (2005): Wald's, with half a review more in each of the four cells.

    Args:
        first_right, second_right: whether each model is right on each review, shape (reviews,).
        seed: which replicate.
    """
    from scipy.stats import binomtest

    b, c = int((first_right & ~second_right).sum()), int((~first_right & second_right).sum())
    both, total = int((first_right & second_right).sum()), len(first_right)
    p = float(binomtest(b, b + c, 0.5).pvalue) if b + c else 1.0
    b2, c2, n2 = b + 0.5, c + 0.5, total + 2
    centre = (b2 - c2) / n2
    half = 1.959964 * math.sqrt(b2 + c2 - (b2 - c2) ** 2 / n2) / n2
    difference = Estimate((b - c) / total, centre - half, centre + half)
    return SeedTest(seed, both, b, c, total - both - b - c, difference, p)


def mean_difference(first: Sequence[float], second: Sequence[float]) -> tuple[Estimate, float]:
    """Mean of first - second over seeds with its 95 % interval, and p: Student's paired t-test. Two pairs or more."""
    from scipy.stats import ttest_rel

    difference = float(np.mean(np.subtract(first, second)))
    if np.ptp(np.subtract(first, second)) < 1e-12:  # No spread, no t.
        return Estimate(difference, difference, difference), 1.0 if abs(difference) < 1e-12 else 0.0
    found = ttest_rel(first, second)
    interval = found.confidence_interval(0.95)
    return Estimate(difference, float(interval.low), float(interval.high)), float(found.pvalue)


def mean(values: Sequence[float]) -> Estimate:
    """Mean with its 95 % t-interval over seeds; a single value stands for its own bounds."""
    if len(values) < 2:
        return Estimate(values[0], values[0], values[0])
    from scipy.stats import t

    half = float(t.ppf(0.975, len(values) - 1)) * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return Estimate(float(np.mean(values)), float(np.mean(values)) - half, float(np.mean(values)) + half)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction (1979): the k-th smallest of m p-values times m - k + 1, never falling, at most 1."""
    order = np.argsort(p_values, kind="stable")
    scaled = np.asarray(p_values)[order] * np.arange(len(p_values), 0, -1)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return [float(p) for p in corrected]


def reliability(labels: Labels, probabilities: Probabilities) -> tuple[tuple[Reliability, ...], float]:
    """Reliability diagram in ten bins of equal width, and the expected calibration error (Guo et al. 2017).

    The error is the mean distance, weighted by reviews, between a bin's probability and its share of positives.
    """
    places = np.minimum((probabilities * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    bins = []
    for place in np.unique(places):
        inside = places == place
        share, probability = float(labels[inside].mean()), float(probabilities[inside].mean(dtype=np.float64))
        bins.append(Reliability(probability, share, int(inside.sum())))
    error = sum(one.reviews * abs(one.probability - one.positive) for one in bins) / len(labels)
    return tuple(bins), error


def best_threshold(validation: tuple[Labels, Probabilities], test: tuple[Labels, Probabilities]) -> Threshold:
    """The threshold with the best validation accuracy, of equals the nearest to 0.5; "positive" is above it."""
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

    def accuracy(of: tuple[Labels, Probabilities]) -> float:
        return float(np.mean((of[1] > value) == (of[0] == 1)))

    return Threshold(value, accuracy(validation), accuracy(test))
