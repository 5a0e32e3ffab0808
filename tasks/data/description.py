"""What prepared reviews are: their digest, counts and lengths, an example."""

import hashlib
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tasks.data.padding import lengths, unknown_rate
from tasks.data.reviews import Reviews
from tasks.data.unpadded import unpadded_path
from tasks.data.vocabulary import words_by_token, words_of
from tasks.results.data import Split
from tasks.storage.files import sha256_of_file

# `content_digest` of the IMDB reviews: the official file and a file rebuilt with the same word ranks share it.
IMDB_CONTENT = "f9976ff6f40c34a11b02b76978f63393c643363191f41b4decca8711ff9db16a"
QUANTILES = (0.0, 0.25, 0.5, 0.75, 0.95, 1.0)
EXAMPLE_WORDS = 60


def content_digest(train: Reviews, test: Reviews) -> str:
    """SHA-256 of the decoded reviews, whatever archive they came in."""
    digest = hashlib.sha256()
    for reviews in (train, test):
        for array in (reviews.tokens, reviews.offsets, reviews.labels):
            digest.update(array.tobytes())
    return digest.hexdigest()


def describe(path: Path, reviews: Reviews, order: NDArray[np.int64], vocabulary_size: int) -> Split:
    """A written split: its digest, its reviews, labels and lengths."""
    unknown = unknown_rate(reviews, order, vocabulary_size)
    return split_record(path, reviews.labels[order], lengths(reviews)[order], unknown)


def split_record(
    path: Path, labels: NDArray[np.uint8], chosen_lengths: NDArray[np.int32], unknown: float, skipped_words: int = 0
) -> Split:
    """The record of a written split, from its labels and lengths, and its share of unknown words."""
    return Split(
        path=path,
        sha256=sha256_of_file(path),
        unpadded=unpadded_path(path),
        unpadded_sha256=sha256_of_file(unpadded_path(path)),
        reviews=len(labels),
        positive=int(labels.sum()),
        length_quantiles={f"{q:.0%}": float(np.quantile(chosen_lengths, q)) for q in QUANTILES}
        | {"mean": round(float(chosen_lengths.mean()), 2)},
        unknown_rate=round(unknown, 6),
        skipped_words=skipped_words,
    )


def example(path: Path, vocabulary: Path) -> str:
    """The last words of the first test review, as the network sees them."""
    tokens = pq.ParquetFile(path).read_row_group(0, columns=["tokens"]).column(0)[0].as_py()
    words = words_of(tokens, words_by_token(vocabulary))
    return " ".join(words[-EXAMPLE_WORDS:])


def is_imdb(train: Reviews, test: Reviews) -> bool:
    """Whether these are all reviews of the IMDB data set, in its order."""
    return content_digest(train, test) == IMDB_CONTENT
