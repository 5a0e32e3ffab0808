import numpy as np
import pytest
from scipy import stats

from tasks.analysis.intervals import crossed_mean, mean_with_interval, slope_with_interval


def test_with_one_seed_the_interval_is_normal_over_reviews() -> None:
    values = np.random.default_rng(0).normal(1.0, 2.0, (1, 400))
    mean = mean_with_interval(values)
    expected = stats.norm.interval(0.95, values.mean(), values.std() / 20)
    assert mean.basis == "reviews"
    assert (mean.estimate.low, mean.estimate.high) == pytest.approx(expected, abs=1e-6)


def test_with_two_seeds_it_is_the_range() -> None:
    mean = mean_with_interval(np.array([[1.0, 3.0], [4.0, 6.0]]))
    assert (mean.basis, mean.estimate.value, mean.estimate.low, mean.estimate.high) == ("range", 3.5, 2.0, 5.0)


def test_with_three_seeds_it_covers_these_too() -> None:
    values = np.random.default_rng(0).normal(size=(3, 50)) + np.array([[0.0], [1.0], [2.0]])
    mean, crossed = mean_with_interval(values), crossed_mean(values)
    half = stats.t.ppf(0.975, crossed.freedom) * crossed.error
    assert mean.basis == "seeds_and_reviews"
    assert mean.estimate.high - mean.estimate.value == pytest.approx(half)
    assert mean.estimate.high - mean.estimate.low > 1  # Seeds are a point apart; reviews alone would give 0.4.


def test_the_slope_of_a_line_is_sure() -> None:
    x = np.arange(10.0)
    slope = slope_with_interval(x, (2 * x + 1)[None])
    assert (slope.estimate.low, slope.estimate.high) == pytest.approx((2.0, 2.0))
    assert slope_with_interval(np.ones(10), x[None]) is None
    assert slope_with_interval(np.ones(0), np.ones((1, 0))) is None
