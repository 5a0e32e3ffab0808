"""Reader of CSV files: columns separated by commas, semicolons or tabs. Values stay text: "007" is not a number."""

import csv
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from tasks.data.readers.batch import BATCH_BYTES, Columns, Reject, RowBatch, is_string
from tasks.data.readers.opened import File, check_is_text, opened, without_nuls
from tasks.data.readers.quotes import MERGED, QuoteCheck, check_quotes, escaped, merged_rows
from tasks.errors import DataError

_HEADER_BYTES = 1 << 20
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)?")
_MARK = b"\xef\xbb\xbf"
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_HINT = re.compile(rb"sep=(.)\s*", re.IGNORECASE)  # The line with which Excel names the delimiter.


class Header(NamedTuple):
    """The names of a file's columns, what separates them, and how many bytes come before the first row below them."""

    names: list[str]
    delimiter: str
    size: int


def read_csv(path: Path, columns: Columns) -> Iterator[RowBatch]:
    """Read the rows of a CSV file; rows whose number of columns differs from the header's are rejects.

    The delimiter is the one with which the header has all wanted columns. The header is row 1, as in a spreadsheet;
    empty lines are not counted.

    Raises:
        DataError: the file is no text, a column is missing, a row is too long, or a quote is not as CSV has it.
    """
    with opened(path) as file:
        start = file.read(_HEADER_BYTES)
        check_is_text(path, start)
        header = find_header(path, start, columns)
        columns.check(path, header.names)
        blocks = _Blocks(start[header.size :], file, header.delimiter)
        rows = _Rows(path, header, blocks)
        try:
            with _without_noise(rows), _open(blocks, header, rows) as reader:
                for batch in reader:
                    rows.check()
                    yield rows.batch(batch, columns)
                rows.check()
                rest = rows.rest(reader.schema)
                if rest.rejects:
                    yield rest
        except pa.ArrowInvalid as error:
            if "Empty CSV file" in str(error):  # There is only a header.
                return
            rows.check()
            raise DataError(f"{path}{rows.fault(str(error))}") from None


@contextmanager
def _without_noise(rows: "_Rows") -> Iterator[None]:
    """Within the block, Python does not print what Arrow cannot tell `rows.reject`: a row that is not UTF-8.

    Arrow raises it, too.
    """
    before = sys.unraisablehook

    def hook(fault: Any) -> None:
        if fault.object != rows.reject:
            before(fault)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


def _open(blocks: "_Blocks", header: Header, rows: "_Rows") -> arrow_csv.CSVStreamingReader:
    return arrow_csv.open_csv(
        blocks,
        # Arrow numbers rows only if it reads with one thread. Meanwhile, other threads process earlier texts.
        read_options=arrow_csv.ReadOptions(block_size=BATCH_BYTES, use_threads=False, column_names=header.names),
        parse_options=arrow_csv.ParseOptions(
            delimiter=header.delimiter, newlines_in_values=True, invalid_row_handler=rows.reject
        ),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(header.names, pa.large_string()), strings_can_be_null=False, check_utf8=False
        ),
    )


