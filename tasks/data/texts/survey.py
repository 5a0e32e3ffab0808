"""The first pass over own texts: which review belongs to which part, in which order, and how often each word occurs.

Reviews are ordered by a hash of their text. So the same reviews give the same tokens, whatever files they stand in; a
folder sorted by label is mixed; and a text that occurs twice never stands in both parts of a divided data set.
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tasks.data.texts.batch import TextBatch
from tasks.data.texts.inputs import Input, Part, read_batches, signature
from tasks.data.texts.labels import LabelReader
from tasks.data.texts.parallel import in_order
from tasks.data.texts.word_counts import WordCounts, count_words, write_ranked
from tasks.results.errors import DataError
from tasks.results.texts import Survey, TextData
from tasks.storage.files import atomic_path, sha256_of_file, sha256_of_json

TRAIN, TEST = 0, 1
_DIGEST_BYTES = 16


class Reviews(NamedTuple):
    """All reviews, in the order in which they are read.

    Attributes:
        digests: uint64, shape (reviews, 2); the hashes of the texts.
        parts: uint8, shape (reviews,); TRAIN or TEST.
        labels: uint8, shape (reviews,); 0 or 1.
    """

    digests: NDArray[np.uint64]
    parts: NDArray[np.uint8]
    labels: NDArray[np.uint8]


class _Piece(NamedTuple):
    """A batch on its way to a worker."""

    texts: pa.LargeStringArray
    labels: NDArray[np.uint8]
    part: Part


class _Counted(NamedTuple):
    """What a worker found in a batch."""

    reviews: Reviews
    words: pa.Table


class Surveyed(NamedTuple):
    """A survey, and the digest of all texts and labels, which does not depend on the files they stand in."""

    survey: Survey
    digest: str


def survey(inputs: Sequence[Input], data: TextData, folder: Path, advance: Callable[[int], None]) -> Surveyed:
    """Read all texts once and keep in `folder` what the second pass needs.

    Args:
        inputs: what to read.
        data: how to read it.
        folder: gets `reviews.parquet` and `words.parquet`.
        advance: is told the bytes of every batch.

    Raises:
        DataError: one line on the first file or row that is not as expected.
    """
    read_labels = LabelReader(data.positive)

    def piece(part: Part, batch: TextBatch) -> _Piece:
        advance(batch.texts.nbytes)
        return _Piece(batch.texts, read_labels(batch), part)

    pieces = (piece(part, batch) for part, batch in read_batches(inputs, data))
    counts = WordCounts()
    counted_reviews: list[Reviews] = []
    for counted in in_order(partial(_count, test_share=data.test_share), pieces):
        counts.add(counted.words)
        counted_reviews.append(counted.reviews)
    reviews = _joined(counted_reviews)
    _check_parts(reviews, data)
    write_ranked(folder / "words.parquet", counts.ranked())
    return _write(reviews, inputs, folder)


def files_digest(inputs: Sequence[Input]) -> str:
    """Digest of the paths, sizes and times of change of all files: another one says that the survey is out of date."""
    return sha256_of_json(signature(inputs))


def text_digests(texts: pa.LargeStringArray) -> NDArray[np.uint64]:
    """The hashes of texts, uint64, shape (texts, 2)."""
    digest = partial(hashlib.blake2b, digest_size=_DIGEST_BYTES)
    content = b"".join(digest(text.as_buffer()).digest() for text in texts)
    return np.frombuffer(content, ">u8").astype(np.uint64).reshape(-1, 2)


def _count(piece: _Piece, test_share: float) -> _Counted:
    digests = text_digests(piece.texts)
    if piece.part == "either":
        parts = (digests[:, 0] < np.uint64(test_share * 2.0**64)).astype(np.uint8)
    else:
        parts = np.full(len(digests), TEST if piece.part == "test" else TRAIN, np.uint8)
    return _Counted(Reviews(digests, parts, piece.labels), count_words(piece.texts.filter(pa.array(parts == TRAIN))))


def _joined(parts: list[Reviews]) -> Reviews:
    if not parts:
        return Reviews(np.zeros((0, 2), np.uint64), np.zeros(0, np.uint8), np.zeros(0, np.uint8))
    return Reviews(*map(np.concatenate, zip(*parts, strict=True)))


def _check_parts(reviews: Reviews, data: TextData) -> None:
    for part, name, advice in (
        (TRAIN, "training", "give more reviews, or a smaller --test-share"),
        (TEST, "test", "give more reviews, a larger --test-share, or --test-data"),
    ):
        labels = reviews.labels[reviews.parts == part]
        if len(labels) == 0:
            raise DataError(f"{data.title}: the {name} part holds no reviews; {advice}")
        if labels.min() == labels.max():
            kind = "positive" if labels[0] else "negative"
            raise DataError(
                f"{data.title}: all {len(labels)} reviews of the {name} part are {kind}, expected both classes; "
                f"{advice}, or check --label-column and --positive"
            )


def _write(reviews: Reviews, inputs: Sequence[Input], folder: Path) -> Surveyed:
    order = np.lexsort((reviews.labels, reviews.digests[:, 1], reviews.digests[:, 0], reviews.parts))
    train = int(np.count_nonzero(reviews.parts == TRAIN))
    places = np.empty(len(order), np.int32)
    places[order] = np.concatenate([np.arange(train), np.arange(len(order) - train)])
    table = pa.table({"part": reviews.parts, "place": places, "label": reviews.labels})
    path, words = folder / "reviews.parquet", folder / "words.parquet"
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")
    of_train, of_test = reviews.digests[order[:train]], reviews.digests[order[train:]]
    return Surveyed(
        Survey(
            reviews=path,
            reviews_sha256=sha256_of_file(path),
            words=words,
            words_sha256=sha256_of_file(words),
            files_sha256=files_digest(inputs),
            train=train,
            test=len(order) - train,
            repeated=_repeated(of_train) + _repeated(of_test),
            shared=_shared(of_train, of_test),
        ),
        _content_digest(reviews, order, train),
    )


def _repeated(digests: NDArray[np.uint64]) -> int:
    """How many of sorted digests equal the one before."""
    return int(np.count_nonzero((digests[1:] == digests[:-1]).all(axis=1)))


def _shared(of_train: NDArray[np.uint64], of_test: NDArray[np.uint64]) -> int:
    """How many test reviews have the digest of a training review. Half of it is enough for a count."""
    return int(np.count_nonzero(np.isin(of_test[:, 0], of_train[:, 0])))


def _content_digest(reviews: Reviews, order: NDArray[np.int64], train: int) -> str:
    """SHA-256 of all texts, by their hashes, and labels of both parts."""
    digest = hashlib.sha256(str(train).encode())
    digest.update(reviews.digests[order].astype(">u8").tobytes())
    digest.update(reviews.labels[order].tobytes())
    return digest.hexdigest()
