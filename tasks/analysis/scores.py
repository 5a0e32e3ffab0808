"""Scores of predictions against labels: accuracy, AUC, calibration, thresholds."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.analysis.intervals import proportion
from tasks.results.training import THRESHOLD, Confusion, Curve, Estimate, Predicted, Reliability, Scores, Threshold

RESAMPLES = 1_000
CALIBRATION_BINS = 10
Labels = NDArray[np.integer]
Probabilities = NDArray[np.floating]


class Calibration(NamedTuple):
    """The bins of a reliability diagram and the expected calibration error."""

    bins: tuple[Reliability, ...]
    error: float


def auc(labels: Labels, probabilities: Probabilities) -> Estimate:
    """Area under the ROC curve with its 95 % interval: percentile bootstrap over reviews of each label (Efron 1979).

    If a label has a single review, there is nothing to resample, and the interval is 0 to 1.
    """
    from scipy.stats import bootstrap

    # Ranks in the whole set are computed only once: a resample just counts how often each occurs.
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
    """The threshold with the best validation accuracy, the nearest to 0.5 if tied; "positive" is above it.

    Args:
        validation, test: the reviews' labels and their probabilities of "positive", each of shape (reviews,).
    """
    from sklearn.metrics import roc_curve

    labels, probabilities = validation
    false_rate, true_rate, thresholds = roc_curve(labels, probabilities, drop_intermediate=False)
    positives = int((labels == 1).sum())
    right = true_rate * positives + (1 - false_rate) * (len(labels) - positives)
    # roc_curve means "at or above": "above" the midpoint to the next lower value is equivalent.
    lower = np.append(thresholds[1:], 0.0)
    middles = np.clip((np.minimum(thresholds, 1.0) + lower) / 2, 0.0, 1.0)
    best = np.flatnonzero(right >= right.max() - 1e-9)
    value = float(middles[best[np.argmin(np.abs(middles[best] - THRESHOLD))]])

    def accuracy(labels: Labels, probabilities: Probabilities) -> float:
        return float(np.mean((probabilities > value) == (labels == 1)))

    return Threshold(value, accuracy(*validation), accuracy(*test))


CURVE_POINTS = 101


def score(labels: NDArray[np.integer], probabilities: NDArray[np.floating], epoch: int) -> Scores:
    """All scores of one set of predictions, at the threshold 0.5.

    Args:
        labels: 0 or 1, shape (reviews,); both must occur.
        probabilities: probabilities of "positive", shape (reviews,).
        epoch: the epoch after which the predictions were made.
    """
    # Imported here because the import takes a second, and a run that reuses its results does not need it.
    from sklearn import metrics

    p = probabilities.astype(np.float64)
    predicted = (p > THRESHOLD).astype(int)
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        labels, predicted, average="binary", zero_division=0.0
    )
    accuracy, area = proportion(int((predicted == labels).sum()), len(labels)), auc(labels, p)
    (tn, fp), (fn, tp) = metrics.confusion_matrix(labels, predicted, labels=[0, 1]).tolist()
    calibration = reliability(labels, p)
    return Scores(
        epoch=epoch,
        reviews=len(labels),
        loss=float(metrics.log_loss(labels, p, labels=[0, 1])),
        accuracy=accuracy.value,
        low=accuracy.low,
        high=accuracy.high,
        precision=float(precision),
        recall=float(recall),
        f1=float(f1),
        auc=area.value,
        auc_low=area.low,
        auc_high=area.high,
        confusion=Confusion(Predicted(tn, fp), Predicted(fn, tp)),
        roc=_roc(labels, p),
        precision_recall=_precision_recall(labels, p),
        reliability=calibration.bins,
        calibration_error=calibration.error,
    )


def _roc(labels: NDArray[np.integer], probabilities: NDArray[np.floating]) -> Curve:
    from sklearn.metrics import roc_curve

    false_positive_rate, true_positive_rate, _ = roc_curve(labels, probabilities)
    return _on_grid(false_positive_rate, true_positive_rate)


def _precision_recall(labels: NDArray[np.integer], probabilities: NDArray[np.floating]) -> Curve:
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = precision_recall_curve(labels, probabilities)
    return _on_grid(recall[::-1], precision[::-1])


def _on_grid(x: NDArray[np.floating], y: NDArray[np.floating]) -> Curve:
    grid = np.linspace(0, 1, CURVE_POINTS)
    return Curve(tuple(grid.tolist()), tuple(np.interp(grid, x, y).tolist()))
