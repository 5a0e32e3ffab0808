"""Records of scoring: the texts, the network, the results, and the files written."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from tasks.results.data import IMDB_RULES, LABELS, Labels, WordRules
from tasks.results.training import THRESHOLD

BINS = 10
Toy = Literal["smoke", "sample"]
ThresholdChoice = Literal["best"] | float
MAX_REJECTS = 0.01  # A share of the rows.


@dataclass(frozen=True)
class ScoringNetwork:
    """A network to score with.

    Attributes:
        folder: contains `best.keras` and `network.json`.
        words: JSON file of words with their ranks: all words, or if that file is missing, only the vocabulary.
        model: the hash of the network's files, which is its name in the registry.
        run: the run that trained it, if it is known.
        data: the title of the data that it was trained on.
        toy: why its scores say nothing about real texts: a smoke run trained it, or it read made-up reviews.
        threshold: texts with a probability above this get the positive label.
    """

    folder: Path
    words: Path
    model: str
    run: str | None = None
    data: str = ""
    toy: Toy | None = None
    threshold: float = THRESHOLD


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
        """A short description for logs and the UI."""
        return self.path.name


class ScoredText(NamedTuple):
    """A text with its position among the scored rows, counted from 1; a long text is truncated."""

    row: int
    probability: float
    text: str


@dataclass(frozen=True)
class Scoring:
    """Scored rows.

    Attributes:
        label: the network's display name.
        model: the network's hash.
        parts: a Parquet file for each batch, with probability, tokens, words, unknown, truncated of each scored row.
        columns: file with all columns of the input, as an Arrow schema.
        digests: SHA-256 of the parts, then of the columns.
        rows: how many rows were scored.
        rejected: how many rows could not be scored.
        positive: how many rows have a probability above the threshold.
        truncated: how many rows have more words than the network reads.
        unknown_share: share of all words that the vocabulary lacks.
        histogram: the number of rows in each of ten equal bins of probability from 0 to 1.
        negative_most, positive_most, least_sure: the rows scored most clearly as negative and as positive, and the
            least certain ones, the most extreme first.
        seconds: wall time.
        labels: the names of the network's labels.
        word_rules: how it reads texts.
        threshold: rows with a probability above this get the positive label.
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
    labels: Labels = LABELS
    word_rules: WordRules = IMDB_RULES
    threshold: float = THRESHOLD

    def files(self) -> dict[Path, str]:
        """Each file with its SHA-256."""
        return dict(zip((*self.parts, self.columns), self.digests, strict=True))

    @property
    def title(self) -> str:
        """A short description for logs and the UI."""
        return f"{self.rows:,} reviews by {self.label}"


@dataclass(frozen=True)
class Written:
    """The files that scoring writes.

    Attributes:
        output: the rows with their scores.
        rejects: the rows that could not be scored, with reasons; None if there are none.
        renamed: the new names of score columns whose usual names occur in the input.
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
        """A short description for logs and the UI."""
        return self.output.name


class ReadWord(NamedTuple):
    """A word of a text as a network reads it.

    Attributes:
        word: the word in lower case, as the tokenizer returns it.
        probability: probability of "positive" after it; None for words before the part that the network reads.
        is_known: whether the vocabulary contains it.
    """

    word: str
    probability: float | None
    is_known: bool


@dataclass(frozen=True)
class ReadText:
    """A text read word by word.

    Attributes:
        label, model: the network's display name and its hash.
        words: all words of the text.
        skipped: how many words at the start the network does not read, because the text is too long.
        probability: probability of "positive" after the last word.
        labels: the names of the network's labels.
    """

    label: str
    model: str
    words: tuple[ReadWord, ...]
    skipped: int
    probability: float
    labels: Labels = LABELS
