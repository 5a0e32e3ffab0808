"""Records of a trained network on the test reviews: its scores."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

Point = Literal["last", "best"]


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Reliability:
    """One bin of a reliability diagram: mean probability of "positive", share that is positive, reviews."""

    probability: float
    positive: float
    reviews: int


class Predicted(NamedTuple):
    """How many reviews of one label were predicted as negative and as positive."""

    negative: int
    positive: int


class Confusion(NamedTuple):
    """The confusion matrix, a row for each label; laid out as scikit-learn's."""

    negative: Predicted
    positive: Predicted


class Curve(NamedTuple):
    """Points of a curve from left to right."""

    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True)
class Scores:
    """A model on the test reviews, at the threshold 0.5.

    Attributes:
        point, epoch: the network that is scored.
        loss: mean binary cross-entropy, in nats.
        low, high: bounds of the accuracy's 95 % interval (Wilson 1927).
        auc_low, auc_high: bounds of the AUC's 95 % interval (bootstrap over reviews).
        roc: true positive rate over false positive rate.
        precision_recall: precision over recall.
        calibration_error: expected calibration error (Guo et al. 2017).
    """

    point: Point
    epoch: int
    reviews: int
    loss: float
    accuracy: float
    low: float
    high: float
    precision: float
    recall: float
    f1: float
    auc: float
    auc_low: float
    auc_high: float
    confusion: Confusion
    roc: Curve
    precision_recall: Curve
    reliability: tuple[Reliability, ...]
    calibration_error: float

    @property
    def accuracy_estimate(self) -> Estimate:
        """The accuracy with its interval."""
        return Estimate(self.accuracy, self.low, self.high)

    @property
    def auc_estimate(self) -> Estimate:
        """The AUC with its interval."""
        return Estimate(self.auc, self.auc_low, self.auc_high)

    @property
    def overconfidence(self) -> Estimate:
        """How much farther from 0.5 the probabilities are than the shares of positive reviews, mean over reviews.

        By the bins of the reliability diagram; the 95 % interval is that of independent binomial shares.
        """
        excess = sum(
            math.copysign(b.reviews, b.probability - 0.5) * (b.probability - b.positive) for b in self.reliability
        )
        variance = sum(b.reviews * b.positive * (1 - b.positive) for b in self.reliability)
        value, half = excess / self.reviews, 1.959964 * math.sqrt(variance) / self.reviews
        return Estimate(value, value - half, value + half)


@dataclass(frozen=True)
class Threshold:
    """The threshold with the best accuracy on the validation reviews, at the last epoch, and what it gives on test."""

    value: float
    validation_accuracy: float
    test_accuracy: float


@dataclass(frozen=True)
class Evaluation:
    """A branch's scores at its last and at its best validation epoch, and its check against the textbook formulas."""

    name: str
    seed: int
    predictions: Path
    sha256: str
    last: Scores
    best: Scores
    threshold: Threshold
    numpy_reviews: int
    numpy_difference: float
    seconds: float

    def files(self) -> dict[Path, str]:
        """Each file with its SHA-256."""
        return {self.predictions: self.sha256}

    @property
    def title(self) -> str:
        """A few words for people."""
        return f"test accuracy {self.last.accuracy:.4f}"

    def at(self, point: Point) -> Scores:
        """The scores at the last or the best epoch."""
        return self.last if point == "last" else self.best
