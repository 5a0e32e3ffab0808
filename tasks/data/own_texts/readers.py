"""Readers of own texts with labels: CSV, JSON Lines, Parquet, and folders laid out like the raw IMDB reviews."""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv as arrow_csv

from tasks.data.own_texts.text_batch import BATCH_BYTES, BATCH_ROWS, TextBatch, check_columns
from tasks.errors import DataError

_HEADER_BYTES = 1 << 20
_CHUNK = 16 << 20
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_COLUMNS = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+)")
_ENCODING = re.compile(r"Row #(\d+): CSV conversion error to .*: invalid UTF8")


def read_csv(path: Path, text_column: str, label_column: str) -> Iterator[TextBatch]:
    """Read the rows of a CSV file. The header is row 1, as in a spreadsheet; empty lines are not counted.

    Raises:
        DataError: a column is missing, a row has the wrong number of columns, or a text is not UTF-8.
    """
    check_columns(path, header(path), text_column, label_column)
    try:
        with _open_csv(path, text_column, label_column) as reader:
            row = 2
            last = None
            for batch in reader:
                yield _csv_batch(path, row, batch)
                row += len(batch)
                last = batch if len(batch) else last
    except pa.ArrowInvalid as error:
        raise DataError(csv_fault(path, str(error))) from None
    check_quotes(path, last)


def _open_csv(path: Path, text_column: str, label_column: str) -> arrow_csv.CSVStreamingReader:
    # Arrow's errors name the row only if it reads with one thread. Meanwhile, other threads process earlier texts.
    return arrow_csv.open_csv(
        path,
        read_options=arrow_csv.ReadOptions(block_size=BATCH_BYTES, use_threads=False),
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(
            column_types={text_column: pa.large_string(), label_column: pa.large_string()},
            include_columns=[text_column, label_column],
            strings_can_be_null=False,
        ),
    )


def _csv_batch(path: Path, first_row: int, batch: pa.RecordBatch) -> TextBatch:
    return TextBatch(batch.column(0), batch.column(1), lambda row: f"{path}, row {first_row + row}")


def header(path: Path) -> list[str]:
    """Read the column names."""
    with path.open("rb") as file:
        start = file.read(_HEADER_BYTES)
    if start.startswith(UTF_16):
        raise DataError(f"{path}: the file is UTF-16; save it as UTF-8")
    text = start.decode("utf-8-sig", errors="replace")
    try:
        names = next(csv.reader(io.StringIO(text)), [])
    except csv.Error as error:
        raise DataError(f"{path}, row 1: no header of column names ({error})") from None
    if any("\ufffd" in name for name in names):
        raise DataError(f"{path}, row 1: the column names are not UTF-8; save the file as such")
    return names


def check_quotes(path: Path, last: pa.RecordBatch | None) -> None:
    """Check a CSV file's last batch for an unclosed quote: Arrow reads everything after it as one row.

    Raises:
        DataError: a quote is never closed.
    """
    if last is None or not any(b"\n" in column[-1].cast(pa.large_binary()).as_py() for column in last.columns):
        return
    with path.open("rb") as file:
        quotes = sum(chunk.count(b'"') for chunk in iter(lambda: file.read(_CHUNK), b""))
    if quotes % 2:
        raise DataError(f"{path}: a quote is never closed, and the rest of the file is one row; close the quote")


def csv_fault(path: Path, message: str) -> str:
    """Convert Arrow's message to one line that names the row."""
    if columns := _COLUMNS.search(message):
        row, expected, found = columns.groups()
        return f"{path}, row {row}: found {found} columns, expected {expected}; put texts with commas in quotes"
    if encoding := _ENCODING.search(message):
        return f"{path}, row {encoding[1]}: the text is not UTF-8; save the file as such"
    if "straddl" in message:
        return f"{path}: a row is longer than {BATCH_BYTES >> 20} MiB, or a quote is never closed; expected reviews"
    return f"{path}: not a readable CSV file ({message.splitlines()[0][:120]})"


_MAX_LINE = 64 << 20


class _Row(NamedTuple):
    number: int
    text: str
    label: str | None


