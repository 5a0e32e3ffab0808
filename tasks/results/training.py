"""Records of one trained network: its training, its cost, its scores, and the explanation of its predictions."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

NETWORK_NAME = r"^[a-z][a-z0-9_]{0,39}$"  # Names of networks are parts of file names.
THRESHOLD = 0.5  # A review counts as positive if its probability is above this.
Point = Literal["last", "best"]
ClassWeight = Literal["none", "balanced"]


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Reliability:
    """One bin of a reliability diagram: mean probability of "positive", share of positives, number of reviews."""

    probability: float
    positive: float
    reviews: int


class Predicted(NamedTuple):
    """How many reviews of one label were predicted as negative and as positive."""

    negative: int
    positive: int


class Confusion(NamedTuple):
    """The confusion matrix in scikit-learn's layout: a row for each label."""

    negative: Predicted
    positive: Predicted


class Curve(NamedTuple):
    """Points of a curve from left to right."""

    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True)
class LabelScores:
    """Scores that say something however rare one label is.

    Attributes:
        balanced: balanced accuracy, the mean of the two labels' recalls, with its 95 % interval.
        f1: F1 of the rarer label, the harmonic mean of its precision and recall.
        area: area under the rarer label's precision-recall curve (average precision).
    """

    balanced: Estimate
    f1: float
    area: float

    @classmethod
    def of_always(cls, rarer_share: float) -> "LabelScores":
        """What always giving the more frequent label gets; by chance, the area is the rarer label's share."""
        return cls(Estimate(0.5, 0.5, 0.5), 0.0, rarer_share)


@dataclass(frozen=True)
class Scores:
    """A model's scores on the test reviews, at a threshold of 0.5.

    Attributes:
        epoch: the epoch after which the network was scored.
        loss: mean binary cross-entropy, in nats.
        low, high: bounds of the accuracy's 95 % interval (Wilson 1927).
        auc_low, auc_high: bounds of the AUC's 95 % interval (bootstrap over reviews).
        roc: true positive rate (y) against false positive rate (x).
        precision_recall: precision (y) against recall (x).
        calibration_error: expected calibration error (Guo et al. 2017).
        by_label: scores that say something however rare one label is.
    """

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
    by_label: LabelScores

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
        """How much farther from 0.5 the probabilities are than the shares of positives, on average over reviews.

        The estimate uses the bins of the reliability diagram; the 95 % interval assumes independent binomial shares.
        """
        excess = sum(
            math.copysign(b.reviews, b.probability - 0.5) * (b.probability - b.positive) for b in self.reliability
        )
        variance = sum(b.reviews * b.positive * (1 - b.positive) for b in self.reliability)
        value, half = excess / self.reviews, 1.959964 * math.sqrt(variance) / self.reviews
        return Estimate(value, value - half, value + half)


@dataclass(frozen=True)
class Threshold:
    """The threshold with the best balanced accuracy on validation at the best epoch, and what it gives.

    Attributes:
        validation: balanced accuracy on the validation reviews.
        test, test_accuracy: balanced accuracy, and accuracy, on the test reviews.
    """

    value: float
    validation: float
    test: float
    test_accuracy: float


@dataclass(frozen=True)
class Evaluation:
    """A branch's scores at its last epoch and at its best one by validation, and its check against the textbook."""

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
        """A short description for logs and the UI."""
        return f"test accuracy {self.last.accuracy:.4f}"

    def at(self, point: Point) -> Scores:
        """The scores at the last or the best epoch."""
        return self.last if point == "last" else self.best


@dataclass(frozen=True)
class Epoch:
    """The tutorial's four curves at one epoch, counted from 1; losses in nats, wall and processor time in seconds.

    Attributes:
        val_balanced_accuracy: mean of the two labels' recalls on the validation reviews, at a threshold of 0.5; None in
            records of earlier versions.
    """

    epoch: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    seconds: float
    cpu_seconds: float
    val_balanced_accuracy: float | None = None

    @property
    def quality(self) -> float:
        """What the best epoch and the best network are chosen by: balanced validation accuracy.

        Accuracy would choose what always gives the more frequent label wherever one label is rare.
        """
        return self.val_accuracy if self.val_balanced_accuracy is None else self.val_balanced_accuracy

    @property
    def rank(self) -> tuple[float, float]:
        """What epochs and networks are compared by: the quality and, if that is tied, the lower validation loss."""
        return self.quality, -self.val_loss


def best_epoch(history: Sequence[Epoch]) -> Epoch:
    """The epoch with the best balanced validation accuracy; if tied, with the lowest loss, then the earliest."""
    return max(history, key=lambda epoch: epoch.rank)


@dataclass(frozen=True)
class Machine:
    """The machine that a branch ran on."""

    platform: str
    cpu: str
    cores: int
    memory_gb: float
    versions: dict[str, str]


def check_names(digests: dict[str, str]) -> None:
    """Check that files are named by plain names.

    Raises:
        ValueError: a name is a path.
    """
    paths = [name for name in digests if name in ("", ".", "..") or Path(name).name != name]
    if paths:
        raise ValueError(f"found the path {paths[0]!r}, expected the name of a file")