class _Blocks:
    r"""A file as Arrow reads it: in blocks of which none ends between `\r` and `\n`.

    Arrow drops a `\n` at the start of a block if the block before ends with `\r`, also within a value
    (apache/arrow#51368).

    Attributes:
        quotes: the quotes so far.
        has_nuls: whether there are any so far.
    """

    closed = False

    def __init__(self, start: bytes, file: File, delimiter: str) -> None:
        self._kept, self._file = start, file
        self.quotes = QuoteCheck(delimiter)
        self.has_nuls = False

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes; none at the end of the file."""
        if size < 0:
            size = BATCH_BYTES
        block = self._kept[:size]
        self._kept = self._kept[size:]
        if len(block) < size:
            block += self._file.read(size - len(block))
        if len(block) > 1 and block.endswith(b"\r"):
            following = self._kept or self._file.read(1)
            if following:
                self._kept = b"\r" + following
                block = block[:-1]
        if block:
            self.quotes.add(block)
            self.has_nuls = self.has_nuls or b"\0" in block
        elif size:
            self.quotes.end()
        return block

    def readable(self) -> bool:
        """Whether it can be read, which Arrow asks."""
        return True

    def close(self) -> None:
        """Do nothing: who opened the file closes it."""


class _Rows:
    """Numbers the rows of a file, and collects those with a wrong number of columns."""

    def __init__(self, path: Path, header: Header, blocks: _Blocks) -> None:
        self._path, self._header, self._blocks = path, header, blocks
        self._file = str(path)
        self._next = 2
        self._rejects: list[Reject] = []  # Some may come after the next batch: Arrow reads ahead.

    def reject(self, row: arrow_csv.InvalidRow) -> str:
        """Collect a row that Arrow then skips."""
        found = f"found {row.actual_columns} columns, expected {row.expected_columns}; "
        spaced = f'{self._header.delimiter} "'
        if spaced in row.text or row.text.startswith(' "'):
            found += "remove the space before the quote, and "
        found += f"put texts with {DELIMITERS[self._header.delimiter]} or line ends in quotes"
        reason = escaped(self._path) if '\\"' in row.text else found
        self._rejects.append(Reject(self._file, row.number + 1, reason))  # Arrow has not seen the header.
        return "skip"

    def check(self) -> None:
        """Check the quotes so far.

        Raises:
            DataError: one of them is not as CSV has it.
        """
        if self._blocks.quotes.is_doubtful:
            check_quotes(self._path, self._header.delimiter, self._header.size)
            self._blocks.quotes.trust()

    def batch(self, read: pa.RecordBatch, columns: Columns) -> RowBatch:
        """Return the next rows with their numbers, and the rejects up to the last of them."""
        ahead = [reject.row for reject in self._rejects]
        candidates = np.arange(self._next, self._next + len(read) + len(ahead), dtype=np.int64)
        numbers = np.setdiff1d(candidates, ahead)[: len(read)]
        self._next = int(numbers.max(initial=self._next - 1)) + 1
        wanted = read if columns.keep_others else read.select(columns.names)
        batch = RowBatch(self._file, wanted, numbers, self._taken(self._next), read.nbytes)
        if self._blocks.quotes.has_quotes:
            batch = batch.without(merged_rows(read, self._header.delimiter), MERGED)
        if self._blocks.has_nuls:
            batch = batch.without(_have_nul(batch.columns), f"a value {without_nuls(self._path)}")
        return batch

    def rest(self, schema: pa.Schema) -> RowBatch:
        """Return the rejects after the last row, with no rows."""
        return RowBatch(self._file, pa.RecordBatch.from_pylist([], schema), np.array([], np.int64), self._taken(), 0)

    def fault(self, message: str) -> str:
        """What is wrong with the next row, from Arrow's message."""
        following = self._next + len(self._rejects)
        if "straddl" in message:
            return (
                f", row {following}: longer than {BATCH_BYTES >> 20} MiB, or a quote is never closed; expected reviews"
            )
        if found := re.search(r"Row #(\d+): Expected (\d+) columns, got (\d+)", message):
            row, expected, actual = map(int, found.groups())
            return f", row {row + 1}: not UTF-8, and found {actual} columns, expected {expected}; save the file as such"
        return f": not a readable CSV file ({message.splitlines()[0][:120]})"

    def _taken(self, end: int | None = None) -> tuple[Reject, ...]:
        """Remove and return the rejects before row `end`; without it, all."""
        taken = tuple(reject for reject in self._rejects if end is None or reject.row < end)
        self._rejects = self._rejects[len(taken) :]
        return taken


def _have_nul(columns: pa.RecordBatch) -> np.ndarray:
    """Which rows have a value with a NUL character; bool, shape (rows,)."""
    found = np.zeros(len(columns), bool)
    for column in columns.columns:
        if is_string(column.type):
            has_nul = pc.match_substring(column.cast(pa.large_binary()), b"\0")
            found |= has_nul.to_numpy(zero_copy_only=False)
    return found


def find_header(path: Path, start: bytes, columns: Columns) -> Header:
    """Find the names of the columns in the first bytes of a file, and what separates them.

    The delimiter is the first with which all wanted columns are there; else the one with most of them, then with most
    columns. Blank lines before the names are skipped.

    Raises:
        DataError: the first line is no header.
    """
    headers = [header for delimiter in DELIMITERS if (header := _header(start, delimiter)) is not None]
    if not headers:
        expected = "expected a line that names the columns, each quote closed"
        raise DataError(f"{path}, row 1: no header of column names; {expected}")

    def fit(header: Header) -> tuple[int, int]:
        wanted = sum(name in header.names for name in columns.names)
        return wanted, 0 if wanted == len(columns.names) else len(header.names)

    header = max(headers, key=fit)  # The first of equals.
    if header.size >= _HEADER_BYTES:
        raise DataError(f"{path}, row 1: longer than {_HEADER_BYTES >> 20} MiB; expected a line that names the columns")
    if any("\ufffd" in name for name in header.names):
        raise DataError(f"{path}, row 1: the column names are not UTF-8; save the file as such")
    if any("\0" in name for name in header.names):
        raise DataError(f"{path}, row 1: a column name {without_nuls(path)}")
    if start.lstrip().startswith(b'{"') and fit(header)[0] < len(columns.names):
        raise DataError(f"{path}: the file contains JSON Lines; name it .jsonl")
    return header


def _header(start: bytes, delimiter: str) -> Header | None:
    """The header that a delimiter gives; None if its quotes are not as CSV has them."""
    lines = (match[0] for match in _LINE.finditer(start.removeprefix(_MARK)) if match[0])
    consumed = [len(start) - len(start.removeprefix(_MARK))]

    def texts() -> Iterator[str]:
        for line in lines:
            consumed[0] += len(line)
            yield line.decode("latin-1")

    try:
        for names in csv.reader(texts(), delimiter=delimiter, strict=True):
            if any(name.strip() for name in names) and not _HINT.fullmatch(delimiter.join(names).encode("latin-1")):
                decoded = [name.encode("latin-1").decode(errors="replace") for name in names]
                return Header(decoded, delimiter, consumed[0])
    except csv.Error:
        return None
    return Header([], delimiter, consumed[0])
