"""The second pass over own texts: writes tokens as Parquet, in the order that the first pass determined.

Encoded reviews are first sorted into files, each for a range of places in that order; then only one file at a time is
in memory.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tasks.data.own_texts.first_pass import files_digest
from tasks.data.own_texts.parts import IN_TEST, IN_TRAIN
from tasks.data.own_texts.workers import in_order
from tasks.data.parquet import ROW_GROUP, RowGroup, split_record, split_writer
from tasks.data.readers.inputs import Input, labelled_columns, read_all
from tasks.data.tokenizer import Tokenizer
from tasks.data.tokens import OFFSET, UNKNOWN, Reviews, Tokens, offsets_of, taken, to_tokens, token_dtype
from tasks.errors import DataError
from tasks.results.data import Split, Survey, TextData

_BUCKET = 10 * ROW_GROUP
_MAX_BUCKETS = 200  # Each bucket is an open file.


class Bucket(NamedTuple):
    """Neighbouring reviews in writing order: their last ranks, and their lengths before truncation."""

    reviews: Reviews
    lengths: NDArray[np.int32]


class Spill:
    """Sorts reviews on disk by their places in the result, a bucket at a time.

    A bucket is a file of the reviews in a range of places; only one bucket at a time is in memory.
    """

    def __init__(self, folder: Path, reviews: int) -> None:
        buckets = max(1, min(_MAX_BUCKETS, -(-reviews // _BUCKET)))
        per_bucket = -(-reviews // buckets)
        self._size = -(-per_bucket // ROW_GROUP) * ROW_GROUP  # A multiple of the row group size.
        self._paths = [folder / f"{bucket}.arrows" for bucket in range(-(-reviews // self._size))]
        self._writers: list[pa.RecordBatchStreamWriter | None] = [None] * len(self._paths)
        self._open_files = ExitStack()
        folder.mkdir(parents=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open_files.close()

    def add(self, places: NDArray[np.int32], encoded: pa.RecordBatch) -> None:
        """Add reviews; `encoded` has the columns label, length and ranks."""
        order = np.argsort(places)
        table = pa.RecordBatch.from_arrays([pa.array(places), *encoded.columns], ["place", *encoded.schema.names])
        table = table.take(pa.array(order))
        bounds = np.searchsorted(places[order], np.arange(len(self._paths) + 1) * self._size)
        for bucket in np.flatnonzero(np.diff(bounds)).tolist():
            self._writer(bucket, table.schema).write_batch(
                table.slice(bounds[bucket], bounds[bucket + 1] - bounds[bucket])
            )

    def buckets(self) -> Iterator[Bucket]:
        """Yield all buckets in order, each sorted by place. No reviews can be added afterwards."""
        self._open_files.close()
        for path in self._paths:
            with pa.ipc.open_stream(path.read_bytes()) as reader:
                table = reader.read_all().sort_by("place").combine_chunks()
            path.unlink()
            ranks = table["ranks"].combine_chunks()
            offsets = ranks.offsets.to_numpy().astype(np.int64)
            flat = ranks.values.to_numpy().astype(np.int32)
            yield Bucket(Reviews(flat, offsets, table["label"].to_numpy()), table["length"].to_numpy())

    def _writer(self, bucket: int, layout: pa.Schema) -> pa.RecordBatchStreamWriter:
        writer = self._writers[bucket]
        if writer is None:
            writer = self._open_files.enter_context(pa.ipc.new_stream(self._paths[bucket], layout))
            self._writers[bucket] = writer
        return writer


PARTS = {IN_TRAIN: "train", IN_TEST: "test"}


@dataclass(frozen=True)
class DatasetShape:
    """A dataset's vocabulary size, number of tokens per review, and number of reviews per split (None: all)."""

    vocabulary_size: int
    max_length: int
    reviews: int | None


class _TextsToEncode(NamedTuple):
    """A batch to send to a worker, with its reviews' parts, places and labels from the survey."""

    texts: pa.LargeStringArray
    parts: NDArray[np.uint8]
    places: NDArray[np.int32]
    labels: NDArray[np.uint8]


