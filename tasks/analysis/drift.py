"""Drift: whether new texts still look like the reviews that a network was trained on.

Five figures compare two sets of texts; for sets from one source, each tends to 0 (the AUC to 0.5):

- words: Jensen-Shannon distance of the word frequencies (Lin 1991; the square root of the divergence to base 2, so
  from 0 to 1) over the 1,000 most frequent words of the training reviews, one class "rare" for the rest of the
  vocabulary, and one class "unseen" for words outside it;
- unseen words: difference between the shares of such words;
- lengths, scores: Jensen-Shannon distance over tenths of the training reviews;
- domain classifier: cross-validated AUC of naive Bayes on bags of words, trained to tell the sets apart (Rabanser,
  Günnemann & Lipton 2019).

How large a figure may be by chance depends on the sizes and on the texts, so it is measured: 200 draws from the
training reviews, each as large as the new set, are compared with the rest. The limits are such that one draw in 100
exceeds at least one: each figure is standardized by the draws, and its limit is the 99th percentile of the largest of
the five (the max-T method of Westfall & Young 1993). With a 99th percentile for each figure alone, up to five of 100
unchanged sets would raise an alarm.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from tasks.data.parquet import read_column, read_tokens
from tasks.data.tokens import OFFSET, START, UNKNOWN, Tokens, offsets_of
from tasks.errors import DataError
from tasks.models.saved import SavedNetwork
from tasks.results.drift import DriftFigure, FigureName

DRAWS, PERCENTILE = 200, 0.99
TOP_WORDS, TENTHS, FOLDS = 1_000, 10, 3
MIN_LIMIT = 0.001
CLASSIFIED = 1_000  # Texts per set for the classifier: more would only be slower.
DISTINGUISHING = 8  # Words per set.
NAMES: tuple[FigureName, ...] = get_args(FigureName)
USUAL: dict[FigureName, float] = {"words": 0.1, "lengths": 0.1, "scores": 0.1, "domain classifier": 0.55}
Counts = NDArray[np.float64]
RowNumbers = NDArray[np.intp]


@dataclass(frozen=True)
class Texts:
    """Prepared texts.

    Attributes:
        tokens: what the network reads.
        lengths: lengths before truncation, in words, shape (texts,).
        scores: probabilities of "positive", shape (texts,); NaN if the network was trained on the text.
        vocabulary_size: all tokens are below it.
    """

    tokens: Tokens
    lengths: NDArray[np.integer]
    scores: NDArray[np.floating]
    vocabulary_size: int

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def bags(self) -> Any:
        """How often each text contains each token, except padding and start; sparse, shape (texts, vocabulary)."""
        from scipy.sparse import csr_matrix

        is_word = self.tokens.values != START
        columns = self.tokens.values[is_word].astype(np.int32)
        starts = offsets_of(is_word)[self.tokens.offsets]
        bags = csr_matrix((np.ones(len(columns)), columns, starts), shape=(len(self), self.vocabulary_size))
        bags.sum_duplicates()
        return bags

    def counts(self, rows: RowNumbers | None = None) -> Counts:
        """How often each token occurs in all texts, or in the chosen ones, shape (vocabulary,)."""
        bags = self.bags if rows is None else self.bags[rows]
        return np.asarray(bags.sum(axis=0), np.float64).ravel()


class Reference:
    """Training reviews to compare new texts with.

    Args:
        texts: at least 20 texts; some must have scores.
        seed: seed for the draws.
    """

    def __init__(self, texts: Texts, seed: int = 0) -> None:
        self.texts = texts
        self._counts = texts.counts()
        self._random = np.random.default_rng(seed)
        self._top = OFFSET + np.argsort(-self._counts[OFFSET:], kind="stable")[:TOP_WORDS]
        self._scored = np.flatnonzero(~np.isnan(texts.scores))
        shares = np.linspace(0, 1, TENTHS + 1)[1:-1]
        self._length_edges = np.unique(np.quantile(texts.lengths, shares))
        self._score_edges = np.unique(np.quantile(texts.scores[self._scored], shares))

    def compared(self, texts: int) -> int:
        """The size of a draw: the number of new texts, but at most half the number of training reviews."""
        return min(texts, len(self.texts) // 2)

    def figures(self, new: Texts) -> tuple[DriftFigure, ...]:
        """The figures of new texts against the training reviews, with their limits."""
        size = self.compared(len(new))
        chosen = self._random.choice(len(new), size, replace=False)
        everything = np.arange(len(self.texts))
        values = self._measure(new, chosen, everything)
        draws = self.draws(size)
        limits = joint_limits(draws)
        return tuple(
            DriftFigure(name, values[name], limits[name], USUAL.get(name), tuple(sorted(draws[name]))) for name in NAMES
        )

    def draws(self, size: int) -> dict[FigureName, list[float]]:
        """The figures of `DRAWS` sets of `size` training reviews, each against the remaining reviews."""
        results: dict[FigureName, list[float]] = {name: [] for name in NAMES}
        for _ in range(DRAWS):
            order = self._random.permutation(len(self.texts))
            for name, value in self._measure(self.texts, order[:size], order[size:]).items():
                results[name].append(value)
        return results

    def _measure(self, new: Texts, rows: RowNumbers, rest: RowNumbers) -> dict[FigureName, float]:
        """The figures of the chosen texts against `rest`, the training reviews not among them."""
        new_counts = new.counts(rows)
        old_counts = self._counts - new_counts if new is self.texts else self._counts
        return {
            "words": distance(self._classes(new_counts), self._classes(old_counts)),
            "unseen words": abs(unseen_share(new_counts) - unseen_share(old_counts)),
            "lengths": self._binned(new.lengths[rows], self.texts.lengths[rest], self._length_edges),
            "scores": self._scores(new, rows),
            "domain classifier": self._auc(new, rows, rest),
        }

    def _classes(self, counts: Counts) -> Counts:
        top, unseen = counts[self._top], counts[UNKNOWN]
        return np.append(top, [counts.sum() - top.sum() - unseen, unseen])

    def _scores(self, new: Texts, rows: RowNumbers) -> float:
        """Compare scores only with those of held-out reviews: the network fits the others better than new texts."""
        held_out = self._random.permutation(self._scored)
        size = min(len(rows), len(held_out) // 2)
        chosen, others = (held_out[:size], held_out[size:]) if new is self.texts else (rows[:size], held_out)
        return self._binned(new.scores[chosen], self.texts.scores[others], self._score_edges)

    @staticmethod
    def _binned(first: NDArray[Any], second: NDArray[Any], edges: NDArray[Any]) -> float:
        if len(first) == 0 or len(second) == 0:
            return 0.0
        bins = [np.searchsorted(edges, values, side="right") for values in (first, second)]
        return distance(*(np.bincount(numbers, minlength=len(edges) + 1) for numbers in bins))

    def _auc(self, new: Texts, rows: RowNumbers, rest: RowNumbers) -> float:
        """AUC of a classifier on equal numbers of texts from both sets; above 0.5 if the sets can be told apart."""
        from scipy.sparse import vstack

        size = min(len(rows), len(rest), CLASSIFIED)
        old = self._random.choice(rest, size, replace=False)
        return cross_validated_auc(vstack([new.bags[rows[:size]], self.texts.bags[old]]), size, self._random)


def joint_limits(draws: Mapping[FigureName, list[float]]) -> dict[FigureName, float]:
    """Limits such that one draw in 100 exceeds one or more; each is at least `MIN_LIMIT`, even if draws do not vary."""
    names = list(draws)
    values = np.array([draws[name] for name in names])  # (figures, draws)
    means, deviations = values.mean(axis=1), values.std(axis=1)
    standardized = (values - means[:, None]) / np.where(deviations > 0, deviations, 1.0)[:, None]
    largest = float(np.quantile(standardized.max(axis=0), PERCENTILE, method="higher"))
    limits = np.maximum(means + largest * deviations, MIN_LIMIT)
    return dict(zip(names, limits.tolist(), strict=True))


def distance(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Jensen-Shannon distance between two distributions, given as counts: 0 if equal, 1 if disjoint."""
    from scipy.special import rel_entr

    if first.sum() == 0 or second.sum() == 0:
        return float(first.sum() != second.sum())
    p, q = first / first.sum(), second / second.sum()
    middle = (p + q) / 2
    divergence = float(rel_entr(p, middle).sum() + rel_entr(q, middle).sum()) / 2 / math.log(2)
    return math.sqrt(max(divergence, 0.0))  # Rounding may go slightly below zero.


