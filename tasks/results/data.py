"""Records of the reviews: their source, how the user's texts are read, how the reviews were prepared."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

VocabularyKind = Literal["training", "imdb"]
WordRulesName = Literal["imdb", "unicode"]
VocabularyOf = Literal["subset", "all"]  # Whose words are the vocabulary of fewer reviews.
TEST_SHARE = 0.2
SAMPLE_TITLE = "bundled sample"
SERIOUS = 0.01  # A fault of more of the reviews than this is said in the summary.
UNEVEN = 0.4  # Labels are uneven if the rarer one has a smaller share than this.
Labels = tuple[str, str]  # The names of the two labels, that of 0 first.
LABELS: Labels = ("negative", "positive")


@dataclass(frozen=True)
class WordRules:
    """How texts become words: the name of the rules, which `tasks.data.tokenizer` describes, and their version."""

    name: WordRulesName
    version: int

    @property
    def title(self) -> str:
        """A few words for reports."""
        return f"{self.name}, version {self.version}"


# Increase a version when the rules change. After the words, both go on with a start token 1, ranks increased by 3, and
# 2 for words outside the vocabulary.
IMDB_RULES, UNICODE_RULES = WordRules("imdb", 1), WordRules("unicode", 1)


def labels_of(description: Mapping[str, Any]) -> Labels:
    """The names of the labels in a `network.json`; the usual ones if it has none, as those of earlier versions."""
    match description:
        case {"dataset": {"labels": [str(negative), str(positive)]}}:
            return negative, positive
    return LABELS


def word_rules_of(description: Mapping[str, Any]) -> WordRules:
    """The word rules in a `network.json`; earlier versions knew one set of rules only.

    Raises:
        ValueError: they are other rules than those of this version.
    """
    match description:
        case {"word_rules": {"name": name, "version": version}}:
            found = name, version
        case _:
            found = "imdb", description.get("tokenizer_version", 1)
    for rules in (IMDB_RULES, UNICODE_RULES):
        if (rules.name, rules.version) == found:
            return rules
    raise ValueError(
        f"found the word rules {str(found[0])[:40]}, version {str(found[1])[:40]}; expected {IMDB_RULES.title}, or "
        f"{UNICODE_RULES.title}"
    )


@dataclass(frozen=True)
class TextData:
    """The user's texts, and how to read them.

    Attributes:
        data: files, folders and patterns.
        test_data: the same for the test part; if empty, the test parts found in `data` or, without any, `test_share`.
        text_column, label_column: names of the columns in CSV, Parquet and JSON Lines.
        positive: the labels, or bounds such as ">=7", that mean positive; none: the known names, such as 1, true, pos.
            Records of earlier versions have one as a text, or None.
        drop: the labels whose rows are left out; "" for rows without a label.
        test_share: share of the texts to test on, chosen by hash, so that equal texts are in the same part.
        group_column: column of groups, such as authors, that are not split between the parts; None: there is none.
        vocabulary: "training" for the words of the training part, "imdb" for Keras's word index.
    """

    data: tuple[Path, ...]
    test_data: tuple[Path, ...] = ()
    text_column: str = "text"
    label_column: str = "label"
    positive: tuple[str, ...] | str | None = ()
    test_share: float = TEST_SHARE
    vocabulary: VocabularyKind = "training"
    drop: tuple[str, ...] = ()
    group_column: str | None = None

    @property
    def positives(self) -> tuple[str, ...]:
        """The labels that mean positive, however they were recorded."""
        return (self.positive,) if isinstance(self.positive, str) else self.positive or ()

    @property
    def word_rules(self) -> WordRules:
        """How these texts become words: Keras's word index fits only texts that are read as its own were."""
        return IMDB_RULES if self.vocabulary == "imdb" else UNICODE_RULES

    @property
    def title(self) -> str:
        """A few words for titles, figures and tags."""
        return self.data[0].name + (f" and {len(self.data) - 1} more" if len(self.data) > 1 else "")


