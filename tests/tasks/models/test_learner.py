import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score

from tasks.models.learner import Metrics, balanced_accuracy, best_threshold


def test_metrics_with_literal_numbers() -> None:
    metrics = Metrics()
    metrics.add(np.array([0.9, 0.2], np.float32), np.array([1, 1]))
    metrics.add(np.array([0.4], np.float32), np.array([0]))
    assert metrics.reviews == 3
    assert metrics.loss == pytest.approx(-np.mean(np.log([0.9, 0.2, 0.6])))
    assert metrics.accuracy == pytest.approx(2 / 3)


def test_a_probability_of_a_half_counts_as_negative() -> None:
    metrics = Metrics()
    metrics.add(np.array([0.5, 0.5, 0.5], np.float32), np.array([0, 0, 1]))
    assert metrics.accuracy == pytest.approx(2 / 3)


def test_known_means_count_by_their_reviews() -> None:
    metrics = Metrics()
    metrics.add_means(0.5, 0.75, 4)
    metrics.add_means(0.2, 0.5, 2)
    assert metrics.reviews == 6
    assert metrics.loss == pytest.approx((4 * 0.5 + 2 * 0.2) / 6)
    assert metrics.accuracy == pytest.approx((3 + 1) / 6)


def test_certain_and_wrong_costs_a_finite_loss() -> None:
    metrics = Metrics()
    metrics.add(np.array([1.0, 0.0], np.float32), np.array([0, 1]))
    assert metrics.loss == pytest.approx(-np.log(1e-7))
    assert metrics.accuracy == 0.0


def test_no_reviews_give_zero() -> None:
    assert (Metrics().loss, Metrics().accuracy) == (0.0, 0.0)


def test_weights_count_in_the_loss_but_not_in_the_accuracy() -> None:
    metrics = Metrics()
    metrics.add(np.array([0.9, 0.2]), np.array([1, 1]), np.array([2.0, 0.5]))
    assert metrics.loss == pytest.approx(-(2 * np.log(0.9) + 0.5 * np.log(0.2)) / 2)
    assert metrics.accuracy == 0.5


@given(st.integers(0, 2**31), st.integers(4, 60))
def test_no_threshold_has_a_better_balanced_accuracy_and_a_half_wins_ties(seed: int, reviews: int) -> None:
    random = np.random.default_rng(seed)
    labels = np.append([0, 1], random.random(reviews) < random.random()).astype(int)
    probabilities = (random.integers(0, 20, reviews + 2) / 20).astype(np.float32)
    found = best_threshold(probabilities, labels)
    best = balanced_accuracy(probabilities, labels, found)
    assert best == pytest.approx(balanced_accuracy_score(labels, probabilities > found))
    for value in (np.arange(-1, 22) / 20 + 0.025).tolist():
        assert balanced_accuracy(probabilities, labels, value) <= best + 1e-9
    if balanced_accuracy(probabilities, labels) == best:
        assert found == 0.5


def test_always_the_same_label_has_a_balanced_accuracy_of_a_half() -> None:
    assert balanced_accuracy(np.full(100, 0.01), np.arange(100) < 1) == 0.5
    assert balanced_accuracy(np.array([0.9, 0.1]), np.array([1, 1])) == 0.5
    assert best_threshold(np.array([0.2, 0.3]), np.array([1, 1])) == 0.5
    assert best_threshold(np.array([0.02, 0.04]), np.array([0, 1])) == pytest.approx(0.03)
