"""Prepared reviews in Parquet: the schema, a writer that works row group by row group, readers, checks and a summary.

The writer also writes the same reviews without padding: see `tasks.data.unpadded`.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tasks.data.tokens import Reviews, Tokens, lengths, to_tokens, token_dtype, unknown_rate
from tasks.data.unpadded import UnpaddedReviews, unpadded_path, unpadded_writer
from tasks.data.vocabulary import words_by_token, words_of
from tasks.errors import UNREADABLE, DataError, shortened
from tasks.results.data import Split
from tasks.storage.files import atomic_path, check_regular, sha256_of_file

ROW_GROUP = 5_000


def schema(vocabulary_size: int, max_length: int, metadata: Mapping[str, str]) -> pa.Schema:
    """Columns of a prepared split.

    review_id: int32, place in the source file or, for own texts, in the order of their hashes; label: uint8,
    1 = positive; length: int32, number of tokens before truncation, including the start token; tokens: fixed-size list
    of the smallest sufficient unsigned type.
    """
    return pa.schema(
        [
            pa.field("review_id", pa.int32(), nullable=False),
            pa.field("label", pa.uint8(), nullable=False),
            pa.field("length", pa.int32(), nullable=False),
            pa.field("tokens", pa.list_(_token_field(vocabulary_size), max_length), nullable=False),
        ],
        metadata=dict(metadata),
    )


def write_split(
    path: Path,
    reviews: Reviews,
    order: NDArray[np.int64],
    vocabulary_size: int,
    max_length: int,
    metadata: Mapping[str, str],
    unit_starts: NDArray[np.int32] | None = None,
) -> None:
    """Write the tokens of the reviews in the given order atomically, a row group at a time."""
    all_lengths = lengths(reviews)
    with split_writer(path, vocabulary_size, max_length, metadata, unit_starts) as write:
        for start in range(0, len(order), ROW_GROUP):
            rows = order[start : start + ROW_GROUP]
            tokens = to_tokens(reviews, rows, vocabulary_size, max_length)
            write(RowGroup(rows, reviews.labels[rows], all_lengths[rows], tokens))


class RowGroup(NamedTuple):
    """A group of prepared reviews: the columns of `schema`."""

    review_ids: NDArray[np.integer]
    labels: NDArray[np.uint8]
    lengths: NDArray[np.int32]
    tokens: Tokens


@contextmanager
def split_writer(
    path: Path,
    vocabulary_size: int,
    max_length: int,
    metadata: Mapping[str, str],
    unit_starts: NDArray[np.int32] | None = None,
) -> Iterator[Callable[[RowGroup], None]]:
    """Yield a function that appends row groups to the Parquet and unpadded files; both appear when the block ends."""
    layout = schema(vocabulary_size, max_length, metadata)
    tokens_type = layout.field("tokens").type

    def write(group: RowGroup) -> None:
        columns = [
            pa.array(group.review_ids.astype(np.int32)),
            pa.array(group.labels),
            pa.array(group.lengths),
            pa.FixedSizeListArray.from_arrays(pa.array(group.tokens.padded().reshape(-1)), type=tokens_type),
        ]
        writer.write_table(pa.Table.from_arrays(columns, schema=layout))
        write_unpadded(group.labels, group.tokens)

    with (
        unpadded_writer(unpadded_path(path), vocabulary_size, max_length, unit_starts) as write_unpadded,
        atomic_path(path) as temporary,
        pq.ParquetWriter(temporary, layout, compression="zstd", use_dictionary=["label"]) as writer,
    ):
        yield write


def read_tokens(path: Path) -> Tokens:
    """Read the tokens of a split, in the file's unsigned type."""
    with reading(path):
        return Tokens.joined([Tokens.from_padded(padded) for padded in _padded_groups(path)])


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Name a file that cannot be read inside the block.

    Raises:
        DataError: it is missing, is no file, or its content is not what the block expects.
    """
    try:
        check_regular(path, str(path))
        yield
    except UNREADABLE as error:
        raise DataError(
            f"{path}: not readable ({shortened(error)}); restore it from a copy, or repeat the run that made it"
        ) from error


def _padded_groups(path: Path) -> Iterator[NDArray[np.unsignedinteger]]:
    """Yield the padded tokens of a split, shape (reviews, max_length), a row group at a time."""
    file = pq.ParquetFile(path)
    found = file.schema_arrow.field("tokens").type
    if not pa.types.is_fixed_size_list(found) or not pa.types.is_unsigned_integer(found.value_type):
        raise ValueError(f"found tokens of type {found}, expected lists of a fixed size")
    max_length = found.list_size
    for batch in file.iter_batches(ROW_GROUP, columns=["tokens"]):
        yield batch.column(0).flatten().to_numpy().reshape(len(batch), max_length)


def read_column(path: Path, column: str) -> NDArray[np.integer]:
    """Read a numeric column (`review_id`, `label` or `length`), shape (reviews,)."""
    with reading(path):
        found = pq.read_table(path, columns=[column]).column(0)
        if found.null_count or not pa.types.is_integer(found.type):
            raise ValueError(f"found {column} of type {found.type} with {found.null_count} nulls, expected integers")
        values: NDArray[np.integer] = found.to_numpy()
        return values


def _token_field(vocabulary_size: int) -> pa.Field:
    return pa.field("element", pa.from_numpy_dtype(token_dtype(vocabulary_size)), nullable=False)


SPLITS = ("train", "test")


def check_splits(folder: Path, vocabulary_size: int, max_length: int) -> None:
    """Check the written training and test splits against the expected schema and ranges.

    Raises:
        DataError: a schema, label, length or token is wrong, or there are no reviews; the message has one line per
            fault.
    """
    with ThreadPoolExecutor(len(SPLITS)) as pool:
        faults = pool.map(lambda split: _split_faults(folder / f"{split}.parquet", vocabulary_size, max_length), SPLITS)
        lines = [f"  - {fault}" for fault in chain.from_iterable(faults)]
    if lines:
        raise DataError("\n".join([f"{folder}: the prepared data are not as expected:", *lines]))


def _split_faults(path: Path, vocabulary_size: int, max_length: int) -> list[str]:
    actual, expected = pq.read_schema(path), schema(vocabulary_size, max_length, {})
    if not actual.equals(expected):
        return [f"{path.name}: schema {actual.names} {actual.types}, expected {expected.names} {expected.types}"]
    labels = np.unique(read_column(path, "label")).tolist()
    if not labels:
        return [f"{path.name}: no reviews"]
    faults = [] if labels == [0, 1] else [f"labels {labels[:5]}, expected 0 and 1"]
    return [f"{path.name}: {text}" for text in [*faults, *_range_faults(path, vocabulary_size, max_length)]]


def _range_faults(path: Path, vocabulary_size: int, max_length: int) -> list[str]:
    """Find values out of range, a row group at a time; return only the first fault of each kind."""
    first: dict[str, str] = {}
    unpadded, start = UnpaddedReviews.read(unpadded_path(path)), 0
    for batch in pq.ParquetFile(path).iter_batches(ROW_GROUP, columns=["label", "length", "tokens"]):
        lengths = batch.column("length").to_numpy()
        tokens = batch.column("tokens").flatten().to_numpy().reshape(-1, max_length)
        for kind, text in _faults_of(lengths, tokens, vocabulary_size):
            first.setdefault(kind, text)
        end = start + len(batch)
        same_tokens = np.array_equal(unpadded.tokens_between(start, end).padded(), tokens)
        if not same_tokens or not np.array_equal(unpadded.labels[start:end], batch.column("label").to_numpy()):
            first.setdefault("unpadded", f"review {start} or one of the next differs in {unpadded_path(path).name}")
        start = end
    return list(first.values())


def _faults_of(
    lengths: NDArray[np.int32], tokens: NDArray[np.unsignedinteger], vocabulary_size: int
) -> Iterator[tuple[str, str]]:
    """Yield each fault in a group of reviews: its kind, and what was found."""
    if tokens.max() >= vocabulary_size:
        yield "token", f"token {tokens.max()}, expected less than the vocabulary of {vocabulary_size}"
    if lengths.min() < 1:
        yield "length", f"length {lengths.min()}, expected 1 or more"
    if not tokens[:, -1].all():
        yield "empty", "a review of padding alone, expected at least the start token"
    if (np.count_nonzero(tokens, axis=1) != np.minimum(lengths, tokens.shape[1])).any():
        yield "padding", "padding that differs from the length"


# The IMDB reviews' `content_digest`: the official file and one rebuilt with the same word ranks share it.
IMDB_CONTENT = "f9976ff6f40c34a11b02b76978f63393c643363191f41b4decca8711ff9db16a"
QUANTILES = (0.0, 0.25, 0.5, 0.75, 0.95, 1.0)
EXAMPLE_WORDS = 60


def content_digest(train: Reviews, test: Reviews) -> str:
    """SHA-256 of the decoded reviews, independent of the archive they came from."""
    digest = hashlib.sha256()
    for reviews in (train, test):
        for array in (reviews.ranks, reviews.offsets, reviews.labels):
            digest.update(array.tobytes())
    return digest.hexdigest()


def describe(path: Path, reviews: Reviews, order: NDArray[np.int64], vocabulary_size: int) -> Split:
    """Describe a written split; `order` is the order of its reviews."""
    unknown = unknown_rate(reviews, order, vocabulary_size)
    return split_record(path, reviews.labels[order], lengths(reviews)[order], unknown)


def split_record(
    path: Path, labels: NDArray[np.uint8], chosen_lengths: NDArray[np.int32], unknown: float, unread: int = 0
) -> Split:
    """Build the record of a written split from its labels, lengths, share of unknown words and unread reviews."""
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
        unread=unread,
    )


def example(path: Path, vocabulary: Path) -> str:
    """Return the last words of the first review in a split, as the network sees them."""
    tokens = pq.ParquetFile(path).read_row_group(0, columns=["tokens"]).column(0)[0].as_py()
    words = words_of(tokens, words_by_token(vocabulary))
    return " ".join(words[-EXAMPLE_WORDS:])


def is_imdb(train: Reviews, test: Reviews) -> bool:
    """Whether these are exactly the reviews of the IMDB data set, in its order."""
    return content_digest(train, test) == IMDB_CONTENT