@dataclass(frozen=True)
class Survey:
    """The result of the first pass over the user's texts.

    Attributes:
        reviews: Parquet file with each review's part, position in its part, and label, in reading order.
        words: Parquet file with the words of the training part and their counts, the most frequent first.
        files_sha256: digest of the files' parts, paths and contents.
        train, test: numbers of reviews in the parts.
        repeated: number of reviews whose text occurs earlier in the same part.
        shared: number of test reviews whose text is also in the training part.
        alike: the same, but case, spaces, signs and markup do not count.
        grouped: number of test reviews of a group that is also in the training part; of `shared` without groups.
        contradicting: number of reviews whose text occurs with both labels.
        wordless: number of reviews without a word.
        unseparated: number of training reviews that are one long word: their language needs other word rules.
        labels: the names of the labels, as the texts have them.
        dropped: how many rows were left out for each label of `TextData.drop`.
    """

    reviews: Path
    reviews_sha256: str
    words: Path
    words_sha256: str
    files_sha256: str
    train: int
    test: int
    repeated: int
    shared: int
    labels: Labels = LABELS
    grouped: int = 0
    alike: int = 0
    contradicting: int = 0
    wordless: int = 0
    unseparated: int = 0
    dropped: dict[str, int] = field(default_factory=dict)

    def files(self) -> dict[Path, str]:
        """Each file with its SHA-256."""
        return {self.reviews: self.reviews_sha256, self.words: self.words_sha256}


SourceKind = Literal["imdb", "file", "sample", "texts"]


@dataclass(frozen=True)
class Source:
    """Where the reviews come from, and the word index, if there is one, that maps ranks to words.

    Attributes:
        kind: "texts" for the user's texts; every other kind is an `imdb.npz`.
        path: the file; for the user's texts, the first one.
        sha256: SHA-256 of the file; for the user's texts, a digest of them and their labels, however split into files.
        origin: address or path, for display.
        word_index: JSON file in Keras's format; for the user's texts, only if its ranks are used.
        word_index_sha256: SHA-256 of that file.
        texts: how to read the user's texts.
        survey: the result of the first pass over the user's texts.
    """

    kind: SourceKind
    path: Path
    sha256: str
    origin: str
    word_index: Path | None = None
    word_index_sha256: str | None = None
    texts: TextData | None = None
    survey: Survey | None = None

    def files(self) -> dict[Path, str]:
        """Each file with its SHA-256. The user's texts are represented by their survey."""
        index = {self.word_index: self.word_index_sha256} if self.word_index and self.word_index_sha256 else {}
        return (self.survey.files() if self.survey else {self.path: self.sha256}) | index

    @property
    def title(self) -> str:
        """A few words for titles, figures and tags."""
        if self.texts:
            return f"texts of {self.texts.title}"
        return {"imdb": "IMDB reviews", "file": f"own file {self.path.name}", "sample": SAMPLE_TITLE}[self.kind]


@dataclass(frozen=True)
class Split:
    """One prepared split and its description.

    Attributes:
        path: Parquet file of the padded reviews.
        sha256: SHA-256 of that file.
        unpadded: Arrow file of the same reviews without padding, which training reads.
        unpadded_sha256: SHA-256 of that file.
        unknown_rate: share of the words, excluding start tokens, whose ranks are beyond the vocabulary.
        unread: number of reviews of which a network reads no known word; 0 if not counted, as for an `imdb.npz`.
    """

    path: Path
    sha256: str
    unpadded: Path
    unpadded_sha256: str
    reviews: int
    positive: int
    length_quantiles: dict[str, float]
    unknown_rate: float
    unread: int = 0

    def files(self) -> dict[Path, str]:
        """Each file with its SHA-256."""
        return {self.path: self.sha256, self.unpadded: self.unpadded_sha256}


# What may be wrong with the user's texts: the text is also in the training part, exactly or but for case, spaces, signs
# and markup; it repeats another one in its part; it occurs with both labels; it has no word, or none that is known; it
# is one long word.
FaultKind = Literal["shared", "grouped", "alike", "repeated", "contradicting", "wordless", "unread", "unseparated"]


