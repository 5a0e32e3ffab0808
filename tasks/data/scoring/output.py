"""Writers for scored rows (Parquet, CSV or JSON Lines, chosen by suffix) and for rows that could not be scored."""

import csv
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv as arrow_csv

from tasks.data.readers.batch import Reject
from tasks.data.readers.columns import TEXT, as_json, is_json, plain
from tasks.errors import DataError, PipelineError, shortened
from tasks.storage.files import atomic_path


def rejects_path(output: Path) -> Path:
    """The path for an output's rejects: `scored.rejects.csv` beside `scored.parquet`."""
    return output.with_name(f"{output.stem}.rejects.csv")


@contextmanager
def reject_writer(path: Path) -> Iterator[Callable[[Iterable[Reject]], None]]:
    """Yield a function that appends rejects to a CSV file, which appears, complete, at the end of the block."""
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Reject._fields)
        yield writer.writerows


# The columns that scoring adds to its input.
NEW_COLUMNS = {
    "probability": pa.float32(),
    "label": pa.string(),
    "tokens": pa.int32(),
    "unknown_share": pa.float32(),
    "truncated": pa.bool_(),
    "model": pa.string(),
}
MAX_HEADER = 1 << 20  # Bytes of a first line that is looked at.
SUFFIXES = (".parquet", ".csv", ".jsonl")
# The suffix for a new column whose name is already in the input.
TAKEN = "_scored"
BYTES = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary, pa.types.is_binary_view)
Write = Callable[[pa.RecordBatch], None]


def check_output(path: Path, inputs: Sequence[Path]) -> None:
    """Check that an output and its list of rejects can be written, and replace nothing but earlier ones.

    Raises:
        PipelineError: the suffix is not supported, a path cannot be written, or a file there is an input or was not
            written by scoring.
    """
    if path.suffix.lower() not in SUFFIXES:
        found = f"is of kind {path.suffix!r}" if path.suffix else "has no suffix"
        raise PipelineError(f"--output {path}: the file {found}; expected one of {', '.join(SUFFIXES)}")
    try:
        if path.is_dir():
            raise PipelineError(f"--output {path}: found a folder; give the path of a file")
        _check_is_ours(path, inputs, f"--output {path}", is_scored)
        rejects = rejects_path(path)
        _check_is_ours(rejects, inputs, f"--output {path}: its list of rejects, {rejects.name}", is_list_of_rejects)
        path.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise PipelineError(f"--output {path}: {error.strerror}; choose a path that can be written") from None
    except ValueError as error:
        raise PipelineError(f"--output {str(path)!r}: {error}; choose another name") from None


def _check_is_ours(path: Path, inputs: Sequence[Path], name: str, is_ours: Callable[[Path], bool]) -> None:
    """Check that a file to write is neither an input, under any name, nor somebody else's.

    Raises:
        PipelineError: it is.
    """
    if any(_is_same(path, given) for given in inputs):
        raise PipelineError(f"{name}: the file is also an input; give another --output")
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise PipelineError(f"{name}: found a link, a folder or a device; give another --output")
    if path.exists() and path.stat().st_size and not is_ours(path):
        raise PipelineError(f"{name}: found a file that `score` did not write; move it away, or give another --output")


def _is_same(path: Path, other: Path) -> bool:
    """Whether two paths are the same file, also by a hard link."""
    both_exist = path.exists() and other.exists()
    return path.resolve() == other.resolve() or (both_exist and path.samefile(other))


def is_list_of_rejects(path: Path) -> bool:
    """Whether a file is a list of rejects that `reject_writer` wrote."""
    header = f"{','.join(Reject._fields)}\n".encode()
    with path.open("rb") as file:
        return file.read(len(header)) == header


def is_scored(path: Path) -> bool:
    """Whether a file has the columns that scoring adds."""
    try:
        if path.suffix.lower() == ".parquet":
            columns = pq.read_schema(path).names
        else:
            with path.open(encoding="utf-8", newline="") as file:
                line = file.readline(MAX_HEADER)
            columns = list(json.loads(line)) if path.suffix.lower() == ".jsonl" else next(csv.reader([line]), [])
    except (OSError, ValueError, pa.ArrowException, csv.Error, RecursionError):
        return False
    return set(NEW_COLUMNS) <= set(columns)


def new_names(columns: pa.Schema, names: Sequence[str]) -> list[str]:
    """Choose names for new columns next to those of the input: a name that is taken gets the suffix `_scored`.

    The suffix is repeated if the suffixed name is taken, too: a scored file may be scored again by another network.
    """
    return [_free_name(name, columns.names) for name in names]


