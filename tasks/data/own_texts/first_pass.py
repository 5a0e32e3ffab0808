"""The first pass over own texts: determines each review's part (training or test) and place, and counts the words.

Reviews are ordered by a hash of their text. So the same reviews give the same tokens however they are split into files;
a folder sorted by label is shuffled; and a text that occurs twice is never in both parts of a split data set.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tasks.data.own_texts.labels import LabelReader
from tasks.data.own_texts.workers import in_order
from tasks.data.readers.batch import RowBatch
from tasks.data.readers.inputs import Input, Part, labelled_columns, read_all, signature
from tasks.data.tokenizer import split_words
from tasks.data.vocabulary import MAX_BYTES, MAX_WORD
from tasks.errors import DataError
from tasks.results.data import Labels, Survey, TextData, WordRules
from tasks.storage.files import atomic_path, sha256_of_file, sha256_of_json
from tasks.storage.layout import SURVEYED_REVIEWS, SURVEYED_WORDS

# The largest vocabulary that can be requested. Rarer words are skipped, as are overlong ones, which are not real words.
MAX_WORDS = 1_000_000
_MERGED_PIECES = 16
_BYTES_PER_ENTRY = 16  # Allowed for each entry of the word index as JSON, excluding the word.


def count_words(texts: pa.LargeStringArray, rules: WordRules) -> pa.Table:
    """Count each distinct word in the texts; return the columns `word` and `count`."""
    counts = pc.value_counts(split_words(texts, rules).words)
    table = pa.table({"word": counts.field("values"), "count": counts.field("counts")})
    return table.filter(pc.less_equal(pc.utf8_length(table["word"]), MAX_WORD))


class WordCounts:
    """Accumulates the word counts of pieces, merging them from time to time."""

    def __init__(self) -> None:
        self._pieces: list[pa.Table] = []

    def add(self, counts: pa.Table) -> None:
        """Add the counts of a piece."""
        self._pieces.append(counts)
        if len(self._pieces) >= _MERGED_PIECES:
            self._pieces = [self._merged()]

    def ranked(self) -> pa.Table:
        """Return the words, most frequent first; equally frequent ones are sorted by their UTF-8 bytes."""
        order = [("count", "descending"), ("word", "ascending")]
        ranked = self._merged().sort_by(order).slice(0, MAX_WORDS)
        bytes_so_far = pc.cumulative_sum(pc.add(pc.binary_length(ranked["word"]), _BYTES_PER_ENTRY))
        return ranked.filter(pc.less_equal(bytes_so_far, MAX_BYTES // 2))

    def _merged(self) -> pa.Table:
        if not self._pieces:
            return pa.table({"word": pa.array([], pa.large_string()), "count": pa.array([], pa.int64())})
        sums = pa.concat_tables(self._pieces).group_by("word").aggregate([("count", "sum")])
        return sums.rename_columns({"count_sum": "count"}).select(["word", "count"])


def write_ranked(path: Path, ranked: pa.Table) -> None:
    """Write ranked words atomically."""
    with atomic_path(path) as temporary:
        pq.write_table(ranked, temporary, compression="zstd")


def read_index(path: Path) -> dict[str, int]:
    """Read the words that `write_ranked` wrote, as word -> rank.

    Raises:
        DataError: there are no words.
    """
    words = pq.read_table(path, columns=["word"])["word"].to_pylist()
    if not words:
        raise DataError("the training texts contain no words; expected reviews")
    return {word: rank for rank, word in enumerate(words, start=1)}


IN_TRAIN, IN_TEST = 0, 1
_DIGEST_BYTES = 16


class SurveyedReviews(NamedTuple):
    """All reviews, in reading order.

    Attributes:
        digests: uint64, shape (reviews, 2); the texts' hashes.
        parts: uint8, shape (reviews,); IN_TRAIN or IN_TEST.
        labels: uint8, shape (reviews,); 0 or 1.
    """

    digests: NDArray[np.uint64]
    parts: NDArray[np.uint8]
    labels: NDArray[np.uint8]


class _TextsToCount(NamedTuple):
    """A batch to send to a worker."""

    texts: pa.LargeStringArray
    labels: NDArray[np.uint8]
    part: Part


class _Counted(NamedTuple):
    """What a worker found in a batch."""

    reviews: SurveyedReviews
    words: pa.Table


class Surveyed(NamedTuple):
    """A survey, and a digest that depends on all texts and labels, but not on how they are split into files."""

    survey: Survey
    digest: str


def survey_texts(inputs: Sequence[Input], data: TextData, folder: Path, advance: Callable[[int], None]) -> Surveyed:
    """Read all texts once and write to `folder` what the second pass needs.

    Args:
        inputs: what to read.
        data: how to read it.
        folder: the folder for `reviews.parquet` and `words.parquet`.
        advance: called with each batch's size in bytes.

    Raises:
        DataError: a file or row is not as expected; the message describes the first fault in one line.
    """
    read_labels = LabelReader(data.label_column, data.positives, data.drop)

    def piece(part: Part, batch: RowBatch) -> _TextsToCount:
        advance(batch.size)
        return _TextsToCount(batch.strings(data.text_column), read_labels(batch), part)

    pieces = (piece(part, batch) for part, batch in read_all(inputs, labelled_columns(data)))
    counts = WordCounts()
    counted_reviews: list[SurveyedReviews] = []
    for counted in in_order(partial(_count, test_share=data.test_share, rules=data.word_rules), pieces):
        counts.add(counted.words)
        counted_reviews.append(counted.reviews)
    reviews = _joined(counted_reviews)
    names = read_labels.names()
    _check_parts(reviews, data, names)
    write_ranked(folder / SURVEYED_WORDS, counts.ranked())
    surveyed = _write_survey(reviews, inputs, folder, names)
    return surveyed._replace(survey=replace(surveyed.survey, dropped=dict(read_labels.dropped)))


def files_digest(inputs: Sequence[Input]) -> str:
    """Digest of the part, path and content of every file; if it changes, the survey is out of date."""
    return sha256_of_json(signature(inputs))


def text_digests(texts: pa.LargeStringArray) -> NDArray[np.uint64]:
    """Hash each text; uint64, shape (texts, 2)."""
    digest = partial(hashlib.blake2b, digest_size=_DIGEST_BYTES)
    content = b"".join(digest(text.as_buffer()).digest() for text in texts)
    return np.frombuffer(content, ">u8").astype(np.uint64).reshape(-1, 2)


def _count(piece: _TextsToCount, test_share: float, rules: WordRules) -> _Counted:
    digests = text_digests(piece.texts)
    if piece.part == "either":
        parts = (digests[:, 0] < np.uint64(test_share * 2.0**64)).astype(np.uint8)
    else:
        parts = np.full(len(digests), IN_TEST if piece.part == "test" else IN_TRAIN, np.uint8)
    return _Counted(
        SurveyedReviews(digests, parts, piece.labels),
        count_words(piece.texts.filter(pa.array(parts == IN_TRAIN)), rules),
    )


def _joined(parts: list[SurveyedReviews]) -> SurveyedReviews:
    if not parts:
        return SurveyedReviews(np.zeros((0, 2), np.uint64), np.zeros(0, np.uint8), np.zeros(0, np.uint8))
    return SurveyedReviews(*map(np.concatenate, zip(*parts, strict=True)))


def _check_parts(reviews: SurveyedReviews, data: TextData, names: Labels) -> None:
    for part, name, advice in (
        (IN_TRAIN, "training", "give more reviews, or a smaller --test-share"),
        (IN_TEST, "test", "give more reviews, a larger --test-share, or --test-data"),
    ):
        labels = reviews.labels[reviews.parts == part]
        if len(labels) == 0:
            raise DataError(f"{data.title}: the {name} part has no reviews; {advice}")
        if labels.min() == labels.max():
            raise DataError(
                f"{data.title}: all {len(labels)} reviews in the {name} part have the label "
                f"{names[labels[0]][:40]!r}, expected both classes; {advice}, or check --label-column and --positive"
            )


def _write_survey(reviews: SurveyedReviews, inputs: Sequence[Input], folder: Path, names: Labels) -> Surveyed:
    order = np.lexsort((reviews.labels, reviews.digests[:, 1], reviews.digests[:, 0], reviews.parts))
    train = int(np.count_nonzero(reviews.parts == IN_TRAIN))
    places = np.empty(len(order), np.int32)
    places[order] = np.concatenate([np.arange(train), np.arange(len(order) - train)])
    table = pa.table({"part": reviews.parts, "place": places, "label": reviews.labels})
    path, words = folder / SURVEYED_REVIEWS, folder / SURVEYED_WORDS
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
            labels=names,
        ),
        _content_digest(reviews, order, train),
    )


def _repeated(digests: NDArray[np.uint64]) -> int:
    """Count the sorted digests that equal their predecessors."""
    return int(np.count_nonzero((digests[1:] == digests[:-1]).all(axis=1)))


def _shared(of_train: NDArray[np.uint64], of_test: NDArray[np.uint64]) -> int:
    """Count the test reviews that share a digest with a training review. Half of each digest is enough for a count."""
    return int(np.count_nonzero(np.isin(of_test[:, 0], of_train[:, 0])))


def _content_digest(reviews: SurveyedReviews, order: NDArray[np.int64], train: int) -> str:
    """SHA-256 of the text hashes and the labels of both parts."""
    digest = hashlib.sha256(str(train).encode())
    digest.update(reviews.digests[order].astype(">u8").tobytes())
    digest.update(reviews.labels[order].tobytes())
    return digest.hexdigest()