def unseen_share(counts: Counts) -> float:
    """The share of words that the vocabulary lacks."""
    return float(counts[UNKNOWN] / max(counts.sum(), 1.0))


def cross_validated_auc(bags: Any, first: int, random: np.random.Generator) -> float:
    """Cross-validated AUC of multinomial naive Bayes on the set of words in each text.

    Args:
        bags: sparse counts, shape (texts, vocabulary).
        first: how many texts, from the start, belong to the first set.
        random: generator that divides the texts into folds.
    """
    from sklearn.metrics import roc_auc_score
    from sklearn.naive_bayes import MultinomialNB

    present, labels = bags.sign().tocsr(), np.arange(bags.shape[0]) < first
    folds = np.empty(len(labels), np.intp)
    for label in (True, False):
        rows = np.flatnonzero(labels == label)
        folds[rows] = random.permutation(np.arange(len(rows)) % FOLDS)
    if min(labels.sum(), (~labels).sum()) < FOLDS:
        return 0.5
    scores = np.empty(len(labels))
    for fold in range(FOLDS):
        held_out = folds == fold
        model = MultinomialNB().fit(present[~held_out], labels[~held_out])
        log_odds = model.feature_log_prob_[1] - model.feature_log_prob_[0]
        scores[held_out] = present[held_out] @ log_odds
    return float(roc_auc_score(labels, scores))


