import numpy as np
import pytest

from tasks.analysis.scores import score


def test_scores_with_literal_numbers() -> None:
    scores = score(np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.4, 0.9]), "last", 3)
    assert (scores.accuracy, scores.precision, scores.recall, scores.f1, scores.auc) == (0.5, 0.5, 0.5, 0.5, 0.75)
    assert scores.confusion == ((1, 1), (1, 1))
    assert scores.loss == pytest.approx(-np.mean(np.log([0.9, 0.4, 0.4, 0.9])))
    assert scores.low == pytest.approx(0.15004, abs=1e-5)
    assert scores.high == pytest.approx(0.84996, abs=1e-5)
