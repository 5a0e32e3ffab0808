import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics

from tasks.analysis import comparison, intervals, scores


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.integers(4, 200), st.integers(2, 50))
def test_auc_is_that_of_sklearn_ties_included(seed: int, reviews: int, values: int) -> None:
    random = np.random.default_rng(seed)
    labels = np.arange(reviews) % 2
    probabilities = random.integers(0, values, reviews) / values
    found = scores.auc(labels, probabilities)
    assert found.value == pytest.approx(metrics.roc_auc_score(labels, probabilities), abs=1e-12)
    assert 0 <= found.low <= found.high <= 1


def test_the_interval_of_an_auc_is_near_that_of_its_known_variance() -> None:
    random = np.random.default_rng(3)
    labels = np.arange(2_000) % 2
    probabilities = random.normal(labels, 1.5)
    found = scores.auc(labels, probabilities)
    # Hanley & McNeil (1982)
    a, n = found.value, 1_000
    variance = (a * (1 - a) + (n - 1) * (a / (2 - a) - a * a) + (n - 1) * (2 * a * a / (1 + a) - a * a)) / n**2
    assert found.high - found.low == pytest.approx(2 * 1.96 * math.sqrt(variance), rel=0.15)


def test_mcnemar_counts_the_reviews_on_which_one_alone_is_right() -> None:
    first = np.array([1] * 50 + [1] * 12 + [0] * 3 + [0] * 35, bool)
    second = np.array([1] * 50 + [0] * 12 + [1] * 3 + [0] * 35, bool)
    found = comparison.mcnemar(first, second, 7)
    assert (found.seed, found.both_right, found.only_first, found.only_second, found.both_wrong) == (7, 50, 12, 3, 35)
    assert found.difference.value == pytest.approx(0.09)
    assert found.difference.low < 0.09 < found.difference.high
    assert found.p == pytest.approx(2 * stats.binom.cdf(3, 15, 0.5))


def test_models_that_agree_everywhere_show_no_difference() -> None:
    same = np.array([True, False] * 20)
    assert comparison.mcnemar(same, same, 1).p == 1.0


@given(st.integers(0, 2**31))
def test_the_interval_of_a_difference_turns_round_with_the_models(seed: int) -> None:
    random = np.random.default_rng(seed)
    first, second = random.random((2, 60)) > 0.4
    one, other = comparison.mcnemar(first, second, 1), comparison.mcnemar(second, first, 1)
    assert one.difference.low == pytest.approx(-other.difference.high)
    assert one.p == pytest.approx(other.p)


def test_holm_with_the_numbers_of_his_paper() -> None:
    assert comparison.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert comparison.holm([0.9, 0.8]) == [1.0, 1.0]
    assert comparison.holm([]) == []


def test_a_perfectly_calibrated_model_has_no_error() -> None:
    labels = np.array([0, 1] * 5 + [1] * 10)
    probabilities = np.array([0.5] * 10 + [1.0] * 10)
    bins, error = scores.reliability(labels, probabilities)
    assert error == 0
    assert [(one.positive, one.reviews) for one in bins] == [(0.5, 10), (1.0, 10)]


def test_calibration_error_is_the_weighted_distance() -> None:
    labels, probabilities = np.array([1, 0, 0, 0]), np.array([0.95, 0.95, 0.15, 0.15])
    assert scores.reliability(labels, probabilities)[1] == pytest.approx(0.5 * 0.45 + 0.5 * 0.15)


def test_a_proportion_has_wilsons_interval() -> None:
    found = intervals.proportion(8, 10)
    assert (found.low, found.high) == pytest.approx((0.4902, 0.9433), abs=1e-4)
