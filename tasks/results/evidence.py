"""Records of what the predictions of several networks say together. Numbers, names and codes, no sentences.

The words for them are in `artifacts.wording`.
"""

from dataclasses import dataclass
from typing import Literal

from tasks.results.evaluation import Estimate, Point

# Why a review is read word by word. "Best" and "last" are the models with the best and the worst test accuracy.
# What an interval covers: the test reviews that might have been; these and the seeds; or nothing but the values seen.
Basis = Literal["reviews", "seeds_and_reviews", "range"]
Reason = Literal["all_right_positive", "all_right_negative", "all_wrong", "only_best_right", "only_last_right", "long"]


@dataclass(frozen=True)
class Chosen:
    """A test review to read word by word, by its row in the test split, and why it was chosen."""

    row: int
    reason: Reason


@dataclass(frozen=True)
class ReviewText:
    """A test review as its networks see it, with the probabilities of "positive" at the last epoch by model."""

    review_id: int
    label: int
    words: tuple[str, ...]
    probabilities: dict[str, float]


@dataclass(frozen=True)
class Trace:
    """A chosen review and, for each model, the probability of "positive" after each of its words."""

    reason: Reason
    review: ReviewText
    lines: dict[str, tuple[float, ...]]


@dataclass(frozen=True)
class LengthBin:
    """Accuracy of a model on the reviews of `shortest` to `longest` words, mean over its seeds."""

    shortest: int
    longest: int
    reviews: int
    accuracy: Estimate


@dataclass(frozen=True)
class SeedTest:
    """Two networks with one seed on the same reviews: who alone is right how often, McNemar's exact test."""

    seed: int
    both_right: int
    only_first: int
    only_second: int
    both_wrong: int
    difference: Estimate
    p: float


@dataclass(frozen=True)
class Pair:
    """Two models compared at one epoch of each network: the first's test accuracy less the second's.

    Attributes:
        first, second: their names.
        seeds: McNemar's test of each seed that both were trained with.
        difference: mean over seeds; with two seeds, between the lower and the higher one.
        basis: what the interval covers.
        p: of no difference on that basis; None with two seeds.
        p_holm: p after Holm's correction for all pairs.
    """

    first: str
    second: str
    seeds: tuple[SeedTest, ...]
    difference: Estimate
    basis: Basis
    p: float | None
    p_holm: float | None

    @property
    def is_different(self) -> bool:
        """Whether the difference is significant at 5 %, corrected for the number of pairs."""
        return self.p_holm is not None and self.p_holm < 0.05

    @property
    def seeds_ahead(self) -> int:
        """With how many seeds the first model has the higher accuracy."""
        return sum(test.difference.value > 0 for test in self.seeds)


@dataclass(frozen=True)
class Verdict:
    """The models at the last epoch of each network, or at the best validation epoch of each.

    `ranking` holds groups of models, best first; a group's models cannot be told apart from its best one.
    """

    point: Point
    pairs: tuple[Pair, ...]
    ranking: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Overfitting:
    """A model at its best validation epoch and at the last one, mean over seeds; losses in nats."""

    best_epochs: tuple[int, ...]
    last_epoch: int
    validation_loss_best: float
    validation_loss_last: float
    test_accuracy_best: float
    test_accuracy_last: float


@dataclass(frozen=True)
class ModelSummary:
    """A model over its seeds at the last epoch: mean test accuracy with its interval, standard deviation, mean AUC."""

    name: str
    seeds: int
    accuracy: Estimate
    basis: Basis
    deviation: float | None
    auc: float


@dataclass(frozen=True)
class LengthLead:
    """The best model's lead in accuracy on the shortest and on the longest reviews.

    Attributes:
        short_at_most, long_at_least: the bounds of the two bins, in words.
        short, long: the lead in each.
        change: the lead on long reviews less that on short ones.
    """

    short_at_most: int
    long_at_least: int
    short: Estimate
    long: Estimate
    change: Estimate


@dataclass(frozen=True)
class MemoryGain:
    """A model's accuracy from the `words` last words of each review alone, and what all words add to it."""

    words: int
    accuracy: float
    gain: float


@dataclass(frozen=True)
class Contrast:
    """What sets the best model apart from the last.

    Attributes:
        best, last: their names.
        lengths: the lead by length; None if all reviews are equally long.
        memory: by model, the best first.
        movement: by model, the mean change of the probability of "positive" from one word to the next in the reviews
            that are read word by word; empty if none is.
    """

    best: str
    last: str
    lengths: LengthLead | None
    memory: dict[str, MemoryGain]
    movement: dict[str, float]


@dataclass(frozen=True)
class Evidence:
    """What the report says beyond the scores of single branches. Models by name, best first.

    Attributes:
        models: at the last epoch.
        pairs: at the last epoch, as in the tutorial.
        ranking: at the last epoch.
        kept: the networks that one would keep, those of the best validation epochs.
        overfitting: by model, what lies between the two.
        chance: accuracy of always giving the more frequent label.
        contrast: None where one model was trained alone.
    """

    models: tuple[ModelSummary, ...]
    pairs: tuple[Pair, ...]
    ranking: tuple[tuple[str, ...], ...]
    kept: Verdict
    overfitting: dict[str, Overfitting]
    chance: float
    contrast: Contrast | None
    lengths: dict[str, tuple[LengthBin, ...]]
    traces: tuple[Trace, ...]
    mistakes: dict[str, tuple[ReviewText, ...]]
    disagreements: tuple[ReviewText, ...]
