"""Records of what the predictions of several networks say together. Numbers, names and codes, no sentences.

The words for them are in `artifacts.wording`.
"""

from dataclasses import dataclass
from typing import Literal

from tasks.results.evaluation import Estimate
from tasks.results.findings import Findings, LengthTrend
from tasks.results.verdict import ModelSummary, Overfitting, Pair, Verdict

# Why a review is read word by word. "Best" and "last" are the models with the best and the worst test accuracy.
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
class Evidence:
    """What the report says beyond the scores of single branches. Models by name, best first.

    Attributes:
        models: at the last epoch.
        pairs: at the last epoch, as in the tutorial.
        ranking: at the last epoch.
        kept: the networks that one would keep, those of the best validation epochs.
        overfitting: by model, what lies between the two.
        chance: accuracy of always giving the more frequent label.
        findings: the textbook's claims checked against this run.
        trend: how a lead changes with length: that of the gated over the simple model, or if there is no such pair, of
            the best over the last model; None where one model was trained alone.
    """

    models: tuple[ModelSummary, ...]
    pairs: tuple[Pair, ...]
    ranking: tuple[tuple[str, ...], ...]
    kept: Verdict
    overfitting: dict[str, Overfitting]
    chance: float
    findings: Findings
    trend: LengthTrend | None
    lengths: dict[str, tuple[LengthBin, ...]]
    traces: tuple[Trace, ...]
    mistakes: dict[str, tuple[ReviewText, ...]]
    disagreements: tuple[ReviewText, ...]
