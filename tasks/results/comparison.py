"""Records of a whole run: which model is better, whether the textbook is right, and everything the report needs.

They contain numbers, names and codes; `artifacts.wording` puts them into words.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from tasks.results.chapter import Chapter
from tasks.results.data import Dataset
from tasks.results.sizes import SizeCurves
from tasks.results.training import Branch, Estimate, Evaluation, Explanation, LabelScores, Point
from tasks.results.yardstick import Suspects, Yardstick

# What an interval accounts for: sampling of test reviews; of seeds and reviews; or nothing beyond the observed values.
Basis = Literal["reviews", "seeds_and_reviews", "range"]


@dataclass(frozen=True)
class SeedTest:
    """Two networks with the same seed on the same reviews: how often each alone is right, and McNemar's exact test."""

    seed: int
    both_right: int
    only_first: int
    only_second: int
    both_wrong: int
    difference: Estimate
    p: float


@dataclass(frozen=True)
class Pair:
    """Two models compared at one epoch of each network: the first's test accuracy minus the second's.

    Attributes:
        first, second: the models' names.
        seeds: McNemar's test for each seed that both were trained with.
        difference: mean over seeds; with two seeds, its bounds are the lower and the higher seed's difference.
        basis: what the interval accounts for.
        p: p-value of no difference on that basis; None with two seeds.
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
        """The number of seeds with which the first model has the higher accuracy."""
        return sum(test.difference.value > 0 for test in self.seeds)


@dataclass(frozen=True)
class ModelRanking:
    """Every pair of models, and their ranking, at one epoch of each network.

    `ranking` contains groups of models, best first; no model of a group is significantly different from its best one.
    """

    pairs: tuple[Pair, ...]
    ranking: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Overfitting:
    """A model at its best validation epoch and at its last epoch, means over seeds; losses in nats."""

    best_epochs: tuple[int, ...]
    last_epoch: int
    validation_loss_best: float
    validation_loss_last: float
    test_accuracy_best: float
    test_accuracy_last: float


@dataclass(frozen=True)
class ModelSummary:
    """A model's test results over its seeds, last epoch: mean accuracy with interval, standard deviation, mean AUC.

    Attributes:
        by_label: means over seeds at the best epochs; with several seeds, the lowest and highest one are the bounds.
            None in records of earlier versions.
    """

    name: str
    seeds: int
    accuracy: Estimate
    basis: Basis
    deviation: float | None
    auc: float
    by_label: LabelScores | None = None


# The textbook's claims: the simple network makes less use of early words than the gated one; its gradient vanishes;
# that of the gated network does not, and reaches farther; the gated network's lead grows with the review's length.
Claim = Literal["forgets", "vanishes", "survives", "farther", "longer"]
Measure = Literal["memory", "initial", "first", "last", "jacobian", "length"]
Answer = Literal["confirmed", "refuted", "open"]


@dataclass(frozen=True)
class Finding:
    """The answer of one measurement to a claim.

    Attributes:
        value: the measured value with its 95 % interval; it is a difference of shares, a number of words, or the
            change of a difference of shares per 100 words. None if it cannot be measured.
        basis: what the interval accounts for.
        reviews: the number of reviews measured.
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
        slope: change of the lead per 100 words, by least squares over all reviews that are not truncated; None if these
            all have the same length.
        cut: the lead on the truncated reviews; None if there are none.
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
        simple, gated: the two models compared; "" if the run has no such pair.
        seeds: the number of seeds that both were trained with.
        words: how many last words count as near: a gradient that reaches no farther has vanished, and memory is what
            the words before them add. None if all reviews are too short.
        gains: by model, how much the words before the last `words` add to its accuracy.
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
        """The answer on which all available measurements agree; "open" if they disagree or there are none."""
        answers = {finding.answer for finding in self.of(claim) if finding.value is not None}
        return answers.pop() if len(answers) == 1 else "open"


# Why a review is read word by word. "best" and "last" are the models with the best and the worst test accuracy.
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
    """A test review as the networks see it, with each model's probability of "positive" at the last epoch."""

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
    """A model's accuracy on the reviews of `shortest` to `longest` words, mean over its seeds."""

    shortest: int
    longest: int
    reviews: int
    accuracy: Estimate


