"""What a training loop needs from a network, whatever engine computes the network."""

from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tasks.data.tokens import Tokens
from tasks.data.training_reviews import Batch
from tasks.data.unpadded import UnpaddedReviews
from tasks.results.training import THRESHOLD

# How many reviews a network reads at once, and how many gradient norms are computed at once. Another number changes the
# last bits of results.
PREDICT_REVIEWS, NORM_REVIEWS = 256, 125
READ_REVIEWS = 20 * PREDICT_REVIEWS  # How many are in memory while a whole split is predicted.


def is_right(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Whether each probability of "positive" is on its label's side of the threshold.

    Args:
        probabilities: shape (reviews,).
        labels: 0 or 1, shape (reviews,).
    """
    right: NDArray[np.bool_] = (probabilities > THRESHOLD) == (labels == 1)
    return right


def balanced_accuracy(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer], threshold: float = THRESHOLD
) -> float:
    """The mean of the recalls of the labels that occur (Brodersen et al. 2010): 0.5 for always giving one label.

    Args:
        probabilities: of "positive", shape (reviews,).
        labels: 0 or 1, shape (reviews,).
        threshold: a review counts as positive if its probability is above this.
    """
    right = (probabilities > threshold) == (labels == 1)
    return float(np.mean([right[labels == label].mean() for label in np.unique(labels)]))


def best_threshold(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """The threshold with the best balanced accuracy: 0.5, or a midpoint between neighbouring probabilities.

    If tied, it is 0.5 or the nearest to it; it is 0.5, too, if only one label occurs.

    Args:
        probabilities: of "positive", shape (reviews,).
        labels: 0 or 1, shape (reviews,).
    """
    counts = np.bincount(labels, minlength=2)
    if not counts.all():
        return THRESHOLD
    values, places = np.unique(probabilities.astype(np.float64), return_inverse=True)
    negative, positive = (np.bincount(places[labels == label], minlength=len(values)) for label in (0, 1))
    # Thresholds are below all values, and between neighbours: what is above them counts as positive.
    recalls = 1 - np.append(0, np.cumsum(positive)) / counts[1] + np.append(0, np.cumsum(negative)) / counts[0]
    middles = np.append(np.append(0.0, values[:-1]) + values, values[-1] + 1.0) / 2
    if balanced_accuracy(probabilities, labels) >= recalls.max() / 2 - 1e-12:
        return THRESHOLD
    best = np.flatnonzero(recalls >= recalls.max() - 1e-12)
    return float(middles[best[np.argmin(np.abs(middles[best] - THRESHOLD))]])


class Metrics:
    """Running means of binary cross-entropy and accuracy over reviews, in float64."""

    def __init__(self) -> None:
        self.reviews = 0
        self._loss = 0.0
        self._hits = 0

    def add(
        self,
        probabilities: NDArray[np.floating],
        labels: NDArray[np.integer],
        weights: NDArray[np.floating] | None = None,
    ) -> None:
        """Add a batch: probabilities of "positive", labels 0 or 1, weights in the loss; each of shape (reviews,)."""
        p = np.clip(probabilities.astype(np.float64), 1e-7, 1 - 1e-7)
        logarithms = np.log(np.where(labels == 1, p, 1 - p))
        self._loss -= float(np.sum(logarithms if weights is None else logarithms * weights))
        self._hits += int(np.sum(is_right(probabilities, labels)))
        self.reviews += len(labels)

    def add_means(self, loss: float, accuracy: float, reviews: int) -> None:
        """Add a batch whose means are known."""
        self._loss += loss * reviews
        self._hits += round(accuracy * reviews)
        self.reviews += reviews

    @property
    def loss(self) -> float:
        """Mean binary cross-entropy so far, in nats."""
        return self._loss / max(self.reviews, 1)

    @property
    def accuracy(self) -> float:
        """Share of reviews so far whose probability is on the correct side of the threshold."""
        return self._hits / max(self.reviews, 1)


class Learner(Protocol):
    """A network that trains and predicts."""

    @property
    def engine(self) -> str:
        """What computes the network, for display: "compiled loops", or "Keras" with the reason."""

    def set_threads(self, threads: int) -> None:
        """Use `threads` threads from now on, if the learner supports that."""

    def fit_epoch(self, batches: Iterable[Batch]) -> Metrics:
        """Take one optimizer step per batch; return the mean loss and accuracy over the reviews."""

    def predict(self, tokens: Tokens) -> NDArray[np.float32]:
        """Probabilities of "positive", shape (reviews,)."""

    def gradient_norms(self, tokens: Tokens, labels: NDArray[np.integer]) -> NDArray[np.float32]:
        """How far each review's gradient reaches back: the norm of d loss / d input at each timestep, 0 at padding.

        The input is the embedded token at that timestep, and the loss is the review's binary cross-entropy. In a simple
        RNN the gradient at timestep t contains the product of all Jacobians from t to the end; this product shrinks
        or grows exponentially (Bengio, Simard & Frasconi 1994). Result: shape (reviews, timesteps).
        """

    def state(self) -> dict[str, NDArray[Any]]:
        """Return what training needs to resume, as arrays."""

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Restore what `state` returned."""

    def model(self) -> Any:
        """Return a plain Keras model with the current weights."""


def predict_all(learner: Learner, reviews: UnpaddedReviews, first: int = 0) -> NDArray[np.float32]:
    """Probabilities of "positive" for the reviews from `first` on, shape (reviews - first,)."""
    return np.concatenate([learner.predict(tokens) for tokens in reviews.parts(READ_REVIEWS, first)])
