"""Readers of files that are parsed line by line, or file by file.

These are JSON Lines, text files with one review per line, and folders of text files with one review each.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from tasks.data.readers.batch import BATCH_BYTES, BATCH_ROWS, Columns, Reject, RowBatch, not_found
from tasks.data.readers.columns import json_column
from tasks.data.readers.csv_file import UTF_16
from tasks.errors import DataError

MAX_LINE = 64 << 20
# The column of a folder's files, relative to the folder.
FILE_COLUMN = "file"
JsonObject = dict[str, Any]


class _RowError(Exception):
    """A line or file is not a row; the message says why."""


class _Line(NamedTuple):
    """A line, or a whole file, and where it is."""

    path: Path
    number: int
    content: bytes


def read_jsonl(path: Path, columns: Columns) -> Iterator[RowBatch]:
    """Read the objects of a JSON Lines file. Row numbers are line numbers, counted from 1; empty lines are skipped.

    Raises:
        DataError: the file is empty, or its first objects lack a wanted column.
    """
    seen: dict[str, None] = {}

    def parse(line: _Line) -> JsonObject:
        record = _json_object(_decoded(line))
        seen.update(dict.fromkeys(record))
        return _with_strings(record, columns)

    for batch in _batches(path, _lines(path), parse, columns):
        for column in columns.wanted:
            if seen and column.name not in seen:
                raise DataError(f"{path}: no {not_found(column, list(seen))}")
        yield batch


def read_lines(path: Path, columns: Columns) -> Iterator[RowBatch]:
    """Read the lines of a text file, each of which is a review. Empty lines are counted, but skipped.

    Raises:
        DataError: the file is empty.
    """
    return _batches(path, _lines(path), lambda line: {columns.text: _decoded(line).removesuffix("\r")}, columns)


def read_folder(folder: Path, files: Sequence[Path], columns: Columns) -> Iterator[RowBatch]:
    """Read text files in a folder, each of which is row 1 of its file; the names of their folders are the labels.

    If all columns are kept, the column `file` contains the paths relative to the folder.
    """

    def parse(file: _Line) -> JsonObject:
        try:
            text = file.content.decode()
        except UnicodeDecodeError:
            raise _RowError("the text is not UTF-8; save the file as such") from None
        name = {FILE_COLUMN: file.path.relative_to(folder).as_posix()} if columns.keep_others else {}
        return name | dict.fromkeys(columns.names, file.path.parent.name) | {columns.text: text}

    return _batches(folder, (_Line(path, 1, path.read_bytes()) for path in files), parse, columns)


def _json_object(line: str) -> JsonObject:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _RowError(f"not JSON ({str(error)[:80]}); expected one object per line") from None
    if not isinstance(value, dict):
        raise _RowError(f"found a JSON {type(value).__name__}; expected one object per line")
    return value


def _with_strings(record: JsonObject, columns: Columns) -> JsonObject:
    """Return the columns to keep; the wanted ones become strings: `true`, `1` and `"1"` are the same label."""
    strings = {}
    for column in reversed(columns.wanted):
        if column.name not in record:
            raise _RowError(f"no {not_found(column, list(record))}")
        value = record[column.name]
        if isinstance(value, bool | int | float) and column.content != "text":
            value = str(value).lower()
        if not isinstance(value, str | None):
            expected = "a string" if column.content == "text" else "0 or 1, true or false, or a name"
            raise _RowError(f"the {column.content} is a JSON {type(value).__name__}; expected {expected}")
        strings[column.name] = value
    kept = record | strings if columns.keep_others else strings
    for name, value in kept.items():
        _check_characters(name, value, columns)
    return kept


def _check_characters(name: str, value: Any, columns: Columns) -> None:
    """Check a column's name and value for halves of characters such as "\\ud800", which JSON can write."""
    try:
        (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)).encode()
        name.encode()
    except UnicodeEncodeError as error:
        half = ascii(error.object[error.start])
        raise _RowError(f"{columns.subject(name)} contains {half}, half a character; write it as UTF-8") from None


def _decoded(line: _Line) -> str:
    if len(line.content) >= MAX_LINE:
        raise _RowError(f"longer than {MAX_LINE >> 20} MiB; expected a review")
    try:
        return line.content.decode("utf-8-sig" if line.number == 1 else "utf-8")
    except UnicodeDecodeError:
        raise _RowError("the line is not UTF-8; save the file as such") from None


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
                yield _Line(path, number, content.removesuffix(b"\n"))


@dataclass
class _Rows:
    """The rows of the next batch."""

    path: Path
    lines: list[_Line] = field(default_factory=list)
    records: list[JsonObject] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    size: int = 0

    def add(self, line: _Line, parse: Callable[[_Line], JsonObject]) -> None:
        """Add a line as a row or as a reject."""
        self.size += len(line.content)
        try:
            self.records.append(parse(line))
            self.lines.append(line._replace(content=b""))
        except _RowError as fault:
            self.rejects.append(Reject(str(line.path), line.number, str(fault)))

    def __len__(self) -> int:
        return len(self.records) + len(self.rejects)

    def batch(self, columns: Columns) -> RowBatch:
        """Return the rows as a batch."""
        names = dict.fromkeys(name for record in self.records for name in record) or {columns.text: None}
        typed = {name: json_column([record.get(name) for record in self.records]) for name in names}
        fields = [pa.field(name, column.array.type, metadata=column.metadata) for name, column in typed.items()]
        table = pa.RecordBatch.from_arrays([column.array for column in typed.values()], schema=pa.schema(fields))
        numbers = np.array([line.number for line in self.lines], np.int64)
        paths = tuple(str(line.path) for line in self.lines if line.path != self.path)
        return RowBatch(str(self.path), table, numbers, tuple(self.rejects), self.size, paths)


def _batches(
    path: Path, lines: Iterable[_Line], parse: Callable[[_Line], JsonObject], columns: Columns
) -> Iterator[RowBatch]:
    is_empty = True
    rows = _Rows(path)
    for line in lines:
        is_empty = False
        rows.add(line, parse)
        if rows.size >= BATCH_BYTES or len(rows) >= BATCH_ROWS:
            yield rows.batch(columns)
            rows = _Rows(path)
    if is_empty:
        raise DataError(f"{path}: the file is empty; expected one review per line")
    if len(rows):
        yield rows.batch(columns)
