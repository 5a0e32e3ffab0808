"""Batches that all readers of rows yield: all columns, the row numbers, and the rows that were set aside."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.data.tokenizer import SEPARATORS
from tasks.errors import DataError

# A character that is neither a space nor turned into one by the tokenizer.
_HAS_WORD = "[^ " + "".join(f"\\x{ord(separator):02x}" for separator in SEPARATORS) + "]"
EMPTY = "the text is missing or holds no word"


class Reject(NamedTuple):
    """A row that cannot be scored, and why. In a CSV file, the header is row 1; empty lines are not counted."""

    file: str
    row: int
    reason: str


@dataclass(frozen=True)
class RowBatch:
    """A batch of rows of a file, in file order.

    Attributes:
        file: the path, for messages.
        columns: all columns of the rows that could be read.
        rows: int64, the row number in the file of each row in `columns`.
        rejects: the rows that could not be read.
        size: approximate size in bytes.
        paths: for a folder, the file of each row in `columns`.
    """

    file: str
    columns: pa.RecordBatch
    rows: NDArray[np.int64]
    rejects: tuple[Reject, ...]
    size: int
    paths: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def texts(self, text_column: str) -> pa.LargeStringArray:
        """Return the rows' texts."""
        return self.columns.column(text_column).cast(pa.large_string())


def checked(batch: RowBatch, text_column: str) -> RowBatch:
    """Move all rows that are not UTF-8, or whose text contains no words, to the rejects."""
    batch = _without(batch, _not_utf8(batch.columns), "not UTF-8; save the file as such")
    has_word = pc.match_substring_regex(batch.texts(text_column), _HAS_WORD).fill_null(False)
    return _without(batch, ~has_word.to_numpy(zero_copy_only=False), EMPTY)


def _without(batch: RowBatch, faulty: NDArray[np.bool_], reason: str) -> RowBatch:
    if not faulty.any():
        return batch
    paths = np.array(batch.paths or [batch.file] * len(batch))
    rejects = [Reject(path, row, reason) for path, row in zip(paths[faulty], batch.rows[faulty].tolist(), strict=True)]
    return replace(
        batch,
        columns=batch.columns.filter(pa.array(~faulty)),
        rows=batch.rows[~faulty],
        rejects=tuple(sorted([*batch.rejects, *rejects], key=lambda reject: reject.row)),
        paths=tuple(paths[~faulty]),
    )


def _not_utf8(columns: pa.RecordBatch) -> NDArray[np.bool_]:
    """Whether each row contains a string that is not UTF-8; shape (rows,)."""
    faulty = np.zeros(len(columns), bool)
    for column in columns.columns:
        if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
            continue
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            faulty |= [not _is_utf8(value.as_py()) for value in column.cast(pa.large_binary())]
    return faulty


def _is_utf8(value: bytes | None) -> bool:
    try:
        (value or b"").decode()
    except UnicodeDecodeError:
        return False
    return True


def check_text_column(path: Path, names: Sequence[str], text_column: str) -> None:
    """Check that a file has the columns that scoring needs.

    Raises:
        DataError: the file has no columns, lacks the text column, or has two columns with the same name.
    """
    if not names:
        raise DataError(f"{path}: the file is empty; expected a column {text_column!r}")
    if text_column not in names:
        shown = ", ".join(repr(name[:40]) for name in names[:8]) + (" …" if len(names) > 8 else "")
        raise DataError(f"{path}: no column {text_column!r}, found {shown}; name the right one with --text-column")
    twice = next((name for name in names if list(names).count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{path}: {list(names).count(twice)} columns are called {twice!r}; expected different names")
