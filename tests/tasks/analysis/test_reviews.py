from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import numpy as np
import pandas as pd
import pytest

from tasks.analysis.comparison import Predictions, read_predictions
from tasks.analysis.reviews import READABLE, ReviewDecoder, choose_reviews, disagreements, mistakes, traces
from tasks.data.parquet import read_column
from tasks.results.comparison import Chosen, ReviewText
from tasks.results.data import Dataset
from tasks.results.training import Evaluation
from tests.artifacts import examples


def test_mistakes_are_the_most_confident_errors(evaluations: list[Evaluation], predictions: Predictions) -> None:
    frame = pd.read_parquet(evaluations[0].predictions)
    distance = (frame["probability_last"] - frame["label"]).abs()
    expected = distance[distance > 0.5].sort_values(ascending=False).index[:20].tolist()
    assert mistakes(predictions, "simple_rnn") == expected


def test_disagreements_are_on_two_sides_farthest_apart_first(predictions: Predictions) -> None:
    lstm, simple_rnn = predictions.first_seed().values()
    rows = disagreements(predictions)
    assert len(rows) == 10
    assert all((lstm[row] > 0.5) != (simple_rnn[row] > 0.5) for row in rows)
    assert (np.diff(np.abs(lstm[rows] - simple_rnn[rows])) <= 0).all()


def test_six_reviews_of_six_kinds_are_chosen(evaluations: list[Evaluation], predictions: Predictions) -> None:
    chosen = choose_reviews(evaluations)
    assert [review.reason for review in chosen] == [
        "all_right_positive", "all_right_negative", "all_wrong", "only_best_right", "only_last_right", "long",
    ]  # fmt: skip
    rows = [review.row for review in chosen]
    assert len(set(rows)) == 6
    lstm, simple_rnn = (predictions.right(name, 1) for name in ("lstm", "simple_rnn"))
    assert [(bool(lstm[row]), bool(simple_rnn[row])) for row in rows[:5]] == [
        (True, True), (True, True), (False, False), (True, False), (False, True),
    ]  # fmt: skip
    assert predictions.labels[rows[:2]].tolist() == [1, 0]
    assert np.isin(predictions.lengths[rows[:5]], READABLE).all()
    assert predictions.lengths[rows[5]] >= np.quantile(predictions.lengths, 0.95)


def test_of_each_kind_the_clearest_review_is_chosen(
    evaluations: list[Evaluation], predictions: Predictions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.analysis.reviews.READABLE", np.unique(predictions.lengths))
    rows = {review.reason: review.row for review in choose_reviews(evaluations)}
    lstm, simple_rnn = predictions.confidence("lstm"), predictions.confidence("simple_rnn")
    lead = lstm - simple_rnn
    only_lstm, only_simple_rnn = (lstm > 0) & (simple_rnn < 0), (lstm < 0) & (simple_rnn > 0)
    assert min(only_lstm.sum(), only_simple_rnn.sum()) > 1
    assert lead[rows["only_best_right"]] == lead[only_lstm].max()
    assert lead[rows["only_last_right"]] == lead[only_simple_rnn].min()
    both_wrong = np.maximum(lstm, simple_rnn)
    assert both_wrong[rows["all_wrong"]] == both_wrong.min()


def test_a_model_alone_disagrees_with_nothing(evaluations: list[Evaluation]) -> None:
    alone = evaluations[:1]
    assert disagreements(read_predictions(alone)) == []
    assert [review.reason for review in choose_reviews(alone)] == [
        "all_right_positive", "all_right_negative", "all_wrong", "long",
    ]  # fmt: skip


def predictions_on(dataset: Dataset) -> Predictions:
    """A model with two seeds on the test reviews of a dataset."""
    labels = read_column(dataset.test.path, "label")
    probabilities = {"lstm": {1: np.full(len(labels), 0.123456), 2: np.full(len(labels), 0.9)}}
    columns = (read_column(dataset.test.path, name) for name in ("review_id", "label", "length"))
    return Predictions(*columns, probabilities)


def test_a_row_becomes_text(dataset: Dataset) -> None:
    predictions = predictions_on(dataset)
    review = ReviewDecoder(dataset, predictions).text(3)
    assert (review.review_id, review.label) == (predictions.review_ids[3], predictions.labels[3])
    # Without a word index a word is shown as its token; the start token has none.
    assert len(review.words) == min(predictions.lengths[3] - 1, dataset.max_length)
    assert review.words[0].startswith("⟨")
    assert review.probabilities == {"lstm": 0.1235}


def test_a_trace_has_a_probability_for_each_word(dataset: Dataset) -> None:
    reader = ReviewDecoder(dataset, predictions_on(dataset))
    words = len(reader.text(3).words)
    line = tuple(number / 100 for number in range(words + 1))  # The start token comes first.
    first = replace(examples.explanation("lstm"), traces=(line,))
    second = replace(first, seed=2, traces=((0.5,) * (words + 1),))
    (trace,) = traces(reader, [first, second], [Chosen(3, "long")])
    assert trace.lines == {"lstm": line[1:]}
    assert trace.reason == "long"


def test_a_review_without_a_known_word_is_not_read() -> None:
    texts = [ReviewText(1, 0, (), {"lstm": 0.5}), ReviewText(2, 1, ("film",), {"lstm": 0.6})]
    explanation = replace(examples.explanation("lstm"), traces=((0.5,), (0.5, 0.6)))  # The start token comes first.
    reader = cast(ReviewDecoder, SimpleNamespace(text=texts.__getitem__))
    (trace,) = traces(reader, [explanation], [Chosen(0, "long"), Chosen(1, "all_wrong")])
    assert (trace.review.review_id, trace.lines) == (2, {"lstm": (0.6,)})
