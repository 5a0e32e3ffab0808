import numpy as np
import pytest
from sklearn import metrics

from tasks.analysis.scores import score


def test_scores_with_literal_numbers() -> None:
    scores = score(np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.4, 0.9]), 3)
    assert (scores.accuracy, scores.precision, scores.recall, scores.f1, scores.auc) == (0.5, 0.5, 0.5, 0.5, 0.75)
    assert scores.confusion == ((1, 1), (1, 1))
    assert scores.loss == pytest.approx(-np.mean(np.log([0.9, 0.4, 0.4, 0.9])))
    assert scores.low == pytest.approx(0.15004, abs=1e-5)
    assert scores.high == pytest.approx(0.84996, abs=1e-5)


def test_curves_are_those_of_sklearn_on_a_grid() -> None:
    labels, probabilities = np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.4, 0.9])
    scores = score(labels, probabilities, 3)
    false_positive_rate, true_positive_rate, _ = metrics.roc_curve(labels, probabilities)
    assert scores.roc.x == scores.precision_recall.x == pytest.approx(np.linspace(0, 1, 101))
    assert scores.roc.y == pytest.approx(np.interp(scores.roc.x, false_positive_rate, true_positive_rate))
    precision, recall, _ = metrics.precision_recall_curve(labels, probabilities)
    assert scores.precision_recall.y == pytest.approx(np.interp(scores.roc.x, recall[::-1], precision[::-1]))