@dataclass(frozen=True)
class Evidence:
    """Everything that the report shows beyond the scores of single branches. Models are given by name, best first.

    Attributes:
        models: the models at the last epoch.
        pairs: the pairs at the last epoch, as in the tutorial.
        ranking: the ranking at the last epoch.
        kept: pairs and ranking of the networks worth keeping, those of the best validation epochs.
        overfitting: by model, the change from the best validation epoch to the last one.
        chance: accuracy of always predicting the more frequent label.
        findings: the textbook's claims checked against this run.
        trend: how a lead changes with length: the gated model's over the simple one or, if there is no such pair, the
            best model's over the last; None without two models that share a seed.
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
    """One line of the reproduction card: the tutorial's validation accuracy and ours."""

    name: str
    tutorial: float
    ours: float
    tolerance: float

    @property
    def reproduced(self) -> bool:
        """Whether our accuracy is within the tolerance of the tutorial's accuracy, or above it."""
        return self.ours >= self.tutorial - self.tolerance


@dataclass(frozen=True)
class YardstickTest:
    """A network, first, and the yardstick, second, on the same test reviews; p_holm is corrected for all networks."""

    name: str
    test: SeedTest
    p_holm: float

    @property
    def answer(self) -> Literal["better", "worse", "open"]:
        """Whether the network is right more often, or less often, at 5 % corrected for the number of networks."""
        if self.p_holm >= 0.05:
            return "open"
        return "better" if self.test.difference.value > 0 else "worse"


@dataclass(frozen=True)
class YardstickComparison:
    """The yardstick, and every network beside it at the best and at the last epoch."""

    yardstick: Yardstick
    best: tuple[YardstickTest, ...]
    last: tuple[YardstickTest, ...]

    def at(self, point: Point) -> tuple[YardstickTest, ...]:
        """The tests at the last or the best epoch."""
        return self.last if point == "last" else self.best


class Network(NamedTuple):
    """A trained network with its scores."""

    branch: Branch
    evaluation: Evaluation


@dataclass(frozen=True)
class Comparison:
    """Everything that the report is made from.

    Attributes:
        durations: the wall time of each step in this run, in seconds.
        notes: what a reader should know besides the results.
        chapter: the numbers of the chapter page; None if they could not be made.
        made_in: for each step with reused results, the wall time that they took when they were made, in seconds.
        yardstick: the networks beside a bag of words; None if that could not be measured.
        suspects: the labels that may be wrong; None without a yardstick.
        sizes: the same networks trained on fewer reviews; None without `--training-sizes`.
    """

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
    notes: tuple[str, ...] = ()
    chapter: Chapter | None = None
    made_in: dict[str, float] = field(default_factory=dict)
    yardstick: YardstickComparison | None = None
    suspects: Suspects | None = None
    sizes: SizeCurves | None = None

    def networks(self) -> list[Network]:
        """Each branch with its evaluation: the models in the order of the settings, the seeds of each in theirs."""
        evaluations = {(e.name, e.seed): e for e in self.evaluations}
        models = self.models()
        branches = sorted(self.branches, key=lambda branch: (models.index(branch.name), branch.seed))
        return [Network(branch, evaluations[branch.name, branch.seed]) for branch in branches]

    def models(self) -> list[str]:
        """Names of the models, in the order of the settings."""
        return list(dict.fromkeys(branch.name for branch in self.branches))

    def first_networks(self) -> list[Network]:
        """Each model's network with its first seed, in the order of the settings."""
        first: dict[str, Network] = {}
        for network in self.networks():
            first.setdefault(network.branch.name, network)
        return list(first.values())

    def model_summaries(self) -> list[ModelSummary]:
        """The results of each model over its seeds, in the order of the settings."""
        models = self.models()
        return sorted(self.evidence.models, key=lambda model: models.index(model.name))

    def first_explanations(self) -> list[Explanation]:
        """The explanations of `first_networks`."""
        explanations = {(e.name, e.seed): e for e in self.explanations}
        return [explanations[branch.name, branch.seed] for branch, _ in self.first_networks()]

    def mean(self, model: str, value: Callable[[Network], float]) -> float:
        """The mean of a value over the networks of a model."""
        values = [value(network) for network in self.networks() if network.branch.name == model]
        return sum(values) / len(values)

    def memory_accuracy(self, model: str, words: int | None = None) -> float | None:
        """A model's accuracy when only the last `words` words are shown, or all, mean over seeds; None if unknown."""
        found = [
            point.accuracy.value
            for explanation in self.explanations
            if explanation.name == model
            for point in (explanation.memory if words else explanation.memory[-1:])
            if words in (None, point.words)
        ]
        return sum(found) / len(found) if found else None

    def label_scores(self) -> dict[str, LabelScores]:
        """Each model's scores that say something however rare one label is, in the order of the settings."""
        return {model.name: model.by_label for model in self.model_summaries() if model.by_label}

    def has_several_seeds(self) -> bool:
        """Whether some model was trained more than once."""
        return len(self.branches) > len(self.models())
