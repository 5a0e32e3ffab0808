"""Records of networks trained on fewer reviews: how accuracy grows with them, and what twice the data would bring."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tasks.results.data import VocabularyOf
from tasks.results.training import Estimate

# Why nothing is said about twice the data: networks were trained for different numbers of epochs; there are too few
# sizes, or too few seeds; a network made no error at some size, or was not shown to do better than guessing; errors do
# not follow a power law; the gain's interval contains 0.
Doubt = Literal["epochs", "sizes", "seeds", "no_errors", "guessing", "bends", "unsure"]


@dataclass(frozen=True)
class SizeNetwork:
    """A network that was trained on a subset, at its best epoch by validation.

    Attributes:
        size: the number of reviews that it was fitted to.
        epochs: the number of epochs that it was trained for.
        accuracy: on the test reviews; balanced if labels are uneven.
        cpu_seconds: processor time of the training, validation included.
    """

    name: str
    size: int
    seed: int
    folder: Path
    epochs: int
    accuracy: float
    cpu_seconds: float


@dataclass(frozen=True)
class SizeData:
    """A subset, or the whole training part, as the last one.

    Attributes:
        size: the number of reviews to fit.
        unknown_rate: the share of the test reviews' words that are outside the vocabulary.
        yardstick: the test accuracy of a bag of words fitted to these reviews; None if it could not be measured.
        yardstick_seconds: its processor time.
    """

    size: int
    unknown_rate: float
    yardstick: Estimate | None
    yardstick_seconds: float | None


@dataclass(frozen=True)
class SizePoint:
    """A model at one size, at the best epochs of its networks.

    Attributes:
        accuracy: mean test accuracy over seeds with its 95 % interval; over reviews with one seed, over seeds and
            reviews with three or more; with two, the lower and the higher one are the bounds.
        cpu_seconds: processor time of the training, validation included, mean over seeds.
    """

    name: str
    size: int
    seeds: int
    accuracy: Estimate
    cpu_seconds: float


@dataclass(frozen=True)
class SizeLead:
    """Two models at one size, on the same seeds and test reviews: the first's accuracy minus the second's.

    Attributes:
        p_holm: p-value of no difference, corrected for all pairs and sizes (Holm 1979); None with two seeds.
    """

    first: str
    second: str
    size: int
    seeds: int
    difference: Estimate
    p_holm: float | None

    @property
    def leader(self) -> str | None:
        """The model that is shown to be ahead, at 5 %; None if neither is."""
        if self.p_holm is None or self.p_holm >= 0.05:
            return None
        return self.first if self.difference.value > 0 else self.second


@dataclass(frozen=True)
class Crossing:
    """One model is shown to be ahead at a size, the other one at a larger size."""

    before: str
    size_before: int
    after: str
    size_after: int


@dataclass(frozen=True)
class Outlook:
    """What twice the data would bring a model.

    Attributes:
        doubt: why that cannot be told; None if it can.
        sizes, seeds: the numbers of sizes and of seeds that it is computed from.
        guessing: the sizes at which the model is not shown to be better than always giving the more frequent label.
        exponent: b of the fitted error a * reviews ** -b; None if it was not fitted.
        observed, predicted: the error at the largest size, and what the power law through the others predicts there.
        surprise: the logarithm of observed / predicted with its 95 % interval.
        gain: what twice the data would add to the test accuracy, with its 95 % interval.
    """

    name: str
    doubt: Doubt | None
    sizes: int
    seeds: int
    guessing: tuple[int, ...] = ()
    exponent: float | None = None
    observed: float | None = None
    predicted: float | None = None
    surprise: Estimate | None = None
    gain: Estimate | None = None


@dataclass(frozen=True)
class SizeCurves:
    """Everything about training sizes.

    Attributes:
        is_balanced: whether accuracies are balanced, because labels are uneven.
        vocabulary_of: "subset" if each subset has its own vocabulary, "all" if all have that of the run.
        epochs: the smallest and the largest number of epochs that any network was trained for.
        data: the subsets, the smallest first, and the whole training part.
        points: models in the order of the settings, the sizes of each ascending.
        leads: every pair of models at every size.
        networks: the networks of the subsets.
    """

    is_balanced: bool
    vocabulary_of: VocabularyOf
    epochs: tuple[int, int]
    data: tuple[SizeData, ...]
    points: tuple[SizePoint, ...]
    leads: tuple[SizeLead, ...]
    crossings: tuple[Crossing, ...]
    outlooks: tuple[Outlook, ...]
    networks: tuple[SizeNetwork, ...]

    @property
    def sizes(self) -> list[int]:
        """All sizes, ascending."""
        return [each.size for each in self.data]

    def of_model(self, name: str) -> list[SizePoint]:
        """A model's points, ascending."""
        return [point for point in self.points if point.name == name]

    def folders(self) -> Iterator[Path]:
        """The folders of the subsets' networks."""
        return (network.folder for network in self.networks)
