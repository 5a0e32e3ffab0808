"""Records of why a network answers as it does: its memory, how far its gradients reach, how it reads."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tasks.results.evaluation import Estimate

# When gradients are measured: at the initial weights, after the first epoch, after the last one.
Moment = Literal["initial", "first", "last"]
MEMORY_FILE, REACH_FILE = "memory.parquet", "reach.parquet"


@dataclass(frozen=True)
class MemoryPoint:
    """Accuracy at the last epoch when only the last `words` words of each review are shown."""

    words: int
    accuracy: Estimate


@dataclass(frozen=True)
class Reach:
    """Norm of d loss / d input, `steps_back` steps before the end, relative to that at the review's last word.

    Attributes:
        lower, median, upper: quartiles over reviews that fill those steps.
        vanished: steps back at which the median first falls below a hundredth, None if it never does.
    """

    steps_back: tuple[int, ...]
    lower: tuple[float, ...]
    median: tuple[float, ...]
    upper: tuple[float, ...]
    reviews: int
    vanished: int | None


@dataclass(frozen=True)
class Explanation:
    """Why a network answers as it does.

    Attributes:
        folder: of the files.
        digests: SHA-256 of each file, by name.
        reaches: of the gradient of the loss, by moment.
        traces: for each chosen review the probability of "positive" after each of its words.

    Files, a row for each review:
        memory.parquet: review_id, length, and for each k `right_k`: whether the network is right when it sees only the
            last k words; the last column is that of the whole review.
        reach.parquet: review_id, words (those of the review that the network sees), and how many of them have at least
            a hundredth of the last word's gradient: `initial`, `first`, `last`; `jacobian` counts those steps back at
            which the Jacobian of the last state is at least a hundredth of that one step back. -1: not known.
    """

    name: str
    seed: int
    folder: Path
    digests: dict[str, str]
    memory: tuple[MemoryPoint, ...]
    memory_reviews: int
    reaches: dict[Moment, Reach]
    traces: tuple[tuple[float, ...], ...]
    seconds: float

    def files(self) -> dict[Path, str]:
        """Each file with its SHA-256."""
        return {self.folder / name: digest for name, digest in self.digests.items()}

    @property
    def title(self) -> str:
        """A few words for people."""
        return f"memory at {len(self.memory)} lengths, {len(self.traces)} reviews read word by word"
