"""Numbers and reviews that only a model card shows."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.analysis.statistics import proportion
from tasks.data.parquet import read_column, read_tokens
from tasks.data.vocabulary import words_by_token, words_of
from tasks.results.card import Mistake
from tasks.results.evaluation import Confusion, Estimate

MISTAKES, LAST_WORDS = 8, 40


def precision(confusion: Confusion) -> Estimate:
    """The share of reviews predicted as positive that are positive, with its interval."""
    hits = confusion.positive.positive
    return _share(hits, hits + confusion.negative.positive)


def recall(confusion: Confusion) -> Estimate:
    """The share of positive reviews that are predicted as positive, with its interval."""
    hits = confusion.positive.positive
    return _share(hits, hits + confusion.positive.negative)


def _share(hits: int, total: int) -> Estimate:
    return proportion(hits, total) if total else Estimate(0.0, 0.0, 1.0)


def confident_mistakes(test: Path, vocabulary: Path, probabilities: NDArray[np.floating]) -> tuple[Mistake, ...]:
    """The wrong answers that a network is surest of, the worst first.

    Args:
        test: the prepared test reviews.
        vocabulary: word index of their tokens.
        probabilities: of "positive", shape (reviews,).
    """
    labels, review_ids = read_column(test, "label"), read_column(test, "review_id")
    error = np.abs(probabilities - labels)
    rows = [int(row) for row in np.argsort(-error, kind="stable")[:MISTAKES] if error[row] >= 0.5]
    tokens, by_token = read_tokens(test)[rows], words_by_token(vocabulary)
    return tuple(
        Mistake(
            review_id=int(review_ids[row]),
            label=int(labels[row]),
            probability=float(probabilities[row]),
            words=tuple(words_of(review.tolist(), by_token)[-LAST_WORDS:]),
        )
        for row, review in zip(rows, tokens, strict=True)
    )
