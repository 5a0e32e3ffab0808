import numpy as np
import pytest

from tasks.models.learner import Metrics


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
