"""Records of the yardstick: what a bag of words, which ignores the order of words, gets on the same reviews.

Together with the networks it also tells which labels may be wrong.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tasks.results.training import Estimate, LabelScores, check_names


@dataclass(frozen=True)
class Yardstick:
    """Logistic regression on TF-IDF of the tokens that the networks read.

    Attributes:
        folder: the folder of the files.
        digests: SHA-256 of each file, by name.
        strength: scikit-learn's C, the inverse of the penalty; of `strengths`, the best on the validation reviews.
        class_weight: "none" or "balanced", as scikit-learn defines it.
        reviews: the number of reviews that it was fitted to, at most 250,000; validation reviews are not among them.
        features: the number of different words in these reviews.
        accuracy, by_label, auc: its results on the test reviews.
        validation_accuracy, validation_balanced: its accuracy, and balanced accuracy, on the validation reviews.
        cpu_seconds: processor time, from the tokens to the test probabilities, all `strengths` included.

    Files, with a row for each review: review_id, label, row (its place in the split), probability of "positive":
        yardstick.parquet: the test reviews.
        out_of_fold.parquet: the training reviews, each predicted by a bag of words that has not seen its label.
    """

    folder: Path
    digests: dict[str, str]
    strength: float
    strengths: tuple[float, ...]
    class_weight: str
    reviews: int
    features: int
    accuracy: Estimate
    by_label: LabelScores
    auc: float
    validation_accuracy: float
    validation_balanced: float
    cpu_seconds: float

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
        return f"test accuracy {self.accuracy.value:.4f}"


@dataclass(frozen=True)
class Suspect:
    """A review whose label every judge contradicts.

    Attributes:
        part: "train" or "test".
        review_id: as in the part's Parquet file.
        file, row: where it is in the user's own texts, as messages count rows; None for other data.
        label: 0 or 1, as given.
        score: the smallest of the judges' probabilities that the label is the other one.
        bag_of_words: the probability of "positive" by the bag of words; of a training review, out of fold.
        networks: the probabilities of "positive" by model, means over seeds; none for training reviews, whose labels
            the networks have seen.
        words: the last words, as the networks see them.
    """

    part: Literal["train", "test"]
    review_id: int
    file: str | None
    row: int | None
    label: int
    score: float
    bag_of_words: float
    networks: dict[str, float]
    words: tuple[str, ...]


@dataclass(frozen=True)
class Suspects:
    """The labels that every judge contradicts: of how many reviews, how many these are, and the surest ones first."""

    judged: int
    contradicted: int
    written: int
    first: tuple[Suspect, ...]
