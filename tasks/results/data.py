"""Records of the reviews: where they come from and how they were prepared. Big data stays in files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

SourceKind = Literal["imdb", "file", "sample"]


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
    vocabulary_size: int
    max_length: int
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
