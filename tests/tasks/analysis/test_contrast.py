import itertools
import math

import numpy as np
import pandas as pd
import pytest

from tasks.analysis.contrast import accuracy_by_length, contrast, lead_by_length
from tasks.analysis.predictions import Predictions
from tasks.results.evaluation import Estimate, Evaluation, Explanation, MemoryPoint, Reach
from tasks.results.evidence import LengthBin, MemoryGain, ReviewText, Trace
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


def explanation(name: str, seed: int, fewest: float, whole: float) -> Explanation:
    """A model that is right in `fewest` of the reviews with ten words and in `whole` with all."""
    points = (MemoryPoint(10, Estimate(fewest, fewest, fewest)), MemoryPoint(500, Estimate(whole, whole, whole)))
    return Explanation(name, seed, points, 100, Reach((0,), (1.0,), (1.0,), (1.0,), 100), (), 0.0)


def bins(*accuracies: float) -> tuple[LengthBin, ...]:
    """One bin of 100 words after the other."""
    return tuple(
        LengthBin(100 * number + 1, 100 * number + 100, 2_500, Estimate(value, value - 0.01, value + 0.01))
        for number, value in enumerate(accuracies)
    )


@pytest.mark.parametrize(("long", "sign"), [(0.70, 1), (0.80, 0), (0.86, -1)])
def test_the_lead_by_length(long: float, sign: int) -> None:
    lead = lead_by_length(bins(0.88, 0.5, 0.85), bins(0.82, 0.5, long))
    assert (lead.short_at_most, lead.long_at_least) == (100, 201)
    assert lead.short.value == pytest.approx(0.06)
    assert lead.long.value == pytest.approx(0.85 - long)
    assert lead.change.value == pytest.approx(0.85 - long - 0.06)
    # Four independent proportions, each with 0.01 on both sides.
    assert lead.change.high - lead.change.value == pytest.approx(math.sqrt(4) * 0.01)
    assert (lead.change.low > 0) - (lead.change.high < 0) == sign


def test_reviews_of_one_length_have_no_lead_by_length() -> None:
    assert lead_by_length(bins(0.9), bins(0.8)) is None


def test_the_best_model_is_compared_with_the_last() -> None:
    trace = Trace(
        "long", ReviewText(1, 1, ("a", "b", "c"), {}), {"lstm": (0.5, 0.6, 0.7), "simple_rnn": (0.5, 0.9, 0.1)}
    )
    lengths = {"lstm": bins(0.88, 0.85), "gru": bins(0.5, 0.5), "simple_rnn": bins(0.82, 0.7)}
    explanations = [
        explanation("lstm", 1, 0.7, 0.88),
        explanation("simple_rnn", 1, 0.6, 0.8),
        explanation("simple_rnn", 2, 0.5, 0.8),
    ]
    found = contrast(lengths, explanations, [trace])
    assert (found.best, found.last) == ("lstm", "simple_rnn")
    assert found.memory["lstm"] == MemoryGain(10, 0.7, pytest.approx(0.18))
    assert found.memory["simple_rnn"] == MemoryGain(10, pytest.approx(0.55), pytest.approx(0.25))
    assert found.movement == {"lstm": pytest.approx(0.1), "simple_rnn": pytest.approx(0.6)}


def test_without_chosen_reviews_no_movement_is_known() -> None:
    lengths = {"lstm": bins(0.88, 0.85), "simple_rnn": bins(0.82, 0.7)}
    assert contrast(lengths, [explanation(name, 1, 0.7, 0.8) for name in lengths], []).movement == {}


def test_a_model_alone_has_no_contrast() -> None:
    assert contrast({"lstm": bins(0.9, 0.8)}, [explanation("lstm", 1, 0.7, 0.8)], []) is None
