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
class Scores:
    """A model on the test reviews. `low` and `high` bound the accuracy's 95 % interval (Wilson 1927)."""

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
    confusion: tuple[tuple[int, int], tuple[int, int]]
    roc: tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True)
class Evaluation:
    """A branch's scores at its last and at its best validation epoch, and its check against the textbook formulas."""

    name: str
    seed: int
    predictions: Path
    sha256: str
    last: Scores
    best: Scores
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
    reproduction: tuple[Reproduction, ...]
    settings: dict[str, object]
    command: str
    warnings: tuple[str, ...] = ()

    def pairs(self) -> list[tuple[Branch, Evaluation]]:
        """Each branch with its evaluation, best test accuracy at the last epoch first."""
        found = {(e.name, e.seed): e for e in self.evaluations}
        pairs = [(branch, found[branch.name, branch.seed]) for branch in self.branches]
        return sorted(pairs, key=lambda pair: -pair[1].last.accuracy)
