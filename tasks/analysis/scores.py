"""Scores of predictions against labels."""

import numpy as np
from numpy.typing import NDArray

from tasks.analysis.statistics import auc, proportion, reliability
from tasks.results.evaluation import Confusion, Curve, Point, Predicted, Scores

CURVE_POINTS = 101


def score(labels: NDArray[np.integer], probabilities: NDArray[np.floating], point: Point, epoch: int) -> Scores:
    """All scores of one set of predictions, at the threshold 0.5.

    Args:
        labels: 0 or 1, shape (reviews,); both must occur.
        probabilities: of "positive", shape (reviews,).
        point, epoch: what the predictions are of.
    """
    # Imported here because a run whose results are kept does not need it, and it takes a second.
    from sklearn import metrics

    p = probabilities.astype(np.float64)
    predicted = (p > 0.5).astype(int)
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        labels, predicted, average="binary", zero_division=0.0
    )
    accuracy, area = proportion(int((predicted == labels).sum()), len(labels)), auc(labels, p)
    (tn, fp), (fn, tp) = metrics.confusion_matrix(labels, predicted, labels=[0, 1]).tolist()
    calibration = reliability(labels, p)
    return Scores(
        point=point,
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
