"""Records of a model card: what it says of a network."""

from dataclasses import dataclass
from typing import Any

from tasks.results.evaluation import Estimate, Scores
from tasks.results.promotion import Gate


@dataclass(frozen=True)
class SliceAccuracy:
    """A part of the test set, and the accuracy of one network on it."""

    name: str
    reviews: int
    accuracy: Estimate


@dataclass(frozen=True)
class Mistake:
    """A test review that a network gets wrong: its last words, its label, the probability of "positive"."""

    review_id: int
    label: int
    probability: float
    words: tuple[str, ...]


@dataclass(frozen=True)
class CardFacts:
    """What a model card says.

    Attributes:
        network: the network's name in the registry.
        label: its name for people.
        description: `network.json`: network, training, data.
        run: in which it was trained.
        epoch: of `best.keras`, the one with the best validation accuracy.
        validation_accuracy: at that epoch.
        scores: on the test reviews, made when it was promoted.
        gate: the verdict and its numbers.
        slices: the accuracy by length and by the chosen columns of own texts.
        mistakes: the most confident ones.
        precision, recall: with their intervals.
        drift_texts: for that many new texts the limits hold.
        drift_limits: by figure, what new texts exceed when they differ from the training reviews.
    """

    network: str
    label: str
    description: dict[str, Any]
    run: str
    epoch: int
    validation_accuracy: float
    scores: Scores
    gate: Gate
    slices: tuple[SliceAccuracy, ...]
    mistakes: tuple[Mistake, ...]
    precision: Estimate
    recall: Estimate
    drift_texts: int
    drift_limits: dict[str, float]
