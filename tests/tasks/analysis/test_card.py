"""Numbers that only a model card shows."""

import pytest

from tasks.analysis.card import precision, recall
from tasks.results.evaluation import Confusion, Estimate, Predicted


def test_precision_and_recall_have_intervals() -> None:
    confusion = Confusion(negative=Predicted(40, 10), positive=Predicted(20, 30))
    assert precision(confusion).value == pytest.approx(0.75)
    assert recall(confusion).value == pytest.approx(0.6)
    assert precision(confusion).low < 0.75 < precision(confusion).high


def test_without_a_positive_prediction_precision_is_unknown() -> None:
    assert precision(Confusion(Predicted(50, 0), Predicted(50, 0))) == Estimate(0.0, 0.0, 1.0)
