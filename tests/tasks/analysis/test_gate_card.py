"""Numbers that only a model card shows."""

import numpy as np
import pytest

from tasks.analysis.gate import CARD_MISTAKES, LAST_WORDS, confident_mistakes, precision, recall
from tasks.data.parquet import read_column
from tasks.results.data import Dataset
from tasks.results.training import Confusion, Estimate, Predicted


def test_precision_and_recall_have_intervals() -> None:
    confusion = Confusion(negative=Predicted(40, 10), positive=Predicted(20, 30))
    assert precision(confusion).value == pytest.approx(0.75)
    assert recall(confusion).value == pytest.approx(0.6)
    assert precision(confusion).low < 0.75 < precision(confusion).high


def test_without_a_positive_prediction_precision_is_unknown() -> None:
    assert precision(Confusion(Predicted(50, 0), Predicted(50, 0))) == Estimate(0.0, 0.0, 1.0)


def test_known_mistakes_are_the_wrong_answers_that_are_surest(dataset: Dataset) -> None:
    labels = read_column(dataset.test.path, "label")
    probabilities = np.where(labels == 1, 0.9, 0.1)
    probabilities[[4, 7]] = 1 - labels[[4, 7]] * [0.8, 0.95] - (1 - labels[[4, 7]]) * [0.2, 0.05]
    mistakes = confident_mistakes(dataset.test.path, dataset.vocabulary, probabilities)
    ids = read_column(dataset.test.path, "review_id")
    assert [mistake.review_id for mistake in mistakes] == ids[[7, 4]].tolist()
    assert mistakes[0].label == labels[7]
    everything_wrong = confident_mistakes(dataset.test.path, dataset.vocabulary, 1.0 - labels)
    assert len(everything_wrong) == CARD_MISTAKES
    assert all(len(mistake.words) <= LAST_WORDS for mistake in everything_wrong)