def read_jsonl(path: Path, text_column: str, label_column: str) -> Iterator[TextBatch]:
    """Read the objects of a JSON Lines file. Row numbers are line numbers, counted from 1; empty lines are skipped.

    Raises:
        DataError: the file is empty, or a line is not a UTF-8 JSON object, lacks a column or has a text that is not a
            string.
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
                yield _jsonl_batch(path, rows)
                rows, size = [], 0
    if rows:
        yield _jsonl_batch(path, rows)
    if number == 0:
        raise DataError(f"{path}: the file is empty; expected one JSON object per line")


def _row(path: Path, number: int, line: bytes, text_column: str, label_column: str) -> _Row:
    location = f"{path}, row {number}"
    try:
        value = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
    except UnicodeDecodeError:
        raise DataError(f"{location}: the line is not UTF-8; save the file as such") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{location}: not JSON ({str(error)[:80]}); expected one object per line") from None
    if not isinstance(value, dict):
        raise DataError(f"{location}: found a JSON {type(value).__name__}; expected one object per line")
    for option, name in (("--text-column", text_column), ("--label-column", label_column)):
        if name not in value:
            keys = ", ".join(repr(key[:40]) for key in list(value)[:8])
            raise DataError(f"{location}: no {name!r}, found {keys or 'nothing'}; name the right one with {option}")
    text = value[text_column]
    if not isinstance(text, str | None):
        raise DataError(f"{location}: the text is a JSON {type(text).__name__}; expected a string")
    return _Row(number, _characters(location, text or ""), _json_label(location, value[label_column]))


def _characters(location: str, text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        half = ascii(text[error.start])
        raise DataError(f"{location}: the text contains {half}, half a character; write it as UTF-8") from None
    return text


def _json_label(location: str, value: Any) -> str | None:
    """Convert a label to a string; `true`, `1` and `"1"` mean the same thing, as in other formats."""
    if isinstance(value, str):
        return _characters(location, value)
    if value is None:
        return None
    if isinstance(value, bool | int | float):
        return str(value).lower()
    raise DataError(
        f"{location}: the label is a JSON {type(value).__name__}; expected 0 or 1, true or false, or a name"
    )


def _jsonl_batch(path: Path, rows: list[_Row]) -> TextBatch:
    numbers = [row.number for row in rows]
    texts = pa.array([row.text for row in rows], pa.large_string())
    labels = pa.array([row.label for row in rows], pa.large_string())
    return TextBatch(texts, labels, lambda row: f"{path}, row {numbers[row]}")


def read_parquet(path: Path, text_column: str, label_column: str) -> Iterator[TextBatch]:
    """Read the rows of a Parquet file; the first is row 1.

    Raises:
        DataError: the file is damaged, a column is missing, or a column has the wrong type.
    """
    try:
        with pq.ParquetFile(path) as file:
            check_columns(path, file.schema_arrow.names, text_column, label_column)
            row = 1
            for batch in file.iter_batches(rows_at_a_time(file), columns=[text_column, label_column]):
                yield _parquet_batch(path, row, batch.column(text_column), batch.column(label_column))
                row += len(batch)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(parquet_fault(path, error)) from None


def text_bytes(path: Path) -> int:
    """Return the uncompressed size, in bytes, of the columns of a Parquet file."""
    try:
        metadata = pq.read_metadata(path)
    except (pa.ArrowInvalid, OSError):
        return path.stat().st_size
    return sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))


def rows_at_a_time(file: pq.ParquetFile) -> int:
    """Return the number of rows that make a batch of the usual size."""
    groups = [file.metadata.row_group(group) for group in range(file.metadata.num_row_groups)]
    largest = max((group.total_byte_size / max(group.num_rows, 1) for group in groups), default=1.0)
    return max(1, min(BATCH_ROWS, int(BATCH_BYTES / max(largest, 1.0))))


def parquet_fault(path: Path, error: Exception) -> str:
    """Convert Arrow's error on a Parquet file to one line."""
    message = str(error).splitlines()[0][:120]
    return f"{path}: not a readable Parquet file ({message}); write the file again"


def _parquet_batch(path: Path, first_row: int, texts: pa.Array, labels: pa.Array) -> TextBatch:
    if pa.types.is_dictionary(texts.type):
        texts = texts.dictionary_decode()
    if not (pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type)):
        raise DataError(f"{path}: the text column has type {texts.type}; expected strings")
    return TextBatch(
        texts.cast(pa.large_string()), _labels_as_strings(path, labels), lambda row: f"{path}, row {first_row + row}"
    )


def _labels_as_strings(path: Path, labels: pa.Array) -> pa.LargeStringArray:
    if pa.types.is_floating(labels.type):
        # pandas writes a missing label as NaN.
        labels = pc.if_else(pc.is_nan(labels), None, labels)
    try:
        return labels.cast(pa.large_string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise DataError(f"{path}: the label column has type {labels.type}; expected 0 and 1, or names") from None


CLASSES = ("neg", "pos")


def has_classes(folder: Path) -> bool:
    """Whether a folder contains `pos` and `neg`."""
    return all((folder / name).is_dir() for name in CLASSES)


def files_of(folder: Path) -> list[Path]:
    """List the texts in a folder with `pos` and `neg`, in reading order.

    Raises:
        DataError: one of these two contains no texts.
    """
    files = []
    for name in CLASSES:
        of_class = sorted((folder / name).glob("*.txt"))
        if not of_class:
            raise DataError(f"{folder / name}: no .txt files; expected one text per file")
        files += of_class
    return files


def read_folder(folder: Path) -> Iterator[TextBatch]:
    """Read the texts in a folder with `pos` and `neg`; these two names are the labels.

    Raises:
        DataError: a file is not UTF-8.
    """
    files: list[Path] = []
    texts: list[str] = []
    size = 0
    for path in files_of(folder):
        text = _file_text(path)
        files.append(path)
        texts.append(text)
        size += len(text)
        if size >= BATCH_BYTES or len(texts) >= BATCH_ROWS:
            yield _folder_batch(files, texts)
            files, texts, size = [], [], 0
    if texts:
        yield _folder_batch(files, texts)


def _file_text(path: Path) -> str:
    # Bytes: text mode would turn "\r" into "\n", and the tokenizer distinguishes them.
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError:
        raise DataError(f"{path}: the text is not UTF-8; save the file as such") from None


def _folder_batch(files: list[Path], texts: list[str]) -> TextBatch:
    labels = pa.array([path.parent.name for path in files], pa.large_string())
    return TextBatch(pa.array(texts, pa.large_string()), labels, lambda row: str(files[row]))