class _Encoded(NamedTuple):
    """Encoded reviews of one part (columns label, length and truncated ranks), and word counts before truncation."""

    part: int
    places: NDArray[np.int32]
    columns: pa.RecordBatch
    words: int
    unknown: int


@dataclass
class _Totals:
    """The word counts, labels and lengths of one part."""

    words: int = 0
    unknown: int = 0
    labels: list[NDArray[np.uint8]] = field(default_factory=list)
    lengths: list[NDArray[np.int32]] = field(default_factory=list)

    def add(self, encoded: _Encoded) -> None:
        """Add a batch's word counts."""
        self.words += encoded.words
        self.unknown += encoded.unknown


class SurveyedTexts(NamedTuple):
    """Own texts after the first pass: the files, how to read them, and the survey."""

    inputs: Sequence[Input]
    data: TextData
    survey: Survey


def write_dataset(
    folder: Path,
    texts: SurveyedTexts,
    tokenizer: Tokenizer,
    shape: DatasetShape,
    metadata: Mapping[str, str],
    advance: Callable[[int], None],
) -> dict[str, Split]:
    """Read all texts again and write `train.parquet` and `test.parquet` into `folder`.

    Args:
        folder: the folder for the two files and, temporarily, the encoded reviews.
        texts: what to read.
        tokenizer: converts words to ranks.
        shape: the dataset's shape.
        metadata: metadata for the Parquet files.
        advance: called with each batch's size in bytes.

    Raises:
        DataError: the files have changed since the survey.
    """
    if files_digest(texts.inputs) != texts.survey.files_sha256:
        changed = "the files have changed since they were surveyed; run the same command again"
        raise DataError(f"{texts.data.title}: {changed}")
    totals = {part: _Totals() for part in PARTS}
    counts = {IN_TRAIN: texts.survey.train, IN_TEST: texts.survey.test}
    with ExitStack() as stack:
        spills = {
            part: stack.enter_context(Spill(folder / f"{name}-spill", min(counts[part], shape.reviews or counts[part])))
            for part, name in PARTS.items()
        }
        for both in in_order(partial(_encode, tokenizer=tokenizer, shape=shape), _pieces(texts, advance)):
            for encoded in both:
                spills[encoded.part].add(encoded.places, encoded.columns)
                totals[encoded.part].add(encoded)
        starts = {IN_TRAIN: _unit_starts(texts.survey, counts[IN_TRAIN], shape), IN_TEST: None}
        return {
            name: _write_split(folder / f"{name}.parquet", spills[part], totals[part], shape, metadata, starts[part])
            for part, name in PARTS.items()
        }


def count_ranks(
    texts: SurveyedTexts, tokenizer: Tokenizer, reviews: int, advance: Callable[[int], None]
) -> NDArray[np.int64]:
    """How often each rank occurs in the first training reviews before any is cut, int64, shape (largest rank + 1,).

    Args:
        texts: what to read.
        tokenizer: converts words to ranks.
        reviews: the number of training reviews to count in, the first ones in writing order.
        advance: called with each batch's size in bytes.

    Raises:
        DataError: the number of reviews in the files differs from that in the survey.
    """
    counts = np.zeros(1, np.int64)
    for found in in_order(partial(_count, tokenizer=tokenizer, reviews=reviews), _pieces(texts, advance)):
        counts = np.pad(counts, (0, max(0, int(found.ranks.max(initial=0)) + 1 - len(counts))))
        counts[found.ranks] += found.counts
    return counts


class _RankCounts(NamedTuple):
    """Different ranks, and how often each occurs."""

    ranks: NDArray[np.int32]
    counts: NDArray[np.int64]


def _count(piece: _TextsToEncode, tokenizer: Tokenizer, reviews: int) -> _RankCounts:
    rows = np.flatnonzero((piece.parts == IN_TRAIN) & (piece.places < reviews))
    return _RankCounts(*np.unique(tokenizer.encode(piece.texts.take(pa.array(rows))).ranks, return_counts=True))


