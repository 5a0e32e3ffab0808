"""Records of drift: how far new texts are from the reviews that a network was trained on."""

from dataclasses import dataclass
from typing import Literal

FigureName = Literal["words", "unseen words", "lengths", "scores", "domain classifier"]


@dataclass(frozen=True)
class DriftFigure:
    """One measure of the difference between two sets of texts.

    Attributes:
        name: the figure's name.
        value: its value for the new texts.
        limit: at most one of 100 sets of unchanged reviews exceeds the limit in any figure.
        usual: the limit that is commonly used; None if there is none.
        draws: its values for the sets of unchanged reviews, sorted.
    """

    name: FigureName
    value: float
    limit: float
    usual: float | None
    draws: tuple[float, ...]

    @property
    def alarms(self) -> bool:
        """Whether the new texts exceed this figure's limit."""
        return self.value > self.limit


@dataclass(frozen=True)
class DistinguishingWord:
    """A word that distinguishes new texts from training reviews, with the share of each set that contains it."""

    word: str
    new: float
    training: float


@dataclass(frozen=True)
class Drift:
    """New texts compared with training reviews.

    Attributes:
        texts: number of new texts.
        compared: number of new texts compared, which is also the size of a draw of training reviews.
        training: number of training reviews.
        figures: the differences.
        distinguishing: the most distinguishing words, those more frequent in the new texts first.
        unseen: share of words that the vocabulary lacks, in the new texts and in the training reviews.
        median_length: median lengths of the new texts and of the training reviews, in words.
        seconds: wall time.
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
        """Whether any figure exceeds its limit."""
        return any(figure.alarms for figure in self.figures)

    @property
    def below_usual_limits(self) -> bool:
        """Whether every figure is below its commonly used limit: an alarm then means a real but small drift."""

        return all(figure.value < figure.usual for figure in self.figures if figure.usual is not None)
