"""What the steps hand to each other: small frozen records of paths, settings and figures. Big data stays in files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

SourceKind = Literal["imdb", "file", "sample"]
Point = Literal["last", "best"]


class Made(Protocol):
    """A step's result, which points to files."""

    @property
    def title(self) -> str:
        """A few words for people."""

    def files(self) -> dict[Path, str]:
        """Each file with its SHA-256."""


@dataclass(frozen=True)
class Source:
    """Where the reviews come from."""

    kind: SourceKind
    path: Path
    sha256: str
    origin: str
    word_index: Path | None = None

    def files(self) -> dict[Path, str]:
        """Each file with its SHA-256."""
        return {self.path: self.sha256}

    @property
    def title(self) -> str:
        """A few words for titles, figures and tags."""
        return {"imdb": "IMDB reviews", "file": f"own file {self.path.name}", "sample": "bundled sample"}[self.kind]


@dataclass(frozen=True)
class Split:
    """One prepared split and its description."""

    path: Path
    sha256: str
    reviews: int
    positive: int
    length_quantiles: dict[str, float]
    unknown_rate: float


@dataclass(frozen=True)
class Dataset:
    """Both prepared splits, the parameters that made them, and their fingerprint."""

    folder: Path
    fingerprint: str
    source: Source
    words: int
    steps: int
    train: Split
    test: Split
    imdb: bool
    example: str
    reused: bool = False

    def files(self) -> dict[Path, str]:
        """Each file with its SHA-256."""
        return {split.path: split.sha256 for split in (self.train, self.test)}

    @property
    def title(self) -> str:
        """A few words for titles, figures and tags."""
        return "IMDB reviews" if self.imdb else self.source.title


@dataclass(frozen=True)
class Epoch:
    """The tutorial's four curves at one epoch, counted from 1; loss in nats, seconds of wall time."""

    epoch: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    seconds: float


@dataclass(frozen=True)
class Machine:
    """What a branch ran on."""

    platform: str
    cpu: str
    cores: int
    memory_gb: float
    versions: dict[str, str]


@dataclass(frozen=True)
class Branch:
    """A trained model: where its files are, how it learned and what that cost."""

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
    tokens_per_second: float
    machine: Machine
    digests: dict[str, str]

    def files(self) -> dict[Path, str]:
        """Each file with its SHA-256."""
        return {self.folder / name: digest for name, digest in self.digests.items()}

    @property
    def title(self) -> str:
        """A few words for people."""
        return f"{len(self.history)} epochs, validation accuracy {self.history[-1].val_accuracy:.4f}"

    @property
    def label(self) -> str:
        """Name of the branch for people."""
        return f"{self.name} seed {self.seed}"

    @property
    def stem(self) -> str:
        """Start of the names of its figures."""
        return f"{self.name}-seed{self.seed}"

    @property
    def train_seconds(self) -> float:
        """Wall time of all epochs, validation included."""
        return sum(epoch.seconds for epoch in self.history)

    def accuracy_per_cpu_minute(self, evaluation: "Evaluation") -> float:
        """Test accuracy at the last epoch over the minutes of processor time that the branch used."""
        return evaluation.last.accuracy / max(self.cpu_seconds / 60, 1e-9)


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Reliability:
    """One bin of a reliability diagram: mean probability of "positive", share that is positive, reviews."""

    probability: float
    positive: float
    reviews: int


@dataclass(frozen=True)
class Scores:
    """A model on the test reviews. `low` and `high` bound the accuracy's 95 % interval (Wilson 1927).

    `auc_low` and `auc_high` bound the AUC's by bootstrap over reviews. `roc` holds false and true positive rates,
    `precision_recall` recalls and precisions, `calibration_error` is the expected calibration error (Guo et al. 2017).
    """

    point: Point
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
    confusion: tuple[tuple[int, int], tuple[int, int]]
    roc: tuple[tuple[float, ...], tuple[float, ...]]
    precision_recall: tuple[tuple[float, ...], tuple[float, ...]]
    reliability: tuple[Reliability, ...]
    calibration_error: float


@dataclass(frozen=True)
class Threshold:
    """The threshold with the best accuracy on the validation reviews, at the last epoch, and what it gives on test."""

    value: float
    validation_accuracy: float
    test_accuracy: float


@dataclass(frozen=True)
class Evaluation:
    """A branch's scores at its last and at its best validation epoch, and its check against the textbook formulas."""

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
        """A few words for people."""
        return f"test accuracy {self.last.accuracy:.4f}"

    def at(self, point: Point) -> Scores:
        """The scores at the last or the best epoch."""
        return self.last if point == "last" else self.best


@dataclass(frozen=True)
class MemoryPoint:
    """Accuracy at the last epoch when only the last `words` words of each review are shown."""

    words: int
    accuracy: Estimate


@dataclass(frozen=True)
class Reach:
    """Norm of d loss / d input, `steps_back` steps before the end: quartiles over reviews that fill those steps."""

    steps_back: tuple[int, ...]
    lower: tuple[float, ...]
    median: tuple[float, ...]
    upper: tuple[float, ...]
    reviews: int

    @property
    def hundredth(self) -> int | None:
        """Steps back at which the median is below a hundredth of the last step's, None if it never is."""
        return next((s for s, m in zip(self.steps_back, self.median, strict=True) if m < self.median[0] / 100), None)


@dataclass(frozen=True)
class Explanation:
    """Why a branch does what it does: its memory, how far its gradients reach, how it reads.

    `traces` holds for each chosen review the probability of "positive" after each of its words.
    """

    name: str
    seed: int
    memory: tuple[MemoryPoint, ...]
    memory_reviews: int
    reach: Reach
    traces: tuple[tuple[float, ...], ...]
    seconds: float

    def files(self) -> dict[Path, str]:
        """None: it is small enough to travel itself."""
        return {}

    @property
    def title(self) -> str:
        """A few words for people."""
        return f"{len(self.memory)} lengths of memory, {len(self.traces)} reviews read"


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


@dataclass(frozen=True)
class HistoryRow:
    """A run in the history. `ended` is in seconds since 1970; accuracies and AUCs are means over seeds, by model."""

    run: str
    ended: float
    data: str
    fingerprint: str
    seeds: int
    accuracies: dict[str, float]
    aucs: dict[str, float]
    seconds: float
    durations: dict[str, float]
    settings: dict[str, object]
    versions: dict[str, str]
    command: str
