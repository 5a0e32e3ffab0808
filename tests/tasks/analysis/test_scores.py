import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from tasks.analysis.scores import label_scores, score


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


@given(st.integers(0, 2**31), st.integers(4, 80))
def test_scores_by_label_are_those_of_sklearn_for_the_rarer_label(seed: int, reviews: int) -> None:
    random = np.random.default_rng(seed)
    labels = np.append([0, 1], random.random(reviews) < random.random()).astype(int)
    probabilities = (random.integers(0, 20, reviews + 2) + 0.5) / 20
    rarer = int(2 * labels.sum() <= len(labels))
    found, predicted = label_scores(labels, probabilities), (probabilities > 0.5).astype(int)
    assert found.balanced.value == pytest.approx(metrics.balanced_accuracy_score(labels, predicted))
    assert found.balanced.low <= found.balanced.value <= found.balanced.high
    assert found.f1 == pytest.approx(metrics.f1_score(labels, predicted, pos_label=rarer, zero_division=0.0))
    of_rarer = probabilities if rarer else 1 - probabilities
    assert found.area == pytest.approx(metrics.average_precision_score(labels == rarer, of_rarer))


def test_the_balanced_interval_is_wide_where_one_label_is_rare() -> None:
    # Wilson: 8 of 10 is 0.4902 to 0.9433, 900 of 1000 is 0.8799 to 0.9171.
    labels = np.repeat([1, 0], [10, 1000])
    probabilities = np.concatenate([np.repeat([0.9, 0.1], [8, 2]), np.repeat([0.1, 0.9], [900, 100])])
    found = label_scores(labels, probabilities).balanced
    assert found.value == pytest.approx(0.85)
    assert found.low == pytest.approx(0.85 - np.hypot(0.8 - 0.4902, 0.9 - 0.8799) / 2, abs=1e-3)
    assert found.high == pytest.approx(0.85 + np.hypot(0.9433 - 0.8, 0.9171 - 0.9) / 2, abs=1e-3)
