"""Readers of files that are parsed line by line, or file by file.

These are JSON Lines, text files with one review per line, and folders of text files with one review each.
"""

import codecs
import io
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from tasks.data.readers.batch import BATCH_BYTES, BATCH_ROWS, Column, Columns, Reject, RowBatch, not_found
from tasks.data.readers.columns import json_column
from tasks.data.readers.opened import START, File, check_is_text, command, opened, what_else, without_nuls
from tasks.errors import DataError

MAX_LINE = 64 << 20
MAX_LEVELS = 100  # Of lists and objects within one another; Python's conversions are recursive.
# Each key becomes a column of all rows. So many keys are allowed, and more if an object has a fair share of them.
MAX_KEYS, MANY = 2_000, 10
# The column of a folder's files, relative to the folder.
FILE_COLUMN = "file"
JQ_ITEMS = "jq -c '.[]'"
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
        DataError: the file is empty, its first line is JSON, but not JSON Lines, or its first objects lack a wanted
            column.
    """
    seen: JsonObject = {}

    def parse(line: _Line) -> JsonObject:
        text = _decoded(line)
        try:
            record = _json_object(text)
        except _RowError as fault:
            form = "" if seen else _other_form(path, text)
            if form:
                raise DataError(f"{path}, row {line.number}: {form}") from None
            raise fault from None
        seen.update(record)
        if columns.keep_others and len(seen) > max(MAX_KEYS, MANY * len(record)):
            raise DataError(
                f"{path}, line {line.number}: {len(seen):,} different keys so far, {len(record)} in this object; "
                "expected objects with the same keys"
            )
        kept = _with_strings(record, columns)
        if "\\u" in text:
            _check_characters(kept, columns)
        return kept

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
    """Read text files in a folder, each of which is row 1 of its file; the folders in `folder` are the labels.

    If all columns are kept, the column `file` contains the paths relative to the folder.
    """
    names = columns.names

    def parse(file: _Line) -> JsonObject:
        if found := what_else(file.path, file.content):
            raise _RowError(f"the file is {found}")
        text = _decoded(file, "text").removeprefix("\ufeff")
        place = file.path.relative_to(folder)
        row = dict.fromkeys(names, place.parts[0]) | {columns.text: text}
        return {FILE_COLUMN: place.as_posix()} | row if columns.keep_others else row

    return _batches(folder, map(_whole, files), parse, columns)


def _whole(path: Path) -> _Line:
    """A whole file, or the start of one that is too long."""
    with opened(path) as file:
        return _Line(path, 1, file.read(MAX_LINE))


def _json_object(line: str) -> JsonObject:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _RowError(f"not JSON; {_json_fault(line, error)}") from None
    if not isinstance(value, dict):
        raise _RowError(f"found a JSON {type(value).__name__}; expected one object per line")
    if line.count("[") + line.count("{") > MAX_LEVELS and _levels(value) > MAX_LEVELS:
        raise _RowError(f"nested more than {MAX_LEVELS} levels deep; expected an object of values")
    return value


def _json_fault(line: str, error: Exception) -> str:
    """What to do about a line that is not JSON."""
    if line.lstrip().startswith("{'"):
        return 'names and texts are in single quotes; expected double ones, as in {"text": "good", "label": 1}'
    if str(error).startswith("Invalid control character"):
        return "a text contains a tab or another control character; write it as \\t or \\u0009"
    return 'expected one object per line, such as {"text": "good", "label": 1}'


def _other_form(path: Path, line: str) -> str:
    """The form of a line that is JSON, but not JSON Lines, and the command that converts it; empty if it has none."""
    content = line.strip()
    if content.startswith("["):
        return f"a JSON array; expected one object per line, as {command(path, JQ_ITEMS, 'lines', '.jsonl')} writes"
    if not content.startswith("{"):
        return ""
    if content.endswith(",") and _is_json(content[:-1]):
        program = "sed 's/,[[:space:]]*$//'"
        return f"a comma follows the object; remove it, as {command(path, program, 'lines', '.jsonl')} does"
    try:
        _, end = json.JSONDecoder().raw_decode(content)
        several = content[end:].lstrip().startswith("{")
        form = "several objects in a line" if several else ""
    except (ValueError, RecursionError) as error:
        is_open = content == "{" or (isinstance(error, json.JSONDecodeError) and error.pos >= len(content) - 1)
        form = "a JSON object of several lines" if is_open else ""
    return f"{form}; expected one per line, as {command(path, 'jq -c .', 'lines', '.jsonl')} writes" if form else ""


def _is_json(content: str) -> bool:
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return False
    return True


def _levels(value: Any) -> int:
    """How deep lists and objects are nested in a value."""
    levels, values = 0, [value]
    while values := [item for each in values for item in _items(each)]:
        levels += 1
    return levels


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _with_strings(record: JsonObject, columns: Columns) -> JsonObject:
    """Convert the wanted columns to strings, and return the columns to keep."""
    for column in columns.wanted:
        if column.name not in record and column.content == "group":
            record[column.name] = None  # As an empty cell of a table.
        if column.name not in record:
            raise _RowError(f"no {not_found(column, list(record))}")
        value = record[column.name]
        if not isinstance(value, str):
            record[column.name] = _as_string(value, column)
    return record if columns.keep_others else {column.name: record[column.name] for column in columns.wanted}


def _as_string(value: Any, column: Column) -> str | None:
    """Convert a value; `true`, `1` and `"1"` are the same label, as in other formats."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool | int | float) and column.content != "text":
        return str(value).lower()
    expected = {"text": "a string", "label": "0 or 1, true or false, or a name"}.get(
        column.content, "a name or a number"
    )
    raise _RowError(f"the {column.content} is a JSON {type(value).__name__}; expected {expected}")