def distinguishing_tokens(new: Texts, reference: Texts) -> list[tuple[int, float, float]]:
    """The most distinguishing tokens, each with the shares of new texts and of training reviews that contain it.

    Their signed contributions to the chi-squared statistic between the shares are the most extreme; the first half is
    more frequent in the new texts, the second in the training reviews.
    """
    shares = [np.asarray(texts.bags.sign().sum(axis=0)).ravel() / len(texts) for texts in (new, reference)]
    difference = shares[0] - shares[1]
    weight = np.sign(difference) * difference**2 / np.maximum(shares[0] + shares[1], 1 / len(new))
    order = np.argsort(-weight, kind="stable")
    ends = [*order[:DISTINGUISHING], *order[::-1][:DISTINGUISHING]]
    return [(int(token), float(shares[0][token]), float(shares[1][token])) for token in ends if weight[token] != 0]


MIN_TEXTS = 20
USUAL_SIZE = 1_000


class DriftLimits(NamedTuple):
    """The limit of each figure for a number of new texts."""

    texts: int
    limits: dict[str, float]


def drift_limits(network: SavedNetwork, train: Path) -> DriftLimits:
    """The limits for 1,000 new texts, or for half the number of training reviews if that is less.

    Raises:
        DataError: see `read_training_texts`.
    """
    reference = Reference(read_training_texts(network, train))
    size = reference.compared(USUAL_SIZE)
    return DriftLimits(size, {str(name): limit for name, limit in joint_limits(reference.draws(size)).items()})


def read_training_texts(network: SavedNetwork, train: Path) -> Texts:
    """The training reviews; only the validation reviews have scores, because the network was fitted to the others.

    Raises:
        DataError: there are fewer than 20 reviews, or none was held out for validation.
    """
    tokens = read_tokens(train)
    network.check_tokens(tokens)
    network.check_description()
    held_out = int(network.description["dataset"]["training_reviews"])
    if len(tokens) < MIN_TEXTS or held_out >= len(tokens):
        raise DataError(f"{train}: found {len(tokens)} training reviews, expected at least {MIN_TEXTS}")
    scores = np.full(len(tokens), np.nan, np.float32)
    scores[held_out:] = network.predict(tokens[held_out:]).probabilities
    return Texts(tokens, read_column(train, "length"), scores, network.vocabulary_size)
