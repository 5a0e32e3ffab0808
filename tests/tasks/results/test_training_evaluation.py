from dataclasses import replace

import numpy as np
import pytest
from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from tasks.results.training import Estimate, Evaluation, Reliability
from tests.artifacts import examples


def test_estimates_of_scores() -> None:
    scores = examples.scores(0.5)
    assert scores.accuracy_estimate == Estimate(0.5, 0.45, 0.55)
    assert scores.auc_estimate == Estimate(scores.auc, scores.auc_low, scores.auc_high)


def test_an_evaluation_comes_back_from_json() -> None:
    evaluation = examples.evaluation("lstm")
    assert TypeAdapter(Evaluation).validate_python(to_jsonable_python(evaluation)) == evaluation
    assert to_jsonable_python(evaluation)["last"]["confusion"] == [[44, 6], [6, 44]]


def test_scores_at_both_epochs() -> None:
    evaluation = examples.evaluation("lstm")
    assert (evaluation.at("last").epoch, evaluation.at("best").epoch) == (2, 1)


def test_confidence_is_compared_with_the_shares() -> None:
    scores = examples.scores(0.8)  # 60 reviews at 0.05 of which a tenth is positive, 40 at 0.95 of which 0.8 are.
    over = scores.overconfidence
    assert over.value == pytest.approx((60 * 0.05 + 40 * 0.15) / 100)
    half = 1.96 * np.sqrt(60 * 0.1 * 0.9 + 40 * 0.8 * 0.2) / 100
    assert (over.low, over.high) == pytest.approx((over.value - half, over.value + half), abs=1e-5)
    shy = replace(scores, reliability=(Reliability(0.3, 0.1, 60), Reliability(0.7, 0.9, 40)))
    assert shy.overconfidence.value == pytest.approx(-0.2)
