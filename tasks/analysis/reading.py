"""How a network reads: how much it remembers, how far its gradients reach, what each word changes."""

import numpy as np
from numpy.typing import NDArray

from tasks.analysis.statistics import proportion
from tasks.models.learner import Learner
from tasks.results.evaluation import MemoryPoint, Reach

MEMORY_WORDS = (10, 20, 50, 100, 200, 300, 500)
REACH_REVIEWS, REACH_POINTS = 500, 60


def memory(
    learner: Learner, tokens: NDArray[np.unsignedinteger], labels: NDArray[np.integer]
) -> tuple[MemoryPoint, ...]:
    """Accuracy when all but the last k words of each review are padding, k = 10 … 500 and the whole review."""
    timesteps = tokens.shape[1]
    points = []
    for words in (*(k for k in MEMORY_WORDS if k < timesteps), timesteps):
        shown = tokens.copy()
        shown[:, : timesteps - words] = 0
        right = int(np.sum((learner.predict(shown) > 0.5) == (labels == 1)))
        points.append(MemoryPoint(words, proportion(right, len(labels))))
    return tuple(points)


def longest_reviews(lengths: NDArray[np.integer], timesteps: int) -> NDArray[np.integer]:
    """Rows of the first 500 reviews that fill all timesteps, or where there are too few, of the longest 500."""
    order = np.argsort(-np.minimum(lengths, timesteps), kind="stable")
    return order[:REACH_REVIEWS]


def reach(learner: Learner, tokens: NDArray[np.unsignedinteger], labels: NDArray[np.integer]) -> Reach:
    """Quartiles over reviews of the gradient's norm at each step back from the end; padding is left out."""
    norms = learner.gradient_norms(tokens, labels)[:, ::-1].astype(np.float64)
    filled = int((tokens != 0).all(axis=0)[::-1].argmin()) or tokens.shape[1]
    steps_back = np.unique(np.round(np.geomspace(1, filled, REACH_POINTS)).astype(int)) - 1
    lower, median, upper = np.quantile(norms[:, steps_back], [0.25, 0.5, 0.75], axis=0)
    return Reach(
        tuple(steps_back.tolist()), tuple(lower.tolist()), tuple(median.tolist()), tuple(upper.tolist()), len(tokens)
    )


def trace(learner: Learner, review: NDArray[np.unsignedinteger]) -> tuple[float, ...]:
    """Probability of "positive" if the review ended after its first, second, … word (the start token included)."""
    words = review[review != 0]
    prefixes = np.zeros((len(words), len(review)), review.dtype)
    for end in range(1, len(words) + 1):
        prefixes[end - 1, len(review) - end :] = words[:end]
    return tuple(round(float(p), 5) for p in learner.predict(prefixes))
