"""Rows joined with their scores, in a file of their own."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from tasks.data.rows.batch import RowBatch
from tasks.data.rows.inputs import RowInput, read_rows
from tasks.data.rows.output import new_names, row_writer
from tasks.data.rows.parts import NEW_COLUMNS, Part, read_part
from tasks.data.rows.rejects import reject_writer
from tasks.data.rows.schema import fitted
from tasks.results.errors import DataError
from tasks.storage.files import write_bytes

CHANGED = "the files have changed since they were scored; run the same command again"


class ScoredRows(NamedTuple):
    """Rows to read again, and their scores.

    Attributes:
        inputs, text_column: what to read.
        columns: all columns of the inputs.
        parts: the scores, batch by batch.
        model: the network's hash.
    """

    inputs: Sequence[RowInput]
    text_column: str
    columns: pa.Schema
    parts: Sequence[Path]
    model: str


def write_columns(path: Path, columns: pa.Schema) -> None:
    """Keep the columns of the inputs, atomically."""
    write_bytes(path, pa.schema(list(columns)).serialize().to_pybytes())


def read_columns(path: Path) -> pa.Schema:
    """The columns that `write_columns` kept."""
    return pa.ipc.read_schema(pa.py_buffer(path.read_bytes()))


def write_rejected_rows(rows: ScoredRows, rejects: Path) -> None:
    """Write the rows without scores alone."""
    with reject_writer(rejects) as write_rejects:
        for batch in read_rows(rows.inputs, rows.text_column):
            write_rejects(batch.rejects)


def write_scored_rows(rows: ScoredRows, output: Path, rejects: Path, advance: Callable[[int], None]) -> tuple[str, ...]:
    """Write the rows with scores into one file, and those without, with reasons, into another.

    Args:
        rows: to read again.
        output: gets all columns and the new ones.
        rejects: gets file, row and reason.
        advance: is told the bytes of every batch.

    Returns:
        the names of the new columns, in the order of `NEW_COLUMNS`.

    Raises:
        DataError: the files have changed, or a column cannot be written in this kind of file.
    """
    names = new_names(rows.columns, tuple(NEW_COLUMNS))
    new_fields = [pa.field(name, kind) for name, kind in zip(names, NEW_COLUMNS.values(), strict=True)]
    schema = pa.schema([*rows.columns, *new_fields])
    with row_writer(output, schema) as write_rows, reject_writer(rejects) as write_rejects:
        for batch, part in _joined(rows):
            arrays = [*fitted(batch.columns, rows.columns), *part.columns(rows.model)]
            write_rows(pa.RecordBatch.from_arrays(arrays, schema=schema))
            write_rejects(batch.rejects)
            advance(batch.size)
    return tuple(names)


def _joined(rows: ScoredRows) -> Iterator[tuple[RowBatch, Part]]:
    """All batches with their scores.

    Raises:
        DataError: the files hold other rows than those that were scored.
    """
    paths = iter(rows.parts)
    for batch in read_rows(rows.inputs, rows.text_column):
        path = next(paths, None)
        part = read_part(path) if path else None
        if part is None or len(part) != len(batch):
            raise DataError(f"{batch.file}: {CHANGED}")
        yield batch, part
    if next(paths, None) is not None:
        raise DataError(f"{rows.inputs[-1].path}: {CHANGED}")
