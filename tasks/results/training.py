"""Records of a trained network: how it learned, what that cost, where its files are."""

from dataclasses import dataclass
from pathlib import Path

from tasks.results.evaluation import Evaluation


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
