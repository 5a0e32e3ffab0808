"""Readers of rows to score: CSV, Parquet, JSON Lines, text files with one review per line, and folders of text files.

Every column is kept. CSV values stay text, as written: "007" is not a number. A row that cannot be read is set aside
with the reason.
"""

import json
from collections.abc import Callable, Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv as arrow_csv

from tasks.data.own_texts.readers import UTF_16, check_quotes, csv_fault, header, parquet_fault, rows_at_a_time
from tasks.data.own_texts.text_batch import BATCH_BYTES, BATCH_ROWS
from tasks.data.scoring.columns import json_column
from tasks.data.scoring.row_batch import Reject, RowBatch, check_text_column
from tasks.errors import DataError


def read_csv_rows(path: Path, text_column: str) -> Iterator[RowBatch]:
    """Read the rows of a CSV file; rows whose number of columns differs from the header's are set aside.

    Raises:
        DataError: a column is missing, or a quote is never closed.
    """
    names = header(path)
    check_text_column(path, names, text_column)
    rejects: list[Reject] = []

    def set_aside(row: arrow_csv.InvalidRow) -> str:
        reason = f"found {row.actual_columns} columns, expected {row.expected_columns}; put texts with commas in quotes"
        rejects.append(Reject(str(path), row.number, reason))
        return "skip"

    faulty: set[int] = set()
    numbers = (number for number in count(2) if number not in faulty)
    last: pa.RecordBatch | None = None
    try:
        with arrow_csv.open_csv(
            path,
            # Arrow numbers rows only if it reads with one thread.
            read_options=arrow_csv.ReadOptions(block_size=BATCH_BYTES, use_threads=False),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=set_aside),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.large_string()), strings_can_be_null=False, check_utf8=False
            ),
        ) as reader:
            for columns in reader:
                new, rejects[:] = tuple(rejects), []
                faulty.update(reject.row for reject in new)
                rows = np.fromiter(islice(numbers, len(columns)), np.int64, len(columns))
                yield RowBatch(str(path), columns, rows, new, columns.nbytes)
                last = columns if len(columns) else last
    except pa.ArrowInvalid as error:
        raise DataError(csv_fault(path, str(error))) from None
    if rejects:
        nothing = pa.RecordBatch.from_pylist([], pa.schema([(name, pa.large_string()) for name in names]))
        yield RowBatch(str(path), nothing, np.zeros(0, np.int64), tuple(rejects), 0)
    check_quotes(path, last)


