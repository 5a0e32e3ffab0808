"""Prepared reviews in Parquet: the schema, a writer that never holds the padded whole, and the readers.

The writer leaves the same reviews without padding beside it: see `tasks.data.unpadded`.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tasks.data.padding import lengths, padded, token_dtype
from tasks.data.reviews import Reviews
from tasks.data.unpadded import unpadded_path, unpadded_writer
from tasks.storage.files import atomic_path

ROW_GROUP = 5_000


def schema(vocabulary_size: int, max_length: int, metadata: Mapping[str, str]) -> pa.Schema:
    """Columns of a prepared split.

    review_id int32 (place in the source file; of own texts, place in the order of their hashes), label uint8
    (1 = positive), length int32 (tokens before truncation, start token included), tokens fixed-size list of the
    smallest unsigned type.
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
) -> None:
    """Pad the reviews in the given order and write them, a row group at a time, atomically."""
    all_lengths = lengths(reviews)
    with split_writer(path, vocabulary_size, max_length, metadata) as write:
        for start in range(0, len(order), ROW_GROUP):
            rows = order[start : start + ROW_GROUP]
            tokens = padded(reviews, rows, vocabulary_size, max_length)
            write(RowGroup(rows, reviews.labels[rows], all_lengths[rows], tokens))


class RowGroup(NamedTuple):
    """Some prepared reviews: the columns of `schema`; tokens of shape (reviews, max_length)."""

    review_ids: NDArray[np.integer]
    labels: NDArray[np.uint8]
    lengths: NDArray[np.int32]
    tokens: NDArray[np.unsignedinteger]


@contextmanager
def split_writer(
    path: Path, vocabulary_size: int, max_length: int, metadata: Mapping[str, str]
) -> Iterator[Callable[[RowGroup], None]]:
    """A function that appends a row group; both files appear, each whole, at the end of the block."""
    layout = schema(vocabulary_size, max_length, metadata)

    def write(group: RowGroup) -> None:
        columns = [
            pa.array(group.review_ids.astype(np.int32)),
            pa.array(group.labels),
            pa.array(group.lengths),
            pa.FixedSizeListArray.from_arrays(pa.array(group.tokens.reshape(-1)), type=layout.field("tokens").type),
        ]
        writer.write_table(pa.Table.from_arrays(columns, schema=layout))
        write_unpadded(group.labels, group.tokens)

    with (
        unpadded_writer(unpadded_path(path), vocabulary_size, max_length) as write_unpadded,
        atomic_path(path) as temporary,
        pq.ParquetWriter(temporary, layout, compression="zstd", use_dictionary=["label"]) as writer,
    ):
        yield write


def read_tokens(path: Path) -> NDArray[np.unsignedinteger]:
    """The tokens of a split, shape (reviews, max_length), in the smallest unsigned type."""
    file = pq.ParquetFile(path)
    max_length = file.schema_arrow.field("tokens").type.list_size
    value_type = file.schema_arrow.field("tokens").type.value_type.to_pandas_dtype()
    tokens = np.empty((file.metadata.num_rows, max_length), value_type)
    start = 0
    for batch in file.iter_batches(ROW_GROUP, columns=["tokens"]):
        tokens[start : start + len(batch)] = batch.column(0).flatten().to_numpy().reshape(-1, max_length)
        start += len(batch)
    return tokens


def read_column(path: Path, column: str) -> NDArray[np.integer]:
    """One column of numbers (`review_id`, `label` or `length`), shape (reviews,)."""
    values: NDArray[np.integer] = pq.read_table(path, columns=[column]).column(0).to_numpy()
    return values


def _token_field(vocabulary_size: int) -> pa.Field:
    return pa.field("element", pa.from_numpy_dtype(token_dtype(vocabulary_size)), nullable=False)
