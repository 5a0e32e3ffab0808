"""Rows that are lines: JSON Lines, and plain text with a review a line. Empty lines are no rows."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from tasks.data.rows.batch import Reject, RowBatch
from tasks.data.rows.schema import json_column
from tasks.data.texts.batch import BATCH_BYTES, BATCH_ROWS
from tasks.data.texts.csv_file import UTF_16
from tasks.results.errors import DataError

MAX_LINE = 64 << 20
NOT_UTF8 = "not UTF-8; save the file as such"
Record = dict[str, Any]


class _LineError(Exception):
    """Why a line is no row."""


class _Line(NamedTuple):
    number: int
    content: bytes


def read_jsonl_rows(path: Path, text_column: str) -> Iterator[RowBatch]:
    """The objects of a JSON Lines file. Rows are lines, the first is 1; a line that is no object is set aside.

    Raises:
        DataError: the file is empty, or no line of it has the text column.
    """
    seen: set[str] = set()

    def parse(line: _Line) -> Record:
        record = _object(line)
        seen.update(record)
        text = record.get(text_column)
        if not isinstance(text, str):
            kind = f"a JSON {type(text).__name__}" if text is not None else "missing"
            raise _LineError(f"{text_column!r} is {kind}; expected a string")
        return record

    for batch in _batches(path, parse, text_column):
        if text_column not in seen and seen:
            shown = ", ".join(repr(name[:40]) for name in sorted(seen)[:8])
            raise DataError(f"{path}: no {text_column!r}, found {shown}; name the right one with --text-column")
        yield batch


def read_text_rows(path: Path, text_column: str) -> Iterator[RowBatch]:
    """The lines of a text file, each a review.

    Raises:
        DataError: the file is empty.
    """
    return _batches(path, lambda line: {text_column: _text(line).removesuffix("\r")}, text_column)


def _object(line: _Line) -> Record:
    try:
        value = json.loads(_text(line))
    except (ValueError, RecursionError) as error:
        raise _LineError(f"not JSON ({str(error)[:80]}); expected an object a line") from None
    if not isinstance(value, dict):
        raise _LineError(f"found a JSON {type(value).__name__}; expected an object a line")
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise _LineError(f"holds {error.object[error.start]!a}, half of a character; write it as UTF-8") from None
    return value


def _text(line: _Line) -> str:
    if len(line.content) >= MAX_LINE:
        raise _LineError(f"longer than {MAX_LINE >> 20} MiB; expected a review")
    try:
        return line.content.decode("utf-8-sig" if line.number == 1 else "utf-8")
    except UnicodeDecodeError:
        raise _LineError(NOT_UTF8) from None


def _batches(path: Path, parse: Callable[[_Line], Record], text_column: str) -> Iterator[RowBatch]:
    rows: list[int] = []
    records: list[Record] = []
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
            yield _batch(path, rows, records, rejects, size, text_column)
            rows, records, rejects, size = [], [], [], 0
    if not lines:
        raise DataError(f"{path}: the file is empty; expected a review a line")
    if rows or rejects:
        yield _batch(path, rows, records, rejects, size, text_column)


def _lines(path: Path) -> Iterator[_Line]:
    """The lines that are not empty, with their numbers; of a line that is too long, the start."""
    number = 0
    with path.open("rb") as file:
        if file.peek(2).startswith(UTF_16):
            raise DataError(f"{path}: the file is UTF-16; expected UTF-8: save it as such")
        while content := file.readline(MAX_LINE):
            number += 1
            if len(content) >= MAX_LINE:
                while not (rest := file.readline(MAX_LINE)).endswith(b"\n") and rest:
                    pass
            if content.strip():
                yield _Line(number, content.removesuffix(b"\n"))


def _batch(
    path: Path, rows: list[int], records: list[Record], rejects: list[Reject], size: int, text_column: str
) -> RowBatch:
    names = dict.fromkeys(name for record in records for name in record) or {text_column: None}
    columns = {name: json_column([record.get(name) for record in records]) for name in names}
    fields = [pa.field(name, column.array.type, metadata=column.metadata) for name, column in columns.items()]
    table = pa.RecordBatch.from_arrays([column.array for column in columns.values()], schema=pa.schema(fields))
    return RowBatch(str(path), table, np.array(rows, np.int64), tuple(rejects), size)
