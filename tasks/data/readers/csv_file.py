"""Reader of CSV files. Values stay text, as written: "007" is not a number."""

import csv
import io
import itertools
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv

from tasks.data.readers.batch import BATCH_BYTES, Columns, Reject, RowBatch
from tasks.errors import DataError

_HEADER_BYTES = 1 << 20
_CHUNK = 16 << 20
_APPENDED = "appended"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def read_csv(path: Path, columns: Columns) -> Iterator[RowBatch]:
    """Read the rows of a CSV file; rows whose number of columns differs from the header's are rejects.

    The header is row 1, as in a spreadsheet; empty lines are not counted.

    Raises:
        DataError: a column is missing, a row is too long, or a quote is never closed.
    """
    names = _header(path)
    columns.check(path, names)
    rows = _Rows(path)
    last: pa.RecordBatch | None = None
    try:
        with _open(path, names, columns, rows) as reader:
            for batch in reader:
                yield rows.batch(batch)
                last = batch if len(batch) else last
            rest = rows.rest(reader.schema)
            if rest.rejects:
                yield rest
    except pa.ArrowInvalid as error:
        if "Empty CSV file or block" in str(error):  # There is a header, but no line ends it.
            return
        raise DataError(f"{path}: {_fault(str(error))}") from None
    # A column that is not read may hold the rest of the file, too.
    if not columns.keep_others or rows.ends_in_lines or _has_lines(last):
        _check_quotes(path)


def _open(path: Path, names: list[str], columns: Columns, rows: "_Rows") -> arrow_csv.CSVStreamingReader:
    return arrow_csv.open_csv(
        path,
        # Arrow numbers rows only if it reads with one thread. Meanwhile, other threads process earlier texts.
        read_options=arrow_csv.ReadOptions(block_size=BATCH_BYTES, use_threads=False),
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=rows.reject),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.large_string()),
            include_columns=[] if columns.keep_others else columns.names,
            strings_can_be_null=False,
            check_utf8=False,
        ),
    )


class _Rows:
    """Numbers the rows of a file, and collects those with a wrong number of columns."""

    def __init__(self, path: Path) -> None:
        self._file = str(path)
        self._next = 2
        self._rejects: list[Reject] = []  # Some may come after the next batch: Arrow reads ahead.
        self.ends_in_lines = False  # Whether the last reject consists of several lines.

    def reject(self, row: arrow_csv.InvalidRow) -> str:
        """Collect a row that Arrow then skips."""
        found = f"found {row.actual_columns} columns, expected {row.expected_columns}; put texts with commas in quotes"
        self._rejects.append(Reject(self._file, row.number, found))
        self.ends_in_lines = "\n" in row.text
        return "skip"

    def batch(self, columns: pa.RecordBatch) -> RowBatch:
        """Return the next rows with their numbers, and the rejects up to the last of them."""
        ahead = [reject.row for reject in self._rejects]
        candidates = np.arange(self._next, self._next + len(columns) + len(ahead), dtype=np.int64)
        numbers = np.setdiff1d(candidates, ahead)[: len(columns)]
        self._next = int(numbers.max(initial=self._next - 1)) + 1
        return RowBatch(self._file, columns, numbers, self._taken(self._next), columns.nbytes)

    def rest(self, schema: pa.Schema) -> RowBatch:
        """Return the rejects after the last row, with no rows."""
        return RowBatch(self._file, pa.RecordBatch.from_pylist([], schema), np.array([], np.int64), self._taken(), 0)

    def _taken(self, end: int | None = None) -> tuple[Reject, ...]:
        """Remove and return the rejects before row `end`; without it, all."""
        taken = tuple(reject for reject in self._rejects if end is None or reject.row < end)
        self._rejects = self._rejects[len(taken) :]
        return taken


def _header(path: Path) -> list[str]:
    """Read the column names."""
    with path.open("rb") as file:
        start = file.read(_HEADER_BYTES)
    if start.startswith(UTF_16):
        raise DataError(f"{path}: the file is UTF-16; save it as UTF-8")
    text = start.decode("utf-8-sig", errors="replace")
    try:
        names = next((row for row in csv.reader(io.StringIO(text)) if row), [])
    except csv.Error as error:
        raise DataError(f"{path}, row 1: no header of column names ({error})") from None
    if any("\ufffd" in name for name in names):
        raise DataError(f"{path}, row 1: the column names are not UTF-8; save the file as such")
    return names


def _fault(message: str) -> str:
    """Convert Arrow's message to one line."""
    if "straddl" in message:
        return f"a row is longer than {BATCH_BYTES >> 20} MiB, or a quote is never closed; expected reviews"
    return f"not a readable CSV file ({message.splitlines()[0][:120]})"


def _has_lines(last: pa.RecordBatch | None) -> bool:
    """Whether a value in the last row of the last batch consists of several lines."""
    return last is not None and any(b"\n" in column[-1].cast(pa.large_binary()).as_py() for column in last.columns)


def _check_quotes(path: Path) -> None:
    """Check a file for an unclosed quote: Arrow reads everything after it as one row.

    Raises:
        DataError: a quote is never closed.
    """
    with path.open("rb") as file:
        quotes = sum(chunk.count(b'"') for chunk in iter(lambda: file.read(_CHUNK), b""))
    if quotes % 2 and _ends_within_quotes(path):
        raise DataError(f"{path}: a quote is never closed, and the rest of the file is one row; close the quote")


def _ends_within_quotes(path: Path) -> bool:
    """Whether a row appended to the file would be part of its last row; a quote within a word opens nothing."""
    limit = csv.field_size_limit(sys.maxsize)
    try:
        with path.open(encoding="latin-1", newline="") as file:
            last = deque(csv.reader(itertools.chain(file, ["\n", _APPENDED])), maxlen=1)
    finally:
        csv.field_size_limit(limit)
    return last[0] != [_APPENDED]
