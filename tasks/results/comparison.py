"""Records of a whole run: which model is better, what the textbook says, and everything that the report is made from.

Numbers, names and codes; the words for them are in `artifacts.wording`.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from tasks.results.data import Dataset
from tasks.results.training import Branch, Estimate, Evaluation, Explanation

# What an interval covers: the test reviews that might have been; these and the seeds; or nothing but the values seen.
Basis = Literal["reviews", "seeds_and_reviews", "range"]


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
class ModelRanking:
    """Every pair of models, and their ranking, at one epoch of each network.

    `ranking` holds groups of models, best first; a group's models cannot be told apart from its best one.
    """

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


# What the textbook says. The simple network makes less of early words; its gradient vanishes; the gated network's does
# not; it reaches farther than the simple one's; longer reviews show it.
Claim = Literal["forgets", "vanishes", "survives", "farther", "longer"]
Measure = Literal["memory", "initial", "first", "last", "jacobian", "length"]
Answer = Literal["confirmed", "refuted", "open"]


@dataclass(frozen=True)
class Finding:
    """What one measurement says of a claim.

    Attributes:
        value: the number that decides, with its 95 % interval: a difference of shares, words, or the change of a
            difference of shares per 100 words. None where it cannot be measured.
        basis: what the interval covers.
        reviews: over how many it is measured.
    """

    claim: Claim
    measure: Measure
    answer: Answer
    value: Estimate | None
    basis: Basis | None
    reviews: int


@dataclass(frozen=True)
class LengthTrend:
    """How the first model's lead over the second changes with the length of the review, at the last epoch.

    Attributes:
        slope: change of the lead per 100 words, least squares over all reviews that are not cut; None if these are
            equally long.
        cut: the lead on reviews that are cut because they are too long; None if none is.
    """

    first: str
    second: str
    slope: Estimate | None
    basis: Basis
    reviews: int
    cut: Estimate | None
    cut_reviews: int


@dataclass(frozen=True)
class Findings:
    """The textbook's claims checked against this run.

    Attributes:
        simple, gated: the two models compared; "" where the run has no such pair.
        seeds: how many both were trained with.
        words: how many last words count as near: a gradient that reaches no farther has vanished, and memory is what
            the words before them add. None if all reviews are too short.
        gains: by model, what the words before the last `words` add to its accuracy.
    """

    simple: str
    gated: str
    seeds: int
    words: int | None
    gains: dict[str, Estimate]
    findings: tuple[Finding, ...]

    def of(self, claim: Claim) -> tuple[Finding, ...]:
        """The findings on a claim."""
        return tuple(finding for finding in self.findings if finding.claim == claim)

    def answer(self, claim: Claim) -> Answer:
        """What all measurements that could be made agree on; open where they disagree or there are none."""
        answers = {finding.answer for finding in self.of(claim) if finding.value is not None}
        return answers.pop() if len(answers) == 1 else "open"


# Why a review is read word by word. "Best" and "last" are the models with the best and the worst test accuracy.
ReviewKind = Literal[
    "all_right_positive", "all_right_negative", "all_wrong", "only_best_right", "only_last_right", "long"
]


@dataclass(frozen=True)
class Chosen:
    """A test review to read word by word, by its row in the test split, and why it was chosen."""

    row: int
    reason: ReviewKind


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

    reason: ReviewKind
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
    kept: ModelRanking
    overfitting: dict[str, Overfitting]
    chance: float
    findings: Findings
    trend: LengthTrend | None
    lengths: dict[str, tuple[LengthBin, ...]]
    traces: tuple[Trace, ...]
    mistakes: dict[str, tuple[ReviewText, ...]]
    disagreements: tuple[ReviewText, ...]


@dataclass(frozen=True)
class Reproduction:
    """One line of the reproduction card: the tutorial's validation accuracy against ours."""

    name: str
    tutorial: float
    ours: float
    tolerance: float

    @property
    def reproduced(self) -> bool:
        """Whether ours is within the tolerance of the tutorial's, or better."""
        return self.ours >= self.tutorial - self.tolerance


class Network(NamedTuple):
    """A trained network with its scores."""

    branch: Branch
    evaluation: Evaluation


@dataclass(frozen=True)
class Comparison:
    """Everything that the report is made from."""

    run: str
    dataset: Dataset
    branches: tuple[Branch, ...]
    evaluations: tuple[Evaluation, ...]
    explanations: tuple[Explanation, ...]
    evidence: Evidence
    reproduction: tuple[Reproduction, ...]
    settings: dict[str, object]
    command: str
    durations: dict[str, float]

    def networks(self) -> list[Network]:
        """Each branch with its evaluation, best test accuracy at the last epoch first."""
        evaluations = {(e.name, e.seed): e for e in self.evaluations}
        networks = [Network(branch, evaluations[branch.name, branch.seed]) for branch in self.branches]
        return sorted(networks, key=lambda network: -network.evaluation.last.accuracy)

    def models(self) -> list[str]:
        """Names of the models, in the order in which they were asked for."""
        return list(dict.fromkeys(branch.name for branch in self.branches))

    def first_networks(self) -> list[Network]:
        """Each model's network with its first seed, in the order in which the models were asked for."""
        first: dict[str, Network] = {}
        for network in sorted(self.networks(), key=lambda network: network.branch.seed):
            first.setdefault(network.branch.name, network)
        return [first[model] for model in self.models()]

    def first_explanations(self) -> list[Explanation]:
        """The explanations of these networks."""
        explanations = {(e.name, e.seed): e for e in self.explanations}
        return [explanations[branch.name, branch.seed] for branch, _ in self.first_networks()]

    def has_several_seeds(self) -> bool:
        """Whether some model was trained more than once."""
        return len(self.branches) > len(self.models())