def _unit_starts(survey: Survey, reviews: int, shape: DatasetShape) -> NDArray[np.int32] | None:
    """Where units of training reviews start; None if each review is a unit of its own."""
    table = pq.read_table(survey.reviews, columns=["part", "place", "starts_unit"])
    is_start = table["starts_unit"].to_numpy(zero_copy_only=False) & (table["part"].to_numpy() == IN_TRAIN)
    starts = np.sort(table["place"].to_numpy()[is_start])
    kept = min(reviews, shape.reviews or reviews)
    starts = starts[starts < kept]
    return None if len(starts) == kept else starts


def _pieces(texts: SurveyedTexts, advance: Callable[[int], None]) -> Iterator[_TextsToEncode]:
    """Yield the batches with the survey's entries for them.

    Raises:
        DataError: the number of reviews in the files differs from that in the survey.
    """
    table = pq.read_table(texts.survey.reviews)
    parts, places, labels = (table[name].to_numpy() for name in ("part", "place", "label"))
    start = 0
    for _, batch in read_all(texts.inputs, labelled_columns(texts.data)):
        advance(batch.size)
        rows = slice(start, start + len(batch))
        start += len(batch)
        strings = batch.strings(texts.data.text_column)
        yield _TextsToEncode(strings[: len(parts[rows])], parts[rows], places[rows], labels[rows])
    if start != len(parts):
        counts = f"{start} reviews found, {len(parts)} in the first pass"
        raise DataError(f"{texts.data.title}: {counts}; the files have changed")


def _encode(piece: _TextsToEncode, tokenizer: Tokenizer, shape: DatasetShape) -> list[_Encoded]:
    """Encode a batch's reviews by part, omitting those beyond `shape.reviews`."""
    wanted = piece.places < (shape.reviews or np.iinfo(np.int32).max)
    parts = [(part, np.flatnonzero(wanted & (piece.parts == part))) for part in PARTS]
    return [_encode_rows(piece, part, rows, tokenizer, shape) for part, rows in parts if len(rows)]


def _encode_rows(
    piece: _TextsToEncode, part: int, rows: NDArray[np.int64], tokenizer: Tokenizer, shape: DatasetShape
) -> _Encoded:
    encoded = tokenizer.encode(piece.texts.take(pa.array(rows)))
    starts, ends = encoded.offsets[:-1], encoded.offsets[1:]
    kept = np.minimum(ends - starts, shape.max_length)  # The last ranks of each review, which the network reads.
    beyond = shape.vocabulary_size - OFFSET
    offsets = offsets_of(kept)
    ranks = np.minimum(taken(encoded.ranks, ends - kept, offsets), beyond).astype(token_dtype(shape.vocabulary_size))
    columns = {
        "label": pa.array(piece.labels[rows]),
        "length": pa.array((ends - starts + 1).astype(np.int32)),
        "ranks": pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), pa.array(ranks)),
    }
    return _Encoded(
        part=part,
        places=piece.places[rows],
        columns=pa.RecordBatch.from_pydict(columns),
        words=len(encoded.ranks),
        unknown=int(np.count_nonzero(encoded.ranks >= beyond)),
    )


def _write_split(
    path: Path,
    spill: Spill,
    totals: _Totals,
    shape: DatasetShape,
    metadata: Mapping[str, str],
    unit_starts: NDArray[np.int32] | None,
) -> Split:
    start = unread = 0
    with split_writer(path, shape.vocabulary_size, shape.max_length, metadata, unit_starts) as write:
        for reviews, lengths in spill.buckets():
            totals.labels.append(reviews.labels)
            totals.lengths.append(lengths)
            for first in range(0, len(reviews), ROW_GROUP):
                rows = np.arange(first, min(first + ROW_GROUP, len(reviews)))
                tokens = to_tokens(reviews, rows, shape.vocabulary_size, shape.max_length)
                unread += _unread(tokens)
                write(RowGroup(start + rows, reviews.labels[rows], lengths[rows], tokens))
            start += len(reviews)
    unknown = totals.unknown / totals.words if totals.words else 0.0
    return split_record(path, np.concatenate(totals.labels), np.concatenate(totals.lengths), unknown, unread)


def _unread(tokens: Tokens) -> int:
    """How many reviews have no token of a known word."""
    known_before = offsets_of((tokens.values > UNKNOWN).astype(np.uint8))
    return int(np.count_nonzero(np.diff(known_before[tokens.offsets]) == 0))
