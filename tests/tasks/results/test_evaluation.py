from dataclasses import replace

from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from tasks.results.evaluation import Estimate, Evaluation, Reach
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


def test_the_first_step_below_a_hundredth() -> None:
    reach = Reach((0, 5, 10), (1, 1, 1), (1.0, 0.5, 0.009), (1, 1, 1), 2)
    assert reach.hundredth == 10
    assert replace(reach, median=(1.0, 0.5, 0.1)).hundredth is None
