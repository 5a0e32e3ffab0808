"""Records of the reviews: where they come from and how they were prepared. Big data stays in files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

SourceKind = Literal["imdb", "file", "sample"]


@dataclass(frozen=True)
class Source:
    """Where the reviews come from, and the word index that turns their ranks into words, where there is one."""

    kind: SourceKind
    path: Path
    sha256: str
    origin: str
    word_index: Path | None = None
    word_index_sha256: str | None = None

    def files(self) -> dict[Path, str]:
        """Each file with its SHA-256."""
        index = {self.word_index: self.word_index_sha256} if self.word_index and self.word_index_sha256 else {}
        return {self.path: self.sha256} | index

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
    """Both prepared splits with their vocabulary, and what decided them.

    Attributes:
        folder: holds the files and `dataset.json`.
        fingerprint: of everything that decides the tokens.
        source: where the reviews come from.
        vocabulary_size: tokens run from 0 to `vocabulary_size` - 1; 0 is padding, 1 the start, 2 an unknown word.
        max_length: tokens of each review, after padding and truncation in front.
        train, test: the two splits.
        vocabulary: JSON file of the words that the tokens stand for, each with its rank, as in Keras's word index.
        vocabulary_sha256: of that file.
        imdb: whether these are all reviews of the IMDB data set.
        example: the last words of the first test review, as a network sees them.
        columns: of both splits' Parquet files, each with its type.
    """

    folder: Path
    fingerprint: str
    source: Source
    vocabulary_size: int
    max_length: int
    train: Split
    test: Split
    vocabulary: Path
    vocabulary_sha256: str
    imdb: bool
    example: str
    columns: dict[str, str]

    def files(self) -> dict[Path, str]:
        """Each file with its SHA-256."""
        splits = {split.path: split.sha256 for split in (self.train, self.test)}
        return splits | {self.vocabulary: self.vocabulary_sha256}

    @property
    def title(self) -> str:
        """A few words for titles, figures and tags."""
        return "IMDB reviews" if self.imdb else self.source.title

    @property
    def is_sample(self) -> bool:
        """Whether these are the bundled sample's made-up reviews."""
        return self.source.kind == "sample"
