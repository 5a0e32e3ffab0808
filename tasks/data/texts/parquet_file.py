"""Texts in a Parquet file: a column of strings, and one of labels."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.data.texts.batch import BATCH_BYTES, BATCH_ROWS, TextBatch
from tasks.data.texts.columns import check_columns
from tasks.results.errors import DataError


def read_parquet(path: Path, text_column: str, label_column: str) -> Iterator[TextBatch]:
    """The rows of a Parquet file; the first is row 1.

    Raises:
        DataError: the file is damaged, a column is missing, or the texts are not strings.
    """
    try:
        with pq.ParquetFile(path) as file:
            check_columns(path, file.schema_arrow.names, text_column, label_column)
            row = 1
            for batch in file.iter_batches(rows_at_a_time(file), columns=[text_column, label_column]):
                yield _batch(path, row, batch.column(text_column), batch.column(label_column))
                row += len(batch)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(fault(path, error)) from None


def text_bytes(path: Path) -> int:
    """How many bytes the columns of a Parquet file hold, unpacked."""
    try:
        metadata = pq.read_metadata(path)
    except (pa.ArrowInvalid, OSError):
        return path.stat().st_size
    return sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))


def rows_at_a_time(file: pq.ParquetFile) -> int:
    """As many rows as give a batch of the usual size."""
    groups = [file.metadata.row_group(group) for group in range(file.metadata.num_row_groups)]
    largest = max((group.total_byte_size / max(group.num_rows, 1) for group in groups), default=1.0)
    return max(1, min(BATCH_ROWS, int(BATCH_BYTES / max(largest, 1.0))))


def fault(path: Path, error: Exception) -> str:
    """What Arrow says of a Parquet file, as one line."""
    message = str(error).splitlines()[0][:120]
    return f"{path}: not a readable Parquet file ({message}); write the file again"


def _batch(path: Path, first_row: int, texts: pa.Array, labels: pa.Array) -> TextBatch:
    if pa.types.is_dictionary(texts.type):
        texts = texts.dictionary_decode()
    if not (pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type)):
        raise DataError(f"{path}: the column of texts holds {texts.type}; expected strings")
    return TextBatch(
        texts.cast(pa.large_string()), _as_strings(path, labels), lambda row: f"{path}, row {first_row + row}"
    )


def _as_strings(path: Path, labels: pa.Array) -> pa.LargeStringArray:
    if pa.types.is_floating(labels.type):
        # NaN is how pandas writes a missing label.
        labels = pc.if_else(pc.is_nan(labels), None, labels)
    try:
        return labels.cast(pa.large_string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise DataError(f"{path}: the column of labels holds {labels.type}; expected 0 and 1, or names") from None