def _check_characters(record: JsonObject, columns: Columns) -> None:
    """Check names and values for halves of characters such as "\\ud800", which JSON can write."""
    for name, value in record.items():
        try:
            json.dumps({name: value}, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            half = ascii(error.object[error.start])
            raise _RowError(f"{columns.subject(name)} contains {half}, half a character; write it as UTF-8") from None


def _decoded(line: _Line, name: str = "line") -> str:
    if len(line.content) >= MAX_LINE:
        raise _RowError(f"longer than {MAX_LINE >> 20} MiB; expected a review")
    if b"\0" in line.content:
        raise _RowError(f"the {name} {without_nuls(line.path)}")
    try:
        return line.content.decode()
    except UnicodeDecodeError:
        raise _RowError(f"the {name} is not UTF-8; save the file as such") from None


class _OldLines(io.RawIOBase):
    r"""A file whose lines end with `\r`, as on old Macs, read with `\n` instead."""

    def __init__(self, file: File) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._file.read(len(buffer))
        buffer[: len(content)] = content.replace(b"\r", b"\n")
        return len(content)


def _lines(path: Path) -> Iterator[_Line]:
    r"""Yield non-empty lines with their numbers; yield only the start of a line that is too long.

    Lines end with `\n` or `\r\n`, or with `\r` if the first bytes of the file contain no other end.

    Raises:
        DataError: there are none, or the file is no UTF-8 text.
    """
    number = 0
    is_empty = True
    with opened(path) as file:
        start = file.peek(START)
        check_is_text(path, start)
        is_old = b"\r" in start[:-1] and b"\n" not in start
        lines = io.BufferedReader(_OldLines(file)) if is_old else file
        while content := lines.readline(MAX_LINE):
            number += 1
            if len(content) >= MAX_LINE:
                while not (rest := lines.readline(MAX_LINE)).endswith(b"\n") and rest:
                    pass
            elif number == 1:
                content = content.removeprefix(codecs.BOM_UTF8)
            if content.strip():
                is_empty = False
                yield _Line(path, number, content.removesuffix(b"\n"))
    if is_empty:
        raise DataError(f"{path}: the file is empty; expected one review per line")


def _batches(
    path: Path, lines: Iterable[_Line], parse: Callable[[_Line], JsonObject], columns: Columns
) -> Iterator[RowBatch]:
    for chunk in _chunks(lines):
        read: list[_Line] = []
        records: list[JsonObject] = []
        rejects: list[Reject] = []
        for line in chunk:
            try:
                records.append(parse(line))
                read.append(line)
            except _RowError as fault:
                rejects.append(Reject(str(line.path), line.number, str(fault)))
        numbers = np.array([line.number for line in read], np.int64)
        size = sum(len(line.content) for line in chunk)
        paths = tuple(str(line.path) for line in read if line.path != path)
        yield RowBatch(str(path), _table(records, columns), numbers, tuple(rejects), size, paths)


def _chunks(lines: Iterable[_Line]) -> Iterator[list[_Line]]:
    """Yield the lines in lists of the usual size."""
    chunk: list[_Line] = []
    size = 0
    for line in lines:
        chunk.append(line)
        size += len(line.content)
        if size >= BATCH_BYTES or len(chunk) >= BATCH_ROWS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _table(records: list[JsonObject], columns: Columns) -> pa.RecordBatch:
    names = dict.fromkeys(name for record in records for name in record) or {columns.text: None}
    typed = {name: json_column([record.get(name) for record in records]) for name in names}
    fields = [pa.field(name, column.array.type, metadata=column.metadata) for name, column in typed.items()]
    return pa.RecordBatch.from_arrays([column.array for column in typed.values()], schema=pa.schema(fields))