class DataFault(NamedTuple):
    """A fault, the number of reviews that have it, and the number of reviews that could have it."""

    kind: FaultKind
    reviews: int
    total: int

    @property
    def share(self) -> float:
        """The share of the reviews."""
        return self.reviews / max(self.total, 1)

    @property
    def is_serious(self) -> bool:
        """Whether enough reviews have the fault to make results misleading."""
        return self.share > SERIOUS


@dataclass(frozen=True)
class Dataset:
    """The prepared training and test splits, their vocabulary, and the settings that determined them.

    Attributes:
        folder: contains the files and `dataset.json`.
        fingerprint: fingerprint of everything that determines the tokens.
        source: where the reviews come from.
        vocabulary_size: tokens run from 0 to `vocabulary_size` - 1; 0 is padding, 1 the start, 2 an unknown word.
        max_length: length of each review in tokens, after padding or truncation at the start.
        train, test: the two splits.
        vocabulary: JSON file of the words that have tokens, each with its rank, as in Keras's word index.
        vocabulary_sha256: SHA-256 of that file.
        word_index: JSON file of all words with a rank, including those beyond the vocabulary, which become 2; every
            other word is skipped. None if the data came without words.
        word_index_sha256: SHA-256 of that file.
        imdb: whether these are all reviews of the IMDB data set.
        example: the last words of the first test review, as a network sees them.
        columns: the columns of both splits' Parquet files, each with its type.
        labels: the names of the labels, as the user's texts have them.
        word_rules: how texts become words.
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
    word_index: Path | None
    word_index_sha256: str | None
    imdb: bool
    example: str
    columns: dict[str, str]
    labels: Labels = LABELS
    word_rules: WordRules = IMDB_RULES

    def files(self) -> dict[Path, str]:
        """Each file with its SHA-256."""
        index = {self.word_index: self.word_index_sha256} if self.word_index and self.word_index_sha256 else {}
        return self.train.files() | self.test.files() | {self.vocabulary: self.vocabulary_sha256} | index

    @property
    def title(self) -> str:
        """A few words for titles, figures and tags."""
        return "IMDB reviews" if self.imdb else self.source.title

    @property
    def _positive_share(self) -> float:
        return (self.train.positive + self.test.positive) / (self.train.reviews + self.test.reviews)

    @property
    def rarer(self) -> int:
        """The rarer label, 0 or 1."""
        return int(self._positive_share <= 0.5)

    @property
    def rarer_share(self) -> float:
        """The rarer label's share of all reviews."""
        return min(self._positive_share, 1 - self._positive_share)

    @property
    def rarer_test_share(self) -> float:
        """The same label's share of the test reviews."""
        share = self.test.positive / self.test.reviews
        return share if self.rarer else 1 - share

    @property
    def is_uneven(self) -> bool:
        """Whether accuracy says little, because always giving the more frequent label has a high one."""
        return self.rarer_share < UNEVEN

    def faults(self) -> tuple[DataFault, ...]:
        """What may be wrong with the user's texts, each with its number, also if that is 0; none for an `imdb.npz`."""
        survey = self.source.survey
        if survey is None:
            return ()
        every = survey.train + survey.test
        unread = self.train.unread + self.test.unread
        return (
            DataFault("shared", survey.shared, survey.test),
            DataFault("grouped", survey.grouped, survey.test),
            DataFault("alike", survey.alike, survey.test),
            DataFault("repeated", survey.repeated, every),
            DataFault("contradicting", survey.contradicting, every),
            DataFault("wordless", survey.wordless, every),
            DataFault("unread", unread, self.train.reviews + self.test.reviews),
            DataFault("unseparated", survey.unseparated, survey.train),
        )

    @property
    def is_sample(self) -> bool:
        """Whether these are the bundled sample's made-up reviews."""
        return self.source.kind == "sample"
