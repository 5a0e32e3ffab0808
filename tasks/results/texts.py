"""Records of own texts: how to read them, and what the first pass over them found."""

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
