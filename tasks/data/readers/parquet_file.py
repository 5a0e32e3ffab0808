"""Reader of Parquet files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.data.readers.batch import BATCH_BYTES, BATCH_ROWS, Column, Columns, RowBatch, is_string
from tasks.errors import DataError

# Without these, Arrow reads the whole of a row group ahead, which may be the whole file.
STREAMED: dict[str, Any] = {"pre_buffer": False, "buffer_size": 1 << 20}
# The most that a batch takes in memory if each of its rows has the largest value of a dictionary.
UNPACKED_BYTES = 128 << 20


def read_parquet(path: Path, columns: Columns) -> Iterator[RowBatch]:
    """Read the rows of a Parquet file; the first is row 1.

    Raises:
        DataError: the file is damaged, a wanted column is missing, the texts are not strings, or the values of another
            wanted column cannot be written as strings.
    """
    names = None if columns.keep_others else columns.names
    try:
        with pq.ParquetFile(path, **STREAMED) as file:
            columns.check(path, file.schema_arrow.names)
            first = 1
            for batch in file.iter_batches(_rows_at_a_time(path, file), columns=names):
                rows = np.arange(first, first + len(batch), dtype=np.int64)
                yield RowBatch(str(path), _converted(path, batch, columns), rows, (), batch.nbytes)
                first += len(batch)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        message = str(error).splitlines()[0][:120]
        raise DataError(f"{path}: not a readable Parquet file ({message}); write the file again") from None


def text_bytes(path: Path) -> int:
    """Return the uncompressed size, in bytes, of the columns of a Parquet file."""
    try:
        metadata = pq.read_metadata(path)
    except (pa.ArrowInvalid, OSError):
        return path.stat().st_size
    return sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))


def _rows_at_a_time(path: Path, file: pq.ParquetFile) -> int:
    """Return the number of rows that make a batch of the usual size."""
    groups = [file.metadata.row_group(group) for group in range(file.metadata.num_row_groups)]
    largest = max((group.total_byte_size / max(group.num_rows, 1) for group in groups), default=1.0)
    rows = min(BATCH_ROWS, int(BATCH_BYTES / max(largest, 1.0)))
    return max(1, min(rows, UNPACKED_BYTES // _largest_value(path, file)))


def _largest_value(path: Path, file: pq.ParquetFile) -> int:
    """Return the size of the largest value in any dictionary of the file, at least 1.

    A column may store a value once and name it in a million rows: its stored size says nothing about its rows.
    """
    kinds = dict(zip(file.schema_arrow.names, file.schema_arrow.types, strict=True))
    names = [name for name, kind in kinds.items() if _has_dictionary(kind)]
    if not names:
        return 1
    largest = 1
    with pq.ParquetFile(path, read_dictionary=names, **STREAMED) as probe:
        for group in range(file.metadata.num_row_groups):
            first = next(probe.iter_batches(1, row_groups=[group], columns=names), None)
            for values in first.columns if first is not None else ():
                if pa.types.is_dictionary(values.type) and len(values.dictionary):
                    lengths = pc.binary_length(values.dictionary.cast(pa.large_binary()))
                    largest = max(largest, pc.max(lengths).as_py() or 1)
    return largest


def _has_dictionary(kind: pa.DataType) -> bool:
    """Whether Arrow can read the values of a type with their dictionary: strings and bytes."""
    values = kind.value_type if pa.types.is_dictionary(kind) else kind
    return is_string(values) or bool(pa.types.is_binary(values) or pa.types.is_large_binary(values))


def _converted(path: Path, batch: pa.RecordBatch, columns: Columns) -> pa.RecordBatch:
    """Convert the wanted columns to strings, and every column to a type that all outputs can store."""
    wanted = {column.name: column for column in reversed(columns.wanted)}
    arrays = []
    for name, array in zip(batch.schema.names, batch.columns, strict=True):
        values = _storable(array)
        arrays.append(_as_strings(path, values, wanted[name]) if name in wanted else values)
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)


def _storable(values: pa.Array) -> pa.Array:
    """Unpack what only Arrow knows: views, dictionaries (a written column has one for all its batches), extensions."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        return _storable(values.dictionary_decode())
    if pa.types.is_string_view(kind):
        return values.cast(pa.large_string())
    if pa.types.is_binary_view(kind):
        return values.cast(pa.large_binary())
    if isinstance(kind, pa.UuidType):
        return pa.array([None if value is None else str(value) for value in values.to_pylist()], pa.large_string())
    return _storable(values.storage) if isinstance(kind, pa.BaseExtensionType) else values


def _as_strings(path: Path, values: pa.Array, column: Column) -> pa.Array:
    if is_string(values.type):
        return values
    found = f"{path}: the {column.content} column has type {values.type}"
    if column.content == "text":
        raise DataError(f"{found}; expected strings")
    if pa.types.is_floating(values.type):
        # pandas writes a missing label as NaN.
        values = pc.if_else(pc.is_nan(values), None, values)
    try:
        return values.cast(pa.large_string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise DataError(f"{found}; expected 0 and 1, or names") from None
