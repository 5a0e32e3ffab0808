"""Scores of predictions against labels: accuracy, balanced accuracy, AUC, calibration."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.analysis.intervals import proportion
from tasks.results.training import THRESHOLD, Confusion, Curve, Estimate, Predicted, Reliability, Scores

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


def balanced(confusion: Confusion) -> Estimate:
    """Balanced accuracy with its 95 % interval.

    The interval combines the Wilson intervals of the two recalls, which are independent (Newcombe 1998, method 10).
    """
    of_labels = (
        proportion(confusion.negative.negative, sum(confusion.negative)),
        proportion(confusion.positive.positive, sum(confusion.positive)),
    )
    value = sum(recall.value for recall in of_labels) / 2
    below = math.hypot(*(recall.value - recall.low for recall in of_labels)) / 2
    above = math.hypot(*(recall.high - recall.value for recall in of_labels)) / 2
    return Estimate(value, value - below, value + above)


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
    calibration, confusion = reliability(labels, p), Confusion(Predicted(tn, fp), Predicted(fn, tp))
    is_rarer_positive = tp + fn <= tn + fp
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
        confusion=confusion,
        roc=_roc(labels, p),
        precision_recall=_precision_recall(labels, p),
        reliability=calibration.bins,
        calibration_error=calibration.error,
        balanced=balanced(confusion),
        rarer_area=float(metrics.average_precision_score(labels == is_rarer_positive, p if is_rarer_positive else -p)),
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
