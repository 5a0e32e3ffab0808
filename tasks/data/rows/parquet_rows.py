"""Rows of a Parquet file, with their types."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.data.rows.batch import RowBatch, check_text_column
from tasks.data.texts.parquet_file import fault, rows_at_a_time
from tasks.results.errors import DataError


def read_parquet_rows(path: Path, text_column: str) -> Iterator[RowBatch]:
    """The rows of a Parquet file; the first is row 1.

    Raises:
        DataError: the file is damaged, the text column is missing, or it holds no strings.
    """
    try:
        with pq.ParquetFile(path) as file:
            check_text_column(path, file.schema_arrow.names, text_column)
            _check_type(path, file.schema_arrow.field(text_column).type)
            first = 1
            for columns in file.iter_batches(rows_at_a_time(file)):
                rows = np.arange(first, first + len(columns), dtype=np.int64)
                yield RowBatch(str(path), _plain(columns), rows, (), columns.nbytes)
                first += len(columns)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(fault(path, error)) from None


def _check_type(path: Path, kind: pa.DataType) -> None:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise DataError(f"{path}: the column of texts holds {kind}; expected strings")


def _plain(columns: pa.RecordBatch) -> pa.RecordBatch:
    """Dictionaries unpacked: each batch has its own, and a written column needs one."""
    arrays = [
        column.dictionary_decode() if pa.types.is_dictionary(column.type) else column for column in columns.columns
    ]
    return pa.RecordBatch.from_arrays(arrays, names=columns.schema.names)
