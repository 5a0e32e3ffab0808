"""Writers of scored rows: Parquet, CSV or JSON Lines by the suffix."""

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv as arrow_csv

from tasks.data.rows.schema import TEXT, is_json, plain
from tasks.results.errors import DataError, PipelineError
from tasks.storage.files import atomic_path

SUFFIXES = (".parquet", ".csv", ".jsonl")
# The suffix of a new column whose name the input has already.
TAKEN = "_scored"
Write = Callable[[pa.RecordBatch], None]


def check_output(path: Path, inputs: Sequence[Path]) -> None:
    """Hold the path of an output against what can be written.

    Raises:
        PipelineError: the suffix is another one, the folder cannot be written, or the file is an input.
    """
    if path.suffix not in SUFFIXES:
        found = f"is of kind {path.suffix!r}" if path.suffix else "has no suffix"
        raise PipelineError(f"--output {path}: the file {found}; expected one of {', '.join(SUFFIXES)}")
    if path.is_dir():
        raise PipelineError(f"--output {path}: found a folder; give the path of a file")
    if path.resolve() in [given.resolve() for given in inputs]:
        raise PipelineError(f"--output {path}: the file is an input too; give another one")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise PipelineError(f"--output {path}: {error.strerror}; choose a folder that can be written") from None


def new_names(columns: pa.Schema, names: Sequence[str]) -> list[str]:
    """The names of new columns beside those of the input: a name that is taken gets the suffix `_scored`.

    Raises:
        DataError: that name is taken too.
    """
    new = [f"{name}{TAKEN}" if name in columns.names else name for name in names]
    twice = [name for name in new if name in columns.names]
    if twice:
        raise DataError(f"the input has columns {twice[0].removesuffix(TAKEN)!r} and {twice[0]!r}; rename one of them")
    return new


@contextmanager
def row_writer(path: Path, schema: pa.Schema) -> Iterator[Write]:
    """A function that appends rows; the file appears, whole, at the end of the block.

    CSV holds lists and the like as JSON.

    Raises:
        DataError: a column cannot be written in this kind of file.
    """
    with atomic_path(path) as temporary, WRITERS[path.suffix](temporary, schema) as write:
        yield write


@contextmanager
def _parquet(path: Path, schema: pa.Schema) -> Iterator[Write]:
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        yield writer.write_batch


@contextmanager
def _csv(path: Path, schema: pa.Schema) -> Iterator[Write]:
    _check_no_bytes(schema)
    flat = pa.schema([field.with_type(TEXT) if pa.types.is_nested(field.type) else field for field in schema])

    def write(rows: pa.RecordBatch) -> None:
        columns = [_as_text(column) if pa.types.is_nested(column.type) else column for column in rows.columns]
        writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=flat))

    with arrow_csv.CSVWriter(path, flat) as writer:
        yield write


def _as_text(column: pa.Array) -> pa.Array:
    texts = [None if value is None else json.dumps(plain(value), ensure_ascii=False) for value in column.to_pylist()]
    return pa.array(texts, TEXT)


@contextmanager
def _jsonl(path: Path, schema: pa.Schema) -> Iterator[Write]:
    _check_no_bytes(schema)
    as_they_were = [field.name for field in schema if is_json(field)]

    def write(rows: pa.RecordBatch) -> None:
        for row in pa.table([*map(_shortest, rows.columns)], rows.schema.names).to_pylist():
            for name in as_they_were:
                row[name] = json.loads(row[name] or "null")
            file.write(json.dumps(plain(row), ensure_ascii=False) + "\n")

    with path.open("w", encoding="utf-8") as file:
        yield write


def _shortest(column: pa.Array) -> pa.Array:
    """Float32 as the shortest decimals that name it, as CSV has them: 0.1, not 0.10000000149011612."""
    return column.cast(pa.string()).cast(pa.float64()) if pa.types.is_float32(column.type) else column


def _check_no_bytes(schema: pa.Schema) -> None:
    for field in schema:
        if pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type):
            raise DataError(f"column {field.name!r} holds bytes, which are no text; give --output a .parquet file")


WRITERS = {".parquet": _parquet, ".csv": _csv, ".jsonl": _jsonl}
