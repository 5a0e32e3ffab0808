import numpy as np
import pytest
from scipy import stats

from tasks.analysis.intervals import (
    accuracy_with_interval,
    crossed_accuracy,
    crossed_difference,
    crossed_mean,
    proportion,
)
from tasks.results.training import Estimate


def made_up(random: np.random.Generator, seeds: int, reviews: int, of_seeds: float, of_reviews: float) -> np.ndarray:
    """Values whose true mean is 0, with effects of seeds and of reviews."""
    seed, review = random.normal(0, of_seeds, (seeds, 1)), random.normal(0, of_reviews, (1, reviews))
    return seed + review + random.normal(0, 1, (seeds, reviews))


@pytest.mark.parametrize(("of_seeds", "of_reviews"), [(0.0, 0.0), (0.3, 0.0), (0.0, 2.0), (0.3, 2.0)])
def test_intervals_cover_the_truth_whether_seeds_or_reviews_vary(of_seeds: float, of_reviews: float) -> None:
    random = np.random.default_rng(0)
    covered = []
    for _ in range(400):
        mean = crossed_mean(made_up(random, 4, 60, of_seeds, of_reviews))
        covered.append(abs(mean.value) <= stats.t.ppf(0.975, mean.freedom) * mean.error)
    assert np.mean(covered) >= 0.9


def test_without_effects_of_reviews_it_is_the_t_interval_over_seeds() -> None:
    by_seed = np.array([0.1, 0.4, 0.7])
    mean = crossed_mean(np.repeat(by_seed[:, None], 10, axis=1))
    assert mean.value == pytest.approx(0.4)
    assert mean.error == pytest.approx(stats.sem(by_seed))
    assert mean.freedom == pytest.approx(2)


def test_an_accuracy_stays_inside_0_to_1() -> None:
    random = np.random.default_rng(1)
    right = random.random((3, 50)) < np.array([[0.99], [0.7], [0.95]])
    estimate = crossed_accuracy(right)
    assert 0 < estimate.low < estimate.value < estimate.high < 1
    assert estimate.value == pytest.approx(right.mean())
    always = crossed_accuracy(np.ones((3, 50), bool))
    assert (always.value, always.high) == (1.0, 1.0)
    assert 0.9 < always.low < 1.0


def test_an_accuracy_has_one_interval_for_each_number_of_seeds() -> None:
    right = np.arange(300).reshape(3, 100) % 7 < 5
    assert accuracy_with_interval(right) == crossed_accuracy(right)
    low, high = sorted(float(mean) for mean in right[:2].mean(axis=1))
    assert accuracy_with_interval(right[:2]) == Estimate(pytest.approx((low + high) / 2), low, high)
    assert accuracy_with_interval(right[:1]) == proportion(float(right[0].sum()), 100)


def test_a_difference_is_the_first_less_the_second_and_p_is_never_0() -> None:
    random = np.random.default_rng(2)
    first, second = random.random((3, 400)) < 0.9, random.random((3, 400)) < 0.6
    difference = crossed_difference(first, second)
    assert difference.estimate.value == pytest.approx(first.mean() - second.mean())
    assert 0.2 < difference.estimate.low < difference.estimate.high < 0.4
    assert 0 < difference.p < 0.01
    assert crossed_difference(second, first).estimate.value == pytest.approx(-difference.estimate.value)
    same = crossed_difference(first, first)
    assert (same.estimate.low, same.estimate.high, same.p) == (0.0, 0.0, 1.0)
    alike = np.ones((3, 5), bool)
    assert crossed_difference(alike, ~alike).p > 0
