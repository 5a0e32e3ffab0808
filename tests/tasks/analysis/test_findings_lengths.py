import itertools
import math

import numpy as np
import pandas as pd
import pytest

from tasks.analysis.comparison import Predictions
from tasks.analysis.findings import accuracy_by_length, length_trend
from tasks.results.training import Evaluation
from tests.tasks.analysis.conftest import REVIEWS


def test_length_bins_hold_every_review_once(evaluations: list[Evaluation], predictions: Predictions) -> None:
    bins = accuracy_by_length(predictions, "lstm")
    assert sum(b.reviews for b in bins) == REVIEWS
    assert all(before.longest < after.shortest for before, after in itertools.pairwise(bins))
    assert max(b.reviews for b in bins) < 1.3 * REVIEWS / 10
    frame = pd.read_parquet(evaluations[3].predictions)
    inside = frame["length"].between(bins[2].shortest, bins[2].longest).to_numpy()
    share = np.mean([predictions.right("lstm", seed)[inside].mean() for seed in (1, 2, 3)])
    assert bins[2].accuracy.value == pytest.approx(share)


def sandwich(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Slope and HC0 standard error by matrices."""
    design = np.stack([np.ones_like(x), x], axis=1)
    bread = np.linalg.inv(design.T @ design)
    beta = bread @ design.T @ y
    meat = design.T @ (design * ((y - design @ beta) ** 2)[:, None])
    return beta[1], math.sqrt((bread @ meat @ bread)[1, 1])


def test_the_slope_is_that_of_least_squares_with_robust_errors(predictions: Predictions) -> None:
    trend = length_trend(predictions, "lstm", "simple_rnn", [1], 500)
    lead = predictions.right("lstm", 1).astype(float) - predictions.right("simple_rnn", 1)
    cut = predictions.lengths > 500
    slope, error = sandwich(predictions.lengths[~cut] / 100, lead[~cut])
    assert trend.slope.value == pytest.approx(slope)
    assert (trend.slope.low, trend.slope.high) == pytest.approx((slope - 1.959964 * error, slope + 1.959964 * error))
    assert (trend.reviews, trend.cut_reviews) == ((~cut).sum(), cut.sum())
    assert trend.cut.value == pytest.approx(lead[cut].mean())


def test_the_slope_over_several_seeds_is_the_mean_and_less_sure(predictions: Predictions) -> None:
    slopes = [length_trend(predictions, "lstm", "simple_rnn", [seed], 500).slope.value for seed in (1, 2, 3)]
    three = length_trend(predictions, "lstm", "simple_rnn", [1, 2, 3], 500)
    assert three.slope.value == pytest.approx(np.mean(slopes))
    assert three.basis == "seeds_and_reviews"
    two = length_trend(predictions, "lstm", "simple_rnn", [1, 2], 500)
    assert (two.slope.low, two.slope.high) == pytest.approx((min(slopes[:2]), max(slopes[:2])))


def test_reviews_of_one_length_have_no_slope(predictions: Predictions) -> None:
    same = predictions._replace(lengths=np.full(REVIEWS, 9))
    assert length_trend(same, "lstm", "simple_rnn", [1], 500).slope is None
    assert length_trend(same, "lstm", "simple_rnn", [1], 8).slope is None
    assert length_trend(same, "lstm", "simple_rnn", [1], 500).cut is None
