"""Quotes in CSV files: whether they are as CSV has them, and where they are not."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.data.readers.opened import command, opened
from tasks.errors import DataError

LONGEST_ROW = 16 << 20  # Bytes; Arrow reads no longer ones.
_QUOTE = ord('"')
_LINE_END = re.compile(rb"\r\n|\r|\n")
_MOST_COLUMNS = 900  # RE2 repeats a pattern at most 1,000 times.
# How much a line is like a row: not, by a column with a number of the same length, or by one with the same value. A
# single line of the second kind may be a coincidence; `_SURE_LINES` of them are not.
_UNLIKE, _LIKE, _EQUAL, _SURE_LINES = 0, 1, 2, 2
MERGED = (
    "a value contains what look like whole rows of this file, so a quote is missing or stray; write each quote within "
    "a text twice (if the text is right, give the file as .parquet or .jsonl)"
)
ESCAPED = "quotes within texts are escaped by a backslash; write them twice"


class QuoteCheck:
    """Follows the quotes of a file, block by block.

    Where every quote is as CSV has it, the quotes of a file alternate: one opens a value, or is the second of two that
    stand for one; the next closes it, or is the first of two.

    Attributes:
        has_quotes: whether there are any so far.
        is_doubtful: whether one of them is different: in a value without quotes around it, which is right, or in one
            with quotes, which is a fault.
    """

    def __init__(self, delimiter: str) -> None:
        self._is_end = np.zeros(256, bool)
        self._is_end[[_QUOTE, ord(delimiter), ord("\r"), ord("\n")]] = True
        self._last = b"\n"  # What the next block continues.
        self._is_open = self._is_trusted = False
        self.has_quotes = self.is_doubtful = False

    def trust(self) -> None:
        """Stop: the whole file has been read exactly, and its quotes are right."""
        self.is_doubtful, self._is_trusted = False, True

    def add(self, block: bytes) -> None:
        """Follow the quotes of the next block."""
        if self.is_doubtful or self._is_trusted:
            return
        if b'"' in block or b'"' in self._last:
            self.has_quotes = True
            self._follow(np.frombuffer(self._last + block, np.uint8))
        self._last = (self._last + block[-2:])[-2:]

    def end(self) -> None:
        """The file is over; a quote may be open."""
        self.add(b"\n\n")
        self.is_doubtful |= self._is_open and not self._is_trusted

    def _follow(self, codes: NDArray[np.uint8]) -> None:
        """Follow the quotes that have a character before and behind them."""
        places = np.flatnonzero(codes[1:-1] == _QUOTE) + 1
        opening, closing = places[int(self._is_open) :: 2], places[1 - int(self._is_open) :: 2]
        self._is_open ^= bool(len(places) % 2)
        are_right = self._is_end[codes[opening - 1]].all() and self._is_end[codes[closing + 1]].all()
        self.is_doubtful = not are_right


def check_quotes(path: Path, delimiter: str, start: int) -> None:
    """Read a file row by row, slowly but exactly, to find the first quote that CSV does not allow.

    Args:
        path, delimiter: the file, and what separates its columns.
        start: how many bytes come before row 2.

    Raises:
        DataError: text follows the closing quote of a value, or a quote is never closed; the message names the row.
    """
    limit = csv.field_size_limit(2 * LONGEST_ROW)
    row = 2
    try:
        with opened(path) as file:
            file.read(start)
            lines = _Lines(io.TextIOWrapper(file, encoding="latin-1", newline=""))
            for values in csv.reader(lines, delimiter=delimiter, strict=True):
                row += bool(values)
                lines.taken()
            return
    except csv.Error as error:
        raw = lines.taken()
        if "end of data" in str(error) or "limit" in str(error):
            fault = "a quote is never closed, and the rest of the file is one row; close the quote"
        elif '\\"' in raw:
            fault = escaped(path)
        else:
            fault = _stray(path, delimiter)
    finally:
        csv.field_size_limit(limit)
    raise DataError(f"{path}, row {row}: {fault}")


def escaped(path: Path) -> str:
    """What to do about quotes that are escaped by a backslash."""
    program = r"""sed 's/\\"/""/g'"""
    return f"{ESCAPED}, as {command(path, program, 'quoted')} does"


def _stray(path: Path, delimiter: str) -> str:
    fault = "text follows a closing quote, or an earlier quote is not closed"
    if delimiter == "\t":
        program = r"""sed 's/"/""/g; s/\t/"\t"/g; s/^/"/; s/$/"/'"""
        return f"{fault}; if no text is in quotes, {command(path, program, 'quoted')} puts all in quotes"
    return f"{fault}; write each quote within a text twice"


class _Lines:
    """The lines of a file, until one is longer than a row can be; remembers those since it was last asked."""

    def __init__(self, file: io.TextIOWrapper) -> None:
        self._file = file
        self._taken: list[str] = []

    def __iter__(self) -> Iterator[str]:
        while (line := self._file.readline(LONGEST_ROW)) and len(line) < LONGEST_ROW:
            self._taken.append(line)
            yield line

    def taken(self) -> str:
        """The lines since the last call."""
        taken, self._taken = "".join(self._taken), []
        return taken


def merged_rows(batch: pa.RecordBatch, delimiter: str) -> NDArray[np.bool_]:
    """Find values that hold whole rows of their file, because a stray quote opened them and another one closed them.

    A value with line ends is one if its first line continues as a row does, its last begins as a row does, and at least
    half of those between are rows: as many columns, and values that these columns have.

    Returns:
        bool, shape (rows,).
    """
    found = np.zeros(len(batch), bool)
    if not 2 <= batch.num_columns <= _MOST_COLUMNS:
        return found
    known = _KnownValues(batch)
    inner = f"[^{delimiter}\r\n]*"
    for place, column in enumerate(batch.columns):
        if not _has_line_ends(column):
            continue
        rest = batch.num_columns - 1 - place
        values = column.cast(pa.large_binary())
        is_candidate = pc.match_substring_regex(values, f"^{inner}(?:[{delimiter}]{inner}){{{rest}}}[\r\n]")
        for row in np.flatnonzero(is_candidate.to_numpy(zero_copy_only=False)).tolist():
            found[row] |= _holds_rows(values[row].as_py(), _Cell(row, place), known, delimiter.encode())
    return found


def _has_line_ends(column: pa.LargeStringArray) -> bool:
    """Whether any value has a line end; quickly, so the buffer may contain other values, too."""
    values = np.frombuffer(column.buffers()[2] or b"", np.uint8)
    return bool((values == ord("\n")).any() or (values == ord("\r")).any())


class _Cell(NamedTuple):
    """The row and the column of a value in a batch."""

    row: int
    column: int


class _KnownValues:
    """The values of each column of a batch, and their forms: digits as 0."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self._columns = [column.cast(pa.large_binary()) for column in batch.columns]
        self._counts: dict[int, dict[bytes, int]] = {}
        self._forms: dict[int, set[bytes]] = {}
        self.width = len(self._columns)

    def likeness(self, line: list[bytes], start: int, cell: _Cell) -> int:
        """How much values are like those of other rows from column `start` on, but for the column of the cell."""
        others = [(start + number, each) for number, each in enumerate(line) if start + number != cell.column]
        if not others:
            return _LIKE
        if any(each.startswith(b" ") for _, each in others):
            return _UNLIKE
        return max(self._likeness_of(column, value, cell.row) for column, value in others)

    def _likeness_of(self, column: int, value: bytes, row: int) -> int:
        if not value:
            return _UNLIKE
        if column not in self._counts:
            counts = pc.value_counts(self._columns[column])
            self._counts[column] = dict(zip(*(part.to_pylist() for part in counts.flatten()), strict=True))
            self._forms[column] = {_form(each) for each in self._counts[column]}
        own = self._columns[column][row].as_py()
        if self._counts[column].get(value, 0) > (value == own):
            return _EQUAL
        form, forms = _form(value), self._forms[column]
        return _LIKE if form in forms and all(b"0" in each for each in forms) else _UNLIKE


def _form(value: bytes) -> bytes:
    return re.sub(rb"[0-9]", b"0", value)


def _holds_rows(value: bytes, cell: _Cell, known: _KnownValues, delimiter: bytes) -> bool:
    first, *middle, last = (line.split(delimiter) for line in _LINE_END.split(value))
    if len(last) != cell.column + 1:
        return False
    ends = [known.likeness(first, cell.column, cell), known.likeness(last, 0, cell)]
    rows = [known.likeness(line, 0, cell) if len(line) == known.width else _UNLIKE for line in middle]
    is_sure = _EQUAL in [*ends, *rows] or len(middle) >= _SURE_LINES
    return is_sure and _UNLIKE not in ends and 2 * rows.count(_UNLIKE) <= len(rows)
