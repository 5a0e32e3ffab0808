"""Scores of predictions against labels: accuracy, balanced accuracy, AUC, calibration."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.analysis.intervals import proportion
from tasks.results.training import THRESHOLD, Confusion, Curve, Estimate, LabelScores, Predicted, Reliability, Scores

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


def label_scores(labels: Labels, probabilities: Probabilities) -> LabelScores:
    """Scores that say something however rare one label is, at the threshold 0.5.

    The interval of the balanced accuracy combines the Wilson intervals of the two recalls, which are independent
    (Newcombe 1998, method 10).

    Args:
        labels: 0 or 1, shape (reviews,); both must occur.
        probabilities: probabilities of "positive", shape (reviews,).
    """
    from sklearn.metrics import average_precision_score

    is_right = (probabilities > THRESHOLD) == (labels == 1)
    recalls = [proportion(int(is_right[labels == label].sum()), int((labels == label).sum())) for label in (0, 1)]
    value = sum(recall.value for recall in recalls) / 2
    below = math.hypot(*(recall.value - recall.low for recall in recalls)) / 2
    above = math.hypot(*(recall.high - recall.value for recall in recalls)) / 2
    rarer = int(2 * (labels == 1).sum() <= len(labels))
    found, wrong = int(is_right[labels == rarer].sum()), int((~is_right).sum())
    return LabelScores(
        balanced=Estimate(value, value - below, value + above),
        f1=2 * found / max(2 * found + wrong, 1),
        area=float(average_precision_score(labels == rarer, probabilities if rarer else -probabilities)),
    )


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
        by_label=label_scores(labels, p),
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
