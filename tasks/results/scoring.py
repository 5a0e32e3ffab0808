"""Records of scoring: which texts by which network, what came of it, and where it was written."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

BINS = 10
MAX_REJECTS = 0.01  # A share of the rows.


@dataclass(frozen=True)
class ScoringNetwork:
    """A network that scores.

    Attributes:
        folder: holds `best.keras` and `network.json`.
        words: JSON file of the words with their ranks: all words, or where they are gone, the vocabulary alone.
        model: the hash of its files, as the registry names it.
    """

    folder: Path
    words: Path
    model: str


@dataclass(frozen=True)
class RowData:
    """Texts to score.

    Attributes:
        path: a file, a folder or a pattern.
        text_column: name of the column of texts.
    """

    path: Path
    text_column: str

    @property
    def title(self) -> str:
        """A few words for people."""
        return self.path.name


class ScoredText(NamedTuple):
    """A text with its place among the scored rows, counted from 1; the text is cut after some words."""

    row: int
    probability: float
    text: str


@dataclass(frozen=True)
class Scoring:
    """Scored rows.

    Attributes:
        label: of the network, for people.
        model: the network's hash.
        parts: Parquet, batch by batch: probability, tokens, unknown_share, truncated of each row that was scored.
        columns: all columns of the input, as an Arrow schema.
        digests: SHA-256 of the parts, then of the columns.
        rows: how many were scored.
        rejected: how many could not be.
        positive: how many have a probability above 0.5.
        truncated: how many are longer than the network reads.
        unknown_share: of all words, those that the vocabulary lacks.
        histogram: rows by probability, in ten equal bins from 0 to 1.
        negative_most, positive_most, least_sure: the surest and the least sure rows, the clearest first.
        seconds: of wall time; 0 where all parts had been there.
    """

    label: str
    model: str
    parts: tuple[Path, ...]
    columns: Path
    digests: tuple[str, ...]
    rows: int
    rejected: int
    positive: int
    truncated: int
    unknown_share: float
    histogram: tuple[int, ...]
    negative_most: tuple[ScoredText, ...]
    positive_most: tuple[ScoredText, ...]
    least_sure: tuple[ScoredText, ...]
    seconds: float

    def files(self) -> dict[Path, str]:
        """Each file with its SHA-256."""
        return dict(zip((*self.parts, self.columns), self.digests, strict=True))

    @property
    def title(self) -> str:
        """A few words for people."""
        return f"{self.rows:,} reviews by {self.label}"


@dataclass(frozen=True)
class Written:
    """The files that scoring leaves.

    Attributes:
        output: the rows with their scores.
        rejects: the rows that could not be scored, with reasons; None where there are none.
        renamed: new columns whose names the input had: their name in the output.
    """

    output: Path
    sha256: str
    rejects: Path | None
    rejects_sha256: str | None
    renamed: tuple[str, ...]

    def files(self) -> dict[Path, str]:
        """Each file with its SHA-256."""
        rejects = {self.rejects: self.rejects_sha256} if self.rejects and self.rejects_sha256 else {}
        return {self.output: self.sha256} | rejects

    @property
    def title(self) -> str:
        """A few words for people."""
        return self.output.name


class ReadWord(NamedTuple):
    """A word of a text as a network reads it.

    Attributes:
        word: in lower case, as the tokenizer gives it.
        probability: of "positive" after it; None before the first that is read.
        is_known: whether the vocabulary holds it.
    """

    word: str
    probability: float | None
    is_known: bool


@dataclass(frozen=True)
class ReadText:
    """A text read word by word.

    Attributes:
        label, model: of the network, for people, and its hash.
        words: all words of the text.
        skipped: how many words at the start are more than the network reads.
        probability: of "positive" after the last word.
    """

    label: str
    model: str
    words: tuple[ReadWord, ...]
    skipped: int
    probability: float