@dataclass(frozen=True)
class Branch:
    """A trained network: its files, its training and its cost.

    Attributes:
        best_epoch: the epoch with the best balanced validation accuracy, counted from 1.
        started, ended: seconds since 1970.
        threads: the number of threads at the start of the training.
        digests: SHA-256 of each of its files, by name.
    """

    name: str
    seed: int
    key: str
    folder: Path
    spec: dict[str, object]
    engine: str
    threads: int
    parameters: int
    history: tuple[Epoch, ...]
    best_epoch: int
    started: float
    ended: float
    cpu_seconds: float
    peak_memory_mb: float
    words_per_epoch: int
    machine: Machine
    digests: dict[str, str]

    def __post_init__(self) -> None:
        """Check what a damaged or edited record may break.

        Raises:
            ValueError: the history has no epochs, or leaves one out; the best epoch is none of them; its name is none
                that a network can have; or a name of a file is a path.
        """
        epochs = [epoch.epoch for epoch in self.history]
        if not epochs or epochs != list(range(1, len(epochs) + 1)) or self.best_epoch not in epochs:
            raise ValueError(f"found the epochs {epochs[:5]} and the best epoch {self.best_epoch}")
        if not re.fullmatch(NETWORK_NAME, self.name):
            raise ValueError(f"found the network {self.name!r}, expected lower-case letters, digits and underscores")
        check_names(self.digests)

    def files(self) -> dict[Path, str]:
        """Each file with its SHA-256."""
        return {self.folder / name: digest for name, digest in self.digests.items()}

    @property
    def title(self) -> str:
        """A short description for logs and the UI."""
        epochs = "1 epoch" if len(self.history) == 1 else f"{len(self.history)} epochs"
        return f"{epochs}, validation accuracy {self.history[-1].val_accuracy:.4f}"

    @property
    def epochs_text(self) -> str:
        """The number of epochs, as text."""
        return f"{len(self.history)} epoch{'' if len(self.history) == 1 else 's'}"

    @property
    def label(self) -> str:
        """The branch's display name."""
        return f"{self.name} seed {self.seed}"

    @property
    def stem(self) -> str:
        """The start of the file names of the branch's figures."""
        return f"{self.name}-seed{self.seed}"

    @property
    def cpu_seconds_per_epoch(self) -> float:
        """Mean processor time per epoch, including validation, in seconds."""
        return sum(epoch.cpu_seconds for epoch in self.history) / len(self.history)

    @property
    def train_seconds(self) -> float:
        """Wall time of all epochs, including validation, in seconds."""
        return sum(epoch.seconds for epoch in self.history)


# When gradients are measured: with the initial weights, after the first epoch, after the last.
Moment = Literal["initial", "first", "last"]


@dataclass(frozen=True)
class MemoryPoint:
    """Accuracy at the last epoch when the network sees only the last `words` words of each review."""

    words: int
    accuracy: Estimate


@dataclass(frozen=True)
class Reach:
    """Norm of d loss / d input, `steps_back` steps before the end, relative to that at the review's last word.

    Attributes:
        lower, median, upper: quartiles over the reviews.
        vanished: how many steps back the median first falls below a hundredth; None if it never does.
    """

    steps_back: tuple[int, ...]
    lower: tuple[float, ...]
    median: tuple[float, ...]
    upper: tuple[float, ...]
    reviews: int
    vanished: int | None


@dataclass(frozen=True)
class Explanation:
    """The explanation of a network's predictions.

    Attributes:
        folder: the folder of the files.
        digests: SHA-256 of each file, by name.
        reaches: the reach of the loss's gradient, by moment.
        traces: for each chosen review, the probability of "positive" after each of its words.

    Files, with a row for each review:
        memory.parquet: review_id, length, and for each k `right_k`: whether the network is right when it sees only the
            last k words; the last column is for the whole review.
        reach.parquet: review_id, words (how many words the network sees), and how many of them have at least a
            hundredth of the last word's gradient: `initial`, `first`, `last`; `jacobian` counts the steps back at
            which the Jacobian of the last state is at least a hundredth of its value one step back. -1: unknown.
    """

    name: str
    seed: int
    folder: Path
    digests: dict[str, str]
    memory: tuple[MemoryPoint, ...]
    memory_reviews: int
    reaches: dict[Moment, Reach]
    traces: tuple[tuple[float, ...], ...]
    seconds: float

    def __post_init__(self) -> None:
        """Check the names of the files.

        Raises:
            ValueError: a name is a path.
        """
        check_names(self.digests)

    def files(self) -> dict[Path, str]:
        """Each file with its SHA-256."""
        return {self.folder / name: digest for name, digest in self.digests.items()}

    @property
    def title(self) -> str:
        """A short description for logs and the UI."""
        return f"memory at {len(self.memory)} lengths, {len(self.traces)} reviews read word by word"
