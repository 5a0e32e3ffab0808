"""Records of several networks side by side: everything that the report is made from."""

from dataclasses import dataclass

from tasks.results.data import Dataset
from tasks.results.evaluation import Estimate, Evaluation, Explanation
from tasks.results.training import Branch


@dataclass(frozen=True)
class Chosen:
    """A test review to read word by word, by its row in the test split, and why it was chosen."""

    row: int
    reason: str


@dataclass(frozen=True)
class Text:
    """A test review as its networks see it, with the probabilities of "positive" at the last epoch by model."""

    review_id: int
    label: int
    reason: str
    words: tuple[str, ...]
    probabilities: dict[str, float]


@dataclass(frozen=True)
class Trace:
    """A review and, for each model, the probability of "positive" after each of its words."""

    text: Text
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
    """Two models compared: the first's test accuracy less the second's, over their seeds.

    With one seed, difference and p are those of the reviews (McNemar); with more, those of the seeds (paired t-test).
    `p_holm` is p after Holm's correction for all pairs of the report.
    """

    first: str
    second: str
    seeds: tuple[SeedTest, ...]
    difference: Estimate
    p: float
    p_holm: float

    @property
    def sentence(self) -> str:
        """Which is better, by how much, how sure, in plain words."""
        points, low, high = (
            100 * value for value in (self.difference.value, self.difference.low, self.difference.high)
        )
        how_sure = f"95 % interval {low:+.1f} to {high:+.1f}, {p_text(self.p_holm)}"
        alone = len(self.seeds) == 1
        where = "over one seed each" if alone else f"on average over {len(self.seeds)} seeds"
        if self.p_holm >= 0.05:
            found = f"No difference is shown between {self.first} and {self.second}: {points:+.1f} points {where}"
        else:
            better, worse = (self.first, self.second) if points > 0 else (self.second, self.first)
            low, high = (low, high) if points > 0 else (-high, -low)
            how_sure = f"95 % interval {low:.1f} to {high:.1f}, {p_text(self.p_holm)}"
            found = f"{better} is better than {worse} by {abs(points):.1f} points of test accuracy {where}"
        ahead = sum(test.difference.value > 0 for test in self.seeds)
        seeds = f"; {self.first} is ahead with {ahead} of {len(self.seeds)} seeds"
        return (
            f"{found} ({how_sure}){'; another seed may say otherwise, --replicates 3 would tell' if alone else seeds}."
        )


def p_text(p: float) -> str:
    """A p-value as one writes it."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


@dataclass(frozen=True)
class ModelSummary:
    """A model over its seeds: mean, lowest and highest test accuracy at the last epoch, standard deviation."""

    name: str
    seeds: int
    accuracy: Estimate
    deviation: float | None
    auc: float


@dataclass(frozen=True)
class Evidence:
    """What the report says beyond scores: which model, how sure, why, what failed. Models by name, best first.

    `reasons` are sentences on what sets the best model apart from the last.
    """

    models: tuple[ModelSummary, ...]
    pairs: tuple[Pair, ...]
    reasons: tuple[str, ...]
    lengths: dict[str, tuple[LengthBin, ...]]
    traces: tuple[Trace, ...]
    mistakes: dict[str, tuple[Text, ...]]
    disagreements: tuple[Text, ...]


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


@dataclass(frozen=True)
class Comparison:
    """Everything that the report is made from."""

    run: str
    title: str
    dataset: Dataset
    branches: tuple[Branch, ...]
    evaluations: tuple[Evaluation, ...]
    explanations: tuple[Explanation, ...]
    evidence: Evidence
    reproduction: tuple[Reproduction, ...]
    settings: dict[str, object]
    command: str
    durations: dict[str, float]
    warnings: tuple[str, ...] = ()

    def pairs(self) -> list[tuple[Branch, Evaluation]]:
        """Each branch with its evaluation, best test accuracy at the last epoch first."""
        found = {(e.name, e.seed): e for e in self.evaluations}
        pairs = [(branch, found[branch.name, branch.seed]) for branch in self.branches]
        return sorted(pairs, key=lambda pair: -pair[1].last.accuracy)

    def models(self) -> list[str]:
        """Names of the models, in the order in which they were asked for."""
        return list(dict.fromkeys(branch.name for branch in self.branches))

    def first_seed(self) -> list[Branch]:
        """The branches with the first seed: one for each model."""
        return [branch for branch in self.branches if branch.seed == self.branches[0].seed]
