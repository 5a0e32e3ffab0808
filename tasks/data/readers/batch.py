"""The batches of rows that all readers yield, and which columns they read."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.data.readers.label_values import label_key
from tasks.errors import DataError

# Readers yield batches of about this size: large enough for fast loops, small enough to keep many in memory.
BATCH_BYTES = 8 << 20
BATCH_ROWS = 8_192


class Column(NamedTuple):
    """A column to read: what it contains ("text", "label", …), its name, and the option that gives the name."""

    content: str
    name: str
    option: str


@dataclass(frozen=True)
class Columns:
    """The columns to read from every file.

    Attributes:
        wanted: the columns that every file must have, first that of the texts. All are read as strings.
        keep_others: whether to read all other columns, too, each with its own type.
        drop: the labels whose rows are left out; "" for rows without a label.
    """

    wanted: tuple[Column, ...]
    keep_others: bool = False
    drop: tuple[str, ...] = ()

    @classmethod
    def of_texts(
        cls, text_column: str, *more: Column, keep_others: bool = False, drop: tuple[str, ...] = ()
    ) -> "Columns":
        """The column of texts, and others."""
        return cls((Column("text", text_column, "--text-column"), *more), keep_others, drop)

    @property
    def text(self) -> str:
        """The name of the column of texts."""
        return self.wanted[0].name

    @property
    def names(self) -> list[str]:
        """The names of the wanted columns, each once."""
        return list(dict.fromkeys(column.name for column in self.wanted))

    def subject(self, name: str) -> str:
        """What a message calls a value of a column."""
        return next((f"the {column.content}" for column in self.wanted if column.name == name), f"column {name!r}")

    def check(self, path: Path, names: Sequence[str]) -> None:
        """Check the column names of a file.

        Raises:
            DataError: the file has no columns, lacks a wanted one, or two columns to read have the same name.
        """
        if not names:
            raise DataError(
                f"{path}: the file is empty; expected {' and '.join(f'a column {n!r}' for n in self.names)}"
            )
        counts = Counter(names)
        for column in self.wanted:
            if column.name not in counts:
                raise DataError(f"{path}: no column {not_found(column, names)}")
        for name in counts if self.keep_others else self.names:
            if counts[name] > 1:
                raise DataError(f"{path}: {counts[name]} columns are called {name!r}; expected different names")


def not_found(column: Column, names: Sequence[str]) -> str:
    """Describe a missing column: its name, the names in the file, and the option that gives the name."""
    shown = ", ".join(repr(name[:40]) for name in names[:8]) or "nothing"
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return f"{column.name!r}, found {shown}{more}; name the right one with {column.option}"


class Spellings(NamedTuple):
    """Labels as a batch has them, without white space around them.

    Attributes:
        texts: each different one once; "" for missing labels.
        places: int, shape (rows,); each row's place in `texts`.
    """

    texts: list[str]
    places: NDArray[np.integer]

    @classmethod
    def of(cls, labels: pa.LargeStringArray) -> "Spellings":
        """The spellings in a column of labels."""
        encoded = pc.utf8_trim_whitespace(labels).fill_null("").dictionary_encode()
        return cls(encoded.dictionary.to_pylist(), encoded.indices.to_numpy())

    def counts(self) -> NDArray[np.int64]:
        """How many rows have each of `texts`."""
        return np.bincount(self.places, minlength=len(self.texts))


class Reject(NamedTuple):
    """A row that cannot be used, and why. In a CSV file, the header is row 1; empty lines are not counted."""

    file: str
    row: int
    reason: str


@dataclass(frozen=True)
class RowBatch:
    """A batch of rows of a file, or of a folder of text files, in file order.

    Attributes:
        file: the path, for messages.
        columns: the columns of the rows that could be read.
        rows: int64, the row number in the file of each row in `columns`.
        rejects: the rows that could not be read.
        size: approximate size in bytes.
        paths: for a folder, the file of each row in `columns`.
        dropped: how many rows were left out for each label of `Columns.drop`.
    """

    file: str
    columns: pa.RecordBatch
    rows: NDArray[np.int64]
    rejects: tuple[Reject, ...]
    size: int
    paths: tuple[str, ...] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    def strings(self, name: str) -> pa.LargeStringArray:
        """Return a wanted column."""
        return self.columns.column(name).cast(pa.large_string())

    def place(self, index: int) -> str:
        """Return a readable location of a row of `columns`, such as "reviews.csv, row 17"."""
        return self._place(self.paths[index] if self.paths else self.file, int(self.rows[index]))

    def _place(self, file: str, row: int) -> str:
        return f"{file}, row {row}" if file == self.file else file  # A file in a folder is one text.

    def without(self, faulty: NDArray[np.bool_], reason: str) -> "RowBatch":
        """Move rows to the rejects; `faulty` has shape (rows,)."""
        if not faulty.any():
            return self
        paths = np.array(self.paths or [self.file] * len(self))
        rejects = [
            Reject(path, row, reason) for path, row in zip(paths[faulty], self.rows[faulty].tolist(), strict=True)
        ]
        kept = self._only(~faulty)
        return replace(kept, rejects=tuple(sorted([*self.rejects, *rejects], key=lambda reject: reject.row)))

    def without_dropped(self, columns: Columns) -> "RowBatch":
        """Leave out the rows with a label of `columns.drop`, and count them."""
        label = next((column for column in columns.wanted if column.content == "label"), None)
        if label is None or not columns.drop:
            return self
        spellings = Spellings.of(self.strings(label.name))
        drop = {label_key(value): value for value in columns.drop}
        dropped = Counter(dict.fromkeys(columns.drop, 0))
        is_dropped = np.zeros(len(spellings.texts), bool)
        for place, (text, count) in enumerate(zip(spellings.texts, spellings.counts().tolist(), strict=True)):
            if (value := drop.get(label_key(text))) is not None:
                is_dropped[place] = True
                dropped[value] += count
        return replace(self._only(~is_dropped[spellings.places]), dropped=dropped)

    def _only(self, kept: NDArray[np.bool_]) -> "RowBatch":
        """Keep these rows; `kept` has shape (rows,)."""
        return replace(
            self,
            columns=self.columns.filter(pa.array(kept)),
            rows=self.rows[kept],
            paths=tuple(np.array(self.paths)[kept].tolist()) if self.paths else (),
        )

    def without_invalid_utf8(self, columns: Columns) -> "RowBatch":
        """Move all rows with a string that is not UTF-8 to the rejects."""
        batch = self
        for name in self.columns.schema.names:
            strings = batch.columns.column(name)
            if not is_string(strings.type):
                continue
            try:
                strings.validate(full=True)
            except pa.ArrowInvalid:
                values = strings.cast(pa.large_binary()).to_pylist()
                faulty = np.array([value is not None and not _is_utf8(value) for value in values])
                batch = batch.without(faulty, f"{columns.subject(name)} is not UTF-8; save the file as such")
        return batch

    def check_no_rejects(self) -> None:
        """Check that all rows could be read.

        Raises:
            DataError: a row could not be read; the message describes the first one.
        """
        if self.rejects:
            file, row, reason = self.rejects[0]
            raise DataError(f"{self._place(file, row)}: {reason}")


def is_string(kind: pa.DataType) -> bool:
    """Whether the values of a type are strings."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_utf8(value: bytes) -> bool:
    return value.decode(errors="ignore").encode() == value
