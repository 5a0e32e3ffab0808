"""Texts in a CSV file: commas, a header, quotes where a text holds commas or newlines, UTF-8."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from pyarrow import csv as arrow_csv

from tasks.data.texts.batch import BATCH_BYTES, TextBatch
from tasks.data.texts.columns import check_columns
from tasks.results.errors import DataError

_HEADER_BYTES = 1 << 20
_CHUNK = 16 << 20
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_COLUMNS = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+)")
_ENCODING = re.compile(r"Row #(\d+): CSV conversion error to .*: invalid UTF8")


def read_csv(path: Path, text_column: str, label_column: str) -> Iterator[TextBatch]:
    """The rows of a CSV file. The header is row 1, as in a spreadsheet; empty lines are no rows.

    Raises:
        DataError: a column is missing, a row has another number of columns, or a text is not UTF-8.
    """
    check_columns(path, header(path), text_column, label_column)
    try:
        with _open(path, text_column, label_column) as reader:
            row = 2
            last = None
            for batch in reader:
                yield _batch(path, row, batch)
                row += len(batch)
                last = batch if len(batch) else last
    except pa.ArrowInvalid as error:
        raise DataError(fault(path, str(error))) from None
    check_quotes(path, last)


def _open(path: Path, text_column: str, label_column: str) -> arrow_csv.CSVStreamingReader:
    # One thread: only then do errors name the row. Texts are parsed while others are counted or encoded.
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


def _batch(path: Path, first_row: int, batch: pa.RecordBatch) -> TextBatch:
    return TextBatch(batch.column(0), batch.column(1), lambda row: f"{path}, row {first_row + row}")


def header(path: Path) -> list[str]:
    """The names of the columns."""
    with path.open("rb") as file:
        start = file.read(_HEADER_BYTES)
    if start.startswith(UTF_16):
        raise DataError(f"{path}: the file is UTF-16; expected UTF-8: save it as such")
    text = start.decode("utf-8-sig", errors="replace")
    try:
        names = next(csv.reader(io.StringIO(text)), [])
    except csv.Error as error:
        raise DataError(f"{path}, row 1: no header of column names ({error})") from None
    if any("\ufffd" in name for name in names):
        raise DataError(f"{path}, row 1: the names of the columns are not UTF-8; save the file as such")
    return names


def check_quotes(path: Path, last: pa.RecordBatch | None) -> None:
    """Check the last batch of a CSV file for a quote that is never closed: Arrow takes all after it for one row.

    Raises:
        DataError: there is one.
    """
    if last is None or not any(b"\n" in column[-1].cast(pa.large_binary()).as_py() for column in last.columns):
        return
    with path.open("rb") as file:
        quotes = sum(chunk.count(b'"') for chunk in iter(lambda: file.read(_CHUNK), b""))
    if quotes % 2:
        raise DataError(f"{path}: a quote is never closed, and the rest of the file is one row; close the quote")


def fault(path: Path, message: str) -> str:
    """Arrow's message as one line with the row."""
    if columns := _COLUMNS.search(message):
        row, expected, found = columns.groups()
        return f"{path}, row {row}: found {found} columns, expected {expected}; put texts with commas in quotes"
    if encoding := _ENCODING.search(message):
        return f"{path}, row {encoding[1]}: the text is not UTF-8; save the file as such"
    if "straddl" in message:
        return f"{path}: a row is longer than {BATCH_BYTES >> 20} MiB, or a quote is never closed; expected reviews"
    return f"{path}: not a readable CSV file ({message.splitlines()[0][:120]})"
