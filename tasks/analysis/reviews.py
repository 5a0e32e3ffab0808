"""Finds test reviews worth reading: the most confident errors, disagreements, and one review of each kind."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.analysis.comparison import Predictions, read_predictions
from tasks.data.unpadded import UnpaddedReviews
from tasks.data.vocabulary import words_by_token, words_of
from tasks.results.comparison import Chosen, ReviewKind, ReviewText, Trace
from tasks.results.data import Dataset
from tasks.results.training import THRESHOLD, Evaluation, Explanation

MAX_MISTAKES, MAX_DISAGREEMENTS = 20, 10
READABLE = range(25, 160)  # Lengths, in words, of reviews that are quick to read.
LONG = 0.95  # The quantile of lengths from which a review counts as long.


def mistakes(predictions: Predictions, model: str) -> list[int]:
    """Rows of the most confident errors that a model makes with its first seed, the worst first."""
    confidence = predictions.confidence(model)
    order = np.argsort(confidence, kind="stable")
    wrong = order[confidence[order] < 0]
    return [int(row) for row in wrong[:MAX_MISTAKES]]


def disagreements(predictions: Predictions) -> list[int]:
    """Rows on which the best and the last model (first seeds) disagree, the farthest apart first."""
    probabilities = list(predictions.first_seed().values())
    best, last = probabilities[0], probabilities[-1]
    rows = np.flatnonzero((best > THRESHOLD) != (last > THRESHOLD))
    order = rows[np.argsort(-np.abs(best[rows] - last[rows]), kind="stable")]
    return [int(row) for row in order[:MAX_DISAGREEMENTS]]


class _Criterion(NamedTuple):
    """Which review of a kind to show: the candidate with the greatest score. Both arrays have shape (reviews,)."""

    reason: ReviewKind
    score: NDArray[np.floating]
    candidates: NDArray[np.bool_]


def choose_reviews(evaluations: Sequence[Evaluation]) -> tuple[Chosen, ...]:
    """Choose up to six reviews to read word by word, by the first seeds' predictions: the clearest of each kind.

    The kinds of short reviews: all models are right (one positive, one negative), all are wrong, only the best is
    right, only the last is right. The kind of long reviews: the best and the last model differ most.
    """
    chosen: list[Chosen] = []
    for criterion in _criteria(read_predictions(evaluations)):
        rows = np.setdiff1d(np.flatnonzero(criterion.candidates), [review.row for review in chosen])
        if len(rows):
            chosen.append(Chosen(int(rows[np.argmax(criterion.score[rows])]), criterion.reason))
    return tuple(chosen)


def _criteria(predictions: Predictions) -> list[_Criterion]:
    confidences = [predictions.confidence(model) for model in predictions.models]
    best, last = confidences[0], confidences[-1]
    lowest, highest = np.min(confidences, axis=0), np.max(confidences, axis=0)
    lead = best - last
    positive, short = predictions.labels == 1, np.isin(predictions.lengths, READABLE)
    long = predictions.lengths >= np.quantile(predictions.lengths, LONG)
    # With one model, best and last are the same, so neither can be the only one that is right.
    return [
        _Criterion("all_right_positive", lowest, positive & short & (lowest > 0)),
        _Criterion("all_right_negative", lowest, ~positive & short & (lowest > 0)),
        _Criterion("all_wrong", -highest, short & (highest < 0)),
        _Criterion("only_best_right", lead, short & (best > 0) & (last < 0)),
        _Criterion("only_last_right", -lead, short & (best < 0) & (last > 0)),
        _Criterion("long", np.abs(lead), long),
    ]


class ReviewDecoder:
    """Decodes rows of the test split into text."""

    def __init__(self, dataset: Dataset, predictions: Predictions) -> None:
        self._reviews, self._predictions = UnpaddedReviews.read(dataset.test.unpadded), predictions
        self._words = words_by_token(dataset.vocabulary)

    def text(self, row: int) -> ReviewText:
        """A review with the probability from each model's first seed."""
        predictions = self._predictions
        probabilities = {model: round(float(p[row]), 4) for model, p in predictions.first_seed().items()}
        tokens = self._reviews.tokens_between(row, row + 1)
        words = tuple(words_of(tokens.values.tolist(), self._words))
        return ReviewText(int(predictions.review_ids[row]), int(predictions.labels[row]), words, probabilities)


def traces(reader: ReviewDecoder, explanations: Sequence[Explanation], chosen: Sequence[Chosen]) -> Iterator[Trace]:
    """The chosen reviews with the probabilities after each word, from each model's first seed.

    A review without a known word is left out: there is nothing to read.
    """
    first: dict[str, Explanation] = {}
    for explanation in explanations:
        first.setdefault(explanation.name, explanation)
    for number, choice in enumerate(chosen):
        review = reader.text(choice.row)
        if not review.words:
            continue
        # The start token has a probability, too, but no word.
        lines = {model: explanation.traces[number][-len(review.words) :] for model, explanation in first.items()}
        yield Trace(choice.reason, review, lines)
