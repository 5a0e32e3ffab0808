"""How a network reads: how much it remembers, how far its gradients reach, what each word changes."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.analysis.intervals import proportion
from tasks.data.tokens import Tokens
from tasks.models.learner import Learner, is_right
from tasks.results.training import MemoryPoint, Reach

MEMORY_WORDS = (10, 20, 50, 100, 200, 300, 500)
NEAR_WORDS = 100
VANISHED_SHARE = 0.01  # A gradient below this share of its value at the last word counts as vanished.
REACH_REVIEWS, REACH_POINTS = 500, 60
Flags = NDArray[np.bool_]


def memory(learner: Learner, tokens: Tokens, labels: NDArray[np.integer]) -> dict[int, Flags]:
    """Whether the network is right on each review with only its last k words, for k = 10 … 500 and the whole review."""
    whole = tokens.max_length
    numbers = (*(k for k in MEMORY_WORDS if k < whole), whole)
    return {words: is_right(learner.predict(tokens.last(words)), labels) for words in numbers}


def memory_points(right: dict[int, Flags]) -> tuple[MemoryPoint, ...]:
    """The accuracies from the result of `memory`."""
    return tuple(MemoryPoint(words, proportion(int(flags.sum()), len(flags))) for words, flags in right.items())


def near_words(max_length: int) -> int | None:
    """How many last words count as near: at most 100 and less than half a review; None if no such number exists."""
    fitting = [words for words in MEMORY_WORDS if words <= NEAR_WORDS and 2 * words < max_length]
    return max(fitting, default=None)


def longest_reviews(lengths: NDArray[np.integer], timesteps: int) -> NDArray[np.integer]:
    """Rows of the first 500 reviews that fill all timesteps or, if there are too few, of the longest 500."""
    order = np.argsort(-np.minimum(lengths, timesteps), kind="stable")
    return order[:REACH_REVIEWS]


class GradientReach(NamedTuple):
    """Quartiles of the gradient's norm and, for each review, the result of `words_within`, or -1 if unknown."""

    quartiles: Reach
    words: NDArray[np.int64]


def reach(learner: Learner, tokens: Tokens, labels: NDArray[np.integer]) -> GradientReach:
    """How far the gradient of the loss reaches, relative to each review's last word.

    If a network's probability rounds to the label in float32, the gradient is 0 at every word: the review's reach is
    unknown, and its number of words is -1.
    """
    norms = learner.gradient_norms(tokens, labels)[:, ::-1].astype(np.float64)
    known = norms[:, 0] > 0
    words = np.where(known, words_within(norms), -1)
    relative = norms[known] / norms[known, :1] if known.any() else np.zeros((1, norms.shape[1]))
    filled = int(tokens.counts.min())
    steps_back = np.unique(np.round(np.geomspace(1, filled, REACH_POINTS)).astype(int)) - 1
    quartiles = np.quantile(relative[:, :filled], [0.25, 0.5, 0.75], axis=0)
    below = np.flatnonzero(quartiles[1] < VANISHED_SHARE)
    vanished = int(below[0]) if len(below) and known.any() else None
    lower, median, upper = (tuple(curve[steps_back].tolist()) for curve in quartiles)
    return GradientReach(Reach(tuple(steps_back.tolist()), lower, median, upper, int(known.sum()), vanished), words)


def words_within(norms: NDArray[np.floating]) -> NDArray[np.int64]:
    """The number of steps in which each review's norm is at least a hundredth of the norm in the first column."""
    counts: NDArray[np.int64] = (norms >= VANISHED_SHARE * norms[:, :1]).sum(axis=1)
    return counts


def trace(learner: Learner, tokens: Tokens, row: int) -> tuple[float, ...]:
    """Probability of "positive" if a review ended after its first, second, … word (the start token included)."""
    return tuple(round(float(p), 5) for p in learner.predict(tokens.prefixes(row)))
