"""What a training loop needs of a network, whatever computes it."""

from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tasks.data.training_reviews import Batch
from tasks.results.training import THRESHOLD


def is_right(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Whether each probability of "positive" is on its label's side of the threshold.

    Args:
        probabilities: shape (reviews,).
        labels: 0 or 1, shape (reviews,).
    """
    right: NDArray[np.bool_] = (probabilities > THRESHOLD) == (labels == 1)
    return right


class Metrics:
    """Running means of binary cross-entropy and accuracy over reviews, in float64."""

    def __init__(self) -> None:
        self.reviews = 0
        self._loss = 0.0
        self._hits = 0

    def add(self, probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> None:
        """Count a batch: probabilities of "positive" and labels of 0 or 1, shapes (reviews,)."""
        p = np.clip(probabilities.astype(np.float64), 1e-7, 1 - 1e-7)
        self._loss -= float(np.sum(np.log(np.where(labels == 1, p, 1 - p))))
        self._hits += int(np.sum(is_right(probabilities, labels)))
        self.reviews += len(labels)

    def add_means(self, loss: float, accuracy: float, reviews: int) -> None:
        """Count a batch whose means are known."""
        self._loss += loss * reviews
        self._hits += round(accuracy * reviews)
        self.reviews += reviews

    @property
    def loss(self) -> float:
        """Mean binary cross-entropy so far, in nats."""
        return self._loss / max(self.reviews, 1)

    @property
    def accuracy(self) -> float:
        """Share of reviews on the right side of 0.5 so far."""
        return self._hits / max(self.reviews, 1)


class Learner(Protocol):
    """A network that trains and predicts."""

    @property
    def engine(self) -> str:
        """What computes the network, for people: "compiled loops", or "Keras" with the reason."""

    def set_threads(self, threads: int) -> None:
        """Use that many threads from now on, where the learner can."""

    def fit_epoch(self, batches: Iterable[Batch]) -> Metrics:
        """One step of the optimizer for each batch; gives the means of loss and accuracy over the reviews."""

    def predict(self, tokens: NDArray[np.unsignedinteger]) -> NDArray[np.float32]:
        """Probabilities of "positive", shape (reviews,)."""

    def gradient_norms(self, tokens: NDArray[np.unsignedinteger], labels: NDArray[np.integer]) -> NDArray[np.float32]:
        """How far each review's gradient reaches back: the norm of d loss / d input at each timestep, 0 at padding.

        The input is the embedded token at that timestep, the loss the review's binary cross-entropy. In a simple RNN
        the gradient at timestep t holds the product of all Jacobians between t and the end, which shrinks or grows like
        a power (Bengio, Simard & Frasconi 1994). Result: shape (reviews, timesteps).
        """

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything that training resumes from, as arrays."""

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Return to what `state` gave."""

    def model(self) -> Any:
        """A plain Keras model with the present weights."""


def predict_parts(learner: Learner, parts: Iterable[NDArray[np.unsignedinteger]]) -> NDArray[np.float32]:
    """Probabilities of "positive", shape (reviews,), of reviews whose tokens come in parts."""
    return np.concatenate([learner.predict(tokens) for tokens in parts])