def read_parquet_rows(path: Path, text_column: str) -> Iterator[RowBatch]:
    """Read the rows of a Parquet file; the first is row 1.

    Raises:
        DataError: the file is damaged, or the text column is missing or does not contain strings.
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
        raise DataError(parquet_fault(path, error)) from None


def _check_type(path: Path, kind: pa.DataType) -> None:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise DataError(f"{path}: the text column has type {kind}; expected strings")


def _plain(columns: pa.RecordBatch) -> pa.RecordBatch:
    """Unpack dictionary-encoded columns: batches have different dictionaries, but a written column needs one."""
    arrays = [
        column.dictionary_decode() if pa.types.is_dictionary(column.type) else column for column in columns.columns
    ]
    return pa.RecordBatch.from_arrays(arrays, names=columns.schema.names)


FILE_COLUMN = "file"


def texts_below(folder: Path) -> list[Path]:
    """List the texts in a folder and its subfolders, in reading order."""
    return sorted(path for path in folder.rglob("*.txt") if path.is_file())


def read_folder_rows(folder: Path, text_column: str) -> Iterator[RowBatch]:
    """Read the texts in a folder; each is row 1 of its file, and any that is not UTF-8 is set aside."""
    files: list[str] = []
    texts: list[str] = []
    rejects: list[Reject] = []
    size = 0
    for path in texts_below(folder):
        content = path.read_bytes()
        size += len(content)
        try:
            texts.append(content.decode())
            files.append(path.relative_to(folder).as_posix())
        except UnicodeDecodeError:
            rejects.append(Reject(str(path), 1, NOT_UTF8))
        if size >= BATCH_BYTES or len(texts) + len(rejects) >= BATCH_ROWS:
            yield _folder_batch(folder, text_column, files, texts, rejects, size)
            files, texts, rejects, size = [], [], [], 0
    if texts or rejects:
        yield _folder_batch(folder, text_column, files, texts, rejects, size)


def _folder_batch(
    folder: Path, text_column: str, files: list[str], texts: list[str], rejects: list[Reject], size: int
) -> RowBatch:
    arrays = [pa.array(values, pa.large_string()) for values in (files, texts)]
    columns = pa.RecordBatch.from_arrays(arrays, names=[FILE_COLUMN, text_column])
    paths = tuple(str(folder / name) for name in files)
    return RowBatch(str(folder), columns, np.ones(len(files), np.int64), tuple(rejects), size, paths)


MAX_LINE = 64 << 20
NOT_UTF8 = "not UTF-8; save the file as such"
JsonObject = dict[str, Any]


class _LineError(Exception):
    """A line is not a row; the message says why."""


class _Line(NamedTuple):
    number: int
    content: bytes


def read_jsonl_rows(path: Path, text_column: str) -> Iterator[RowBatch]:
    """Read the objects of a JSON Lines file. Row numbers are line numbers, counted from 1; invalid lines are set aside.

    Raises:
        DataError: the file is empty, or its first objects lack the text column.
    """
    seen: set[str] = set()

    def parse(line: _Line) -> JsonObject:
        record = _object(line)
        seen.update(record)
        text = record.get(text_column)
        if not isinstance(text, str):
            kind = f"a JSON {type(text).__name__}" if text is not None else "missing"
            raise _LineError(f"{text_column!r} is {kind}; expected a string")
        return record

    for batch in _line_batches(path, parse, text_column):
        if text_column not in seen and seen:
            shown = ", ".join(repr(name[:40]) for name in sorted(seen)[:8])
            raise DataError(f"{path}: no {text_column!r}, found {shown}; name the right one with --text-column")
        yield batch


def read_text_rows(path: Path, text_column: str) -> Iterator[RowBatch]:
    """Read the lines of a text file, each of which is a review.

    Raises:
        DataError: the file is empty.
    """
    return _line_batches(path, lambda line: {text_column: _line_text(line).removesuffix("\r")}, text_column)


def _object(line: _Line) -> JsonObject:
    try:
        value = json.loads(_line_text(line))
    except (ValueError, RecursionError) as error:
        raise _LineError(f"not JSON ({str(error)[:80]}); expected one object per line") from None
    if not isinstance(value, dict):
        raise _LineError(f"found a JSON {type(value).__name__}; expected one object per line")
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise _LineError(f"contains {error.object[error.start]!a}, half a character; write it as UTF-8") from None
    return value


def _line_text(line: _Line) -> str:
    if len(line.content) >= MAX_LINE:
        raise _LineError(f"longer than {MAX_LINE >> 20} MiB; expected a review")
    try:
        return line.content.decode("utf-8-sig" if line.number == 1 else "utf-8")
    except UnicodeDecodeError:
        raise _LineError(NOT_UTF8) from None


def _line_batches(path: Path, parse: Callable[[_Line], JsonObject], text_column: str) -> Iterator[RowBatch]:
    rows: list[int] = []
    records: list[JsonObject] = []
    rejects: list[Reject] = []
    size, lines = 0, 0
    for line in _lines(path):
        lines += 1
        size += len(line.content)
        try:
            records.append(parse(line))
            rows.append(line.number)
        except _LineError as fault:
            rejects.append(Reject(str(path), line.number, str(fault)))
        if size >= BATCH_BYTES or len(rows) + len(rejects) >= BATCH_ROWS:
            yield _line_batch(path, rows, records, rejects, size, text_column)
            rows, records, rejects, size = [], [], [], 0
    if not lines:
        raise DataError(f"{path}: the file is empty; expected one review per line")
    if rows or rejects:
        yield _line_batch(path, rows, records, rejects, size, text_column)


def _lines(path: Path) -> Iterator[_Line]:
    """Yield non-empty lines with their numbers; yield only the start of a line that is too long."""
    number = 0
    with path.open("rb") as file:
        if file.peek(2).startswith(UTF_16):
            raise DataError(f"{path}: the file is UTF-16; save it as UTF-8")
        while content := file.readline(MAX_LINE):
            number += 1
            if len(content) >= MAX_LINE:
                while not (rest := file.readline(MAX_LINE)).endswith(b"\n") and rest:
                    pass
            if content.strip():
                yield _Line(number, content.removesuffix(b"\n"))


def _line_batch(
    path: Path, rows: list[int], records: list[JsonObject], rejects: list[Reject], size: int, text_column: str
) -> RowBatch:
    names = dict.fromkeys(name for record in records for name in record) or {text_column: None}
    columns = {name: json_column([record.get(name) for record in records]) for name in names}
    fields = [pa.field(name, column.array.type, metadata=column.metadata) for name, column in columns.items()]
    table = pa.RecordBatch.from_arrays([column.array for column in columns.values()], schema=pa.schema(fields))
    return RowBatch(str(path), table, np.array(rows, np.int64), tuple(rejects), size)
