"""Records of a trained network: how it learned, what that cost, where its files are."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Epoch:
    """The tutorial's four curves at one epoch, counted from 1; loss in nats, seconds of wall and of processor time."""

    epoch: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    seconds: float
    cpu_seconds: float


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
    """A trained network: where its files are, how it learned and what that cost.

    Attributes:
        best_epoch: the epoch with the best validation accuracy, counted from 1.
        started, ended: in seconds since 1970.
        threads: those that the training started with.
        digests: SHA-256 of each of its files, by name.
    """

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
    words_per_epoch: int
    machine: Machine
    digests: dict[str, str]

    def files(self) -> dict[Path, str]:
        """Each file with its SHA-256."""
        return {self.folder / name: digest for name, digest in self.digests.items()}

    @property
    def title(self) -> str:
        """A few words for people."""
        epochs = "1 epoch" if len(self.history) == 1 else f"{len(self.history)} epochs"
        return f"{epochs}, validation accuracy {self.history[-1].val_accuracy:.4f}"

    @property
    def epochs_text(self) -> str:
        """How many epochs it was trained for, for people."""
        return f"{len(self.history)} epoch{'' if len(self.history) == 1 else 's'}"

    @property
    def label(self) -> str:
        """Name of the branch for people."""
        return f"{self.name} seed {self.seed}"

    @property
    def stem(self) -> str:
        """Start of the names of its figures."""
        return f"{self.name}-seed{self.seed}"

    @property
    def cpu_seconds_per_epoch(self) -> float:
        """Mean processor time per epoch in seconds, validation included."""
        return sum(epoch.cpu_seconds for epoch in self.history) / len(self.history)

    @property
    def train_seconds(self) -> float:
        """Wall time of all epochs, validation included."""
        return sum(epoch.seconds for epoch in self.history)
