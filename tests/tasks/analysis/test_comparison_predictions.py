import numpy as np
import pandas as pd

from tasks.analysis.comparison import Predictions, read_predictions
from tasks.results.training import Evaluation


def test_models_stand_in_the_order_of_their_mean_accuracy(predictions: Predictions) -> None:
    assert predictions.models == ["lstm", "simple_rnn"]
    assert list(predictions.probabilities["lstm"]) == [1, 2, 3]


def test_each_network_has_the_probabilities_of_its_file(evaluations: list[Evaluation]) -> None:
    predictions = read_predictions(evaluations)
    for evaluation in evaluations:
        frame = pd.read_parquet(evaluation.predictions)
        probabilities = predictions.probabilities[evaluation.name][evaluation.seed]
        assert probabilities.tolist() == frame["probability_last"].tolist()
        assert predictions.right(evaluation.name, evaluation.seed).mean() == evaluation.last.accuracy
    assert predictions.review_ids.tolist() == frame["review_id"].tolist()


def test_confidence_is_above_zero_where_the_first_seed_is_right() -> None:
    probabilities = {"lstm": {2: np.array([0.1, 0.1]), 1: np.array([0.8, 0.9])}}
    predictions = Predictions(np.arange(2), np.array([1, 0]), np.array([5, 5]), probabilities)
    assert np.allclose(predictions.confidence("lstm"), [0.3, -0.4])
