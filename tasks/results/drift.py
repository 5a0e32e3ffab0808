"""Records of drift: how far new texts are from the reviews that a network was trained on."""

from dataclasses import dataclass
from typing import Literal

FigureName = Literal["words", "unseen words", "lengths", "scores", "domain classifier"]


@dataclass(frozen=True)
class DriftFigure:
    """One way to see a difference.

    Attributes:
        name: of the figure.
        value: of the new texts.
        limit: what at most one of 100 sets of unchanged reviews exceeds in any figure.
        usual: the limit that is commonly used; None where there is none.
        draws: the figure of each set of unchanged reviews, sorted.
    """

    name: FigureName
    value: float
    limit: float
    usual: float | None
    draws: tuple[float, ...]

    @property
    def alarms(self) -> bool:
        """Whether the new texts differ by this figure."""
        return self.value > self.limit


@dataclass(frozen=True)
class DistinguishingWord:
    """A word that tells new texts from training reviews: the share of texts that contain it in each."""

    word: str
    new: float
    training: float


@dataclass(frozen=True)
class Drift:
    """New texts against training reviews.

    Attributes:
        texts: how many new ones there are.
        compared: how many of them a draw of training reviews is as large as.
        training: how many training reviews there are.
        figures: the differences.
        distinguishing: the words that differ most, those of the new texts first.
        unseen: share of words that the vocabulary lacks, in the new texts and in the training reviews.
        median_length: in words, of both.
        seconds: of wall time.
    """

    texts: int
    compared: int
    training: int
    figures: tuple[DriftFigure, ...]
    distinguishing: tuple[DistinguishingWord, ...]
    unseen: tuple[float, float]
    median_length: tuple[float, float]
    seconds: float

    @property
    def alarms(self) -> bool:
        """Whether any figure alarms."""
        return any(figure.alarms for figure in self.figures)

    @property
    def below_usual_limits(self) -> bool:
        """Whether no figure reaches the limit that is commonly used: more than chance, but little."""
        return all(figure.value < figure.usual for figure in self.figures if figure.usual is not None)