def _free_name(name: str, taken: Sequence[str]) -> str:
    return _free_name(f"{name}{TAKEN}", taken) if name in taken else name


@contextmanager
def row_writer(path: Path, schema: pa.Schema) -> Iterator[Write]:
    """Yield a function that appends rows; the file appears, complete, at the end of the block.

    In CSV, nested values such as lists become JSON.

    Raises:
        DataError: this file type cannot store a column.
    """
    try:
        with atomic_path(path) as temporary, WRITERS[path.suffix.lower()](temporary, schema) as write:
            yield write
    except RecursionError:
        raise DataError(
            f"{path}: a column is nested too deep; give --output a .parquet file, or leave it out"
        ) from None
    except OverflowError:  # Python's dates end with the year 9999; those of Parquet do not.
        raise DataError(f"{path}: a date is outside the years 1 to 9999; give --output a .parquet file") from None
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeDecodeError, LookupError) as error:
        # A type that CSV lacks, a text within a list that is not UTF-8, a time zone that does not exist.
        raise DataError(
            f"{path}: a column cannot be written ({shortened(error)}); give --output a .parquet file, or leave it out"
        ) from None


@contextmanager
def _parquet(path: Path, schema: pa.Schema) -> Iterator[Write]:
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        yield writer.write_batch


@contextmanager
def _csv(path: Path, schema: pa.Schema) -> Iterator[Write]:
    _check_no_bytes(schema)
    flat = pa.schema([field.with_type(_flat(field.type)) for field in schema])

    def write(rows: pa.RecordBatch) -> None:
        columns = [
            as_json(each.to_pylist()) if pa.types.is_nested(each.type) else _checked(each.cast(_flat(each.type)))
            for each in rows.columns
        ]
        writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=flat))

    with arrow_csv.CSVWriter(path, flat) as writer:
        yield write


@contextmanager
def _jsonl(path: Path, schema: pa.Schema) -> Iterator[Write]:
    _check_no_bytes(schema)
    as_they_were = [field.name for field in schema if is_json(field)]

    def write(rows: pa.RecordBatch) -> None:
        columns = [_exact(each.cast(_in_known_zone(each.type))) for each in rows.columns]
        for row in pa.table(columns, rows.schema.names).to_pylist():
            for name in as_they_were:
                row[name] = json.loads(row[name] or "null")
            file.write(json.dumps(plain(row), ensure_ascii=False) + "\n")

    with path.open("w", encoding="utf-8") as file:
        yield write


def _flat(kind: pa.DataType) -> pa.DataType:
    """The type of a column in CSV."""
    return TEXT if pa.types.is_nested(kind) else _in_known_zone(kind)


def _checked(column: pa.Array) -> pa.Array:
    """The column itself.

    Raises:
        OverflowError: it has a date of which Arrow would write "value out of range".
    """
    has_dates = pa.types.is_timestamp(column.type) or pa.types.is_date(column.type)
    if has_dates and pc.any(pc.starts_with(column.cast(TEXT), "<value out of range")).as_py():
        raise OverflowError
    return column


def _in_known_zone(kind: pa.DataType) -> pa.DataType:
    """The type itself, or for times in a zone that this machine does not know the same instants in UTC."""
    if not pa.types.is_timestamp(kind) or kind.tz is None:
        return kind
    try:
        pa.array([0], kind).cast(pa.string())
        pa.array([0], kind).to_pylist()
    except (pa.ArrowInvalid, LookupError, ValueError):
        return pa.timestamp(kind.unit, "UTC")
    return kind


def _exact(column: pa.Array) -> pa.Array:
    """Convert what Python's values would change, to what CSV shows.

    A float32 becomes its shortest decimals: 0.1, not 0.10000000149011612. A time of day has no nanoseconds in Python.
    """
    if pa.types.is_float32(column.type):
        return column.cast(pa.string()).cast(pa.float64())
    return column.cast(pa.string()) if column.type == pa.time64("ns") else column


def _check_no_bytes(schema: pa.Schema) -> None:
    for field in schema:
        if _holds_bytes(field.type):
            raise DataError(f"column {field.name!r} contains bytes, not text; give --output a .parquet file")


def _holds_bytes(kind: pa.DataType) -> bool:
    """Whether values of a type are or contain bytes."""
    within = [kind.field(number).type for number in range(kind.num_fields)]
    return any(is_bytes(kind) for is_bytes in BYTES) or any(map(_holds_bytes, within))


WRITERS = {".parquet": _parquet, ".csv": _csv, ".jsonl": _jsonl}
