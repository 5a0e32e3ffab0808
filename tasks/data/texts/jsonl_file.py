"""Texts in a JSON Lines file: an object a line, UTF-8."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from tasks.data.texts.batch import BATCH_BYTES, BATCH_ROWS, TextBatch
from tasks.results.errors import DataError

_MAX_LINE = 64 << 20


class _Row(NamedTuple):
    number: int
    text: str
    label: str | None


def read_jsonl(path: Path, text_column: str, label_column: str) -> Iterator[TextBatch]:
    """The objects of a JSON Lines file. Rows are lines, the first is 1; empty lines are no objects.

    Raises:
        DataError: a line is no JSON object, is not UTF-8, or lacks a column; the text is no string.
    """
    rows: list[_Row] = []
    size = 0
    number = 0
    with path.open("rb") as file:
        while line := file.readline(_MAX_LINE):
            number += 1
            if not line.strip():
                continue
            rows.append(_row(path, number, line, text_column, label_column))
            size += len(line)
            if size >= BATCH_BYTES or len(rows) >= BATCH_ROWS:
                yield _batch(path, rows)
                rows, size = [], 0
    if rows:
        yield _batch(path, rows)
    if number == 0:
        raise DataError(f"{path}: the file is empty; expected a JSON object a line")


def _row(path: Path, number: int, line: bytes, text_column: str, label_column: str) -> _Row:
    location = f"{path}, row {number}"
    try:
        value = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
    except UnicodeDecodeError:
        raise DataError(f"{location}: the line is not UTF-8; save the file as such") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{location}: not JSON ({str(error)[:80]}); expected an object a line") from None
    if not isinstance(value, dict):
        raise DataError(f"{location}: found a JSON {type(value).__name__}; expected an object a line")
    for option, name in (("--text-column", text_column), ("--label-column", label_column)):
        if name not in value:
            keys = ", ".join(repr(key[:40]) for key in list(value)[:8])
            raise DataError(f"{location}: no {name!r}, found {keys or 'nothing'}; name the right one with {option}")
    text = value[text_column]
    if not isinstance(text, str | None):
        raise DataError(f"{location}: the text is a JSON {type(text).__name__}; expected a string")
    return _Row(number, _characters(location, text or ""), _label(location, value[label_column]))


def _characters(location: str, text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        half = ascii(text[error.start])
        raise DataError(f"{location}: the text holds {half}, half of a character; write it as UTF-8") from None
    return text


def _label(location: str, value: Any) -> str | None:
    """A label as a string: true, 1 and "1" are the same as elsewhere."""
    if isinstance(value, str):
        return _characters(location, value)
    if value is None:
        return None
    if isinstance(value, bool | int | float):
        return str(value).lower()
    raise DataError(
        f"{location}: the label is a JSON {type(value).__name__}; expected 0 or 1, true or false, or a name"
    )


def _batch(path: Path, rows: list[_Row]) -> TextBatch:
    numbers = [row.number for row in rows]
    texts = pa.array([row.text for row in rows], pa.large_string())
    labels = pa.array([row.label for row in rows], pa.large_string())
    return TextBatch(texts, labels, lambda row: f"{path}, row {numbers[row]}")
