"""Records of the reviews: where they come from, how own texts are read, how they were prepared."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

VocabularyKind = Literal["training", "imdb"]
TEST_SHARE = 0.2


@dataclass(frozen=True)
class TextData:
    """Own texts, and how to read them.

    Attributes:
        data: files, folders and patterns.
        test_data: the same for the test part; empty: a folder's own test part, or `test_share` of all texts.
        text_column, label_column: names in CSV, Parquet and JSON Lines.
        positive: the label that means positive; None: the known names do, such as 1, true, pos.
        test_share: of the texts, by their hash, so that equal texts fall into one part.
        vocabulary: "training": of the training part; "imdb": Keras's word index.
    """

    data: tuple[Path, ...]
    test_data: tuple[Path, ...] = ()
    text_column: str = "text"
    label_column: str = "label"
    positive: str | None = None
    test_share: float = TEST_SHARE
    vocabulary: VocabularyKind = "training"

    @property
    def title(self) -> str:
        """A few words for titles, figures and tags."""
        return self.data[0].name + (f" and {len(self.data) - 1} more" if len(self.data) > 1 else "")


@dataclass(frozen=True)
class Survey:
    """What the first pass over own texts found.

    Attributes:
        reviews: Parquet: part, place in its part, and label of each review, in the order in which they are read.
        words: Parquet: the words of the training part with their counts, the most frequent first.
        files_sha256: digest of the paths, sizes and times of change of the files.
        train, test: number of reviews.
        repeated: reviews whose text occurs before in the same part.
        shared: test reviews whose text is in the training part too.
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

    def files(self) -> dict[Path, str]:
        """Each file with its SHA-256."""
        return {self.reviews: self.reviews_sha256, self.words: self.words_sha256}


SourceKind = Literal["imdb", "file", "sample", "texts"]


@dataclass(frozen=True)
class Source:
    """Where the reviews come from, and the word index that turns their ranks into words, where there is one.

    Attributes:
        kind: "texts" are own texts; the others are an `imdb.npz`.
        path: the file; of own texts the first one.
        sha256: of the file; of own texts the digest of all texts and labels, whatever files they stand in.
        origin: address or path for people.
        word_index: JSON file in Keras's format; of own texts only where its ranks are to be used.
        word_index_sha256: of that file.
        texts: how to read own texts.
        survey: what the first pass over own texts found.
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
        """Each file with its SHA-256. Own texts are not hashed file by file: their survey stands for them."""
        index = {self.word_index: self.word_index_sha256} if self.word_index and self.word_index_sha256 else {}
        return (self.survey.files() if self.survey else {self.path: self.sha256}) | index

    @property
    def title(self) -> str:
        """A few words for titles, figures and tags."""
        if self.texts:
            return f"own texts {self.texts.title}"
        return {"imdb": "IMDB reviews", "file": f"own file {self.path.name}", "sample": "bundled sample"}[self.kind]


@dataclass(frozen=True)
class Split:
    """One prepared split and its description.

    Attributes:
        path: Parquet file of the padded reviews.
        sha256: of that file.
        unpadded: Arrow file of the same reviews without padding, which training reads.
        unpadded_sha256: of that file.
        unknown_rate: share of the words, start tokens left out, whose ranks are beyond the vocabulary.
    """

    path: Path
    sha256: str
    unpadded: Path
    unpadded_sha256: str
    reviews: int
    positive: int
    length_quantiles: dict[str, float]
    unknown_rate: float

    def files(self) -> dict[Path, str]:
        """Each file with its SHA-256."""
        return {self.path: self.sha256, self.unpadded: self.unpadded_sha256}


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
        tokenizer_version: how texts become tokens; see `tasks.data.vocabulary`.
        word_index: JSON file of all words with a rank, those beyond the vocabulary included, which become 2; every
            other word is skipped. None where the data came without words.
        word_index_sha256: of that file.
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
    tokenizer_version: int
    word_index: Path | None
    word_index_sha256: str | None
    imdb: bool
    example: str
    columns: dict[str, str]

    def files(self) -> dict[Path, str]:
        """Each file with its SHA-256."""
        index = {self.word_index: self.word_index_sha256} if self.word_index and self.word_index_sha256 else {}
        return self.train.files() | self.test.files() | {self.vocabulary: self.vocabulary_sha256} | index

    @property
    def title(self) -> str:
        """A few words for titles, figures and tags."""
        return "IMDB reviews" if self.imdb else self.source.title

    @property
    def is_sample(self) -> bool:
        """Whether these are the bundled sample's made-up reviews."""
        return self.source.kind == "sample"
