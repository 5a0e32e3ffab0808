"""Batches that all readers of own texts yield, and the checks on them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from tasks.errors import DataError

# Readers yield batches of about this size: large enough for fast loops, small enough to keep many in memory.
BATCH_BYTES = 8 << 20
BATCH_ROWS = 8_192


@dataclass(frozen=True)
class TextBatch:
    """A batch of texts with their labels, in file order.

    Attributes:
        texts: the texts; null where the file has none.
        labels: the labels as written in the file; null where it has none.
        place: maps a row of the batch to a readable location, such as "reviews.csv, row 17".
    """

    texts: pa.LargeStringArray
    labels: pa.LargeStringArray
    place: Callable[[int], str]

    def __len__(self) -> int:
        return len(self.texts)


def check_texts(batch: TextBatch) -> None:
    """Check the texts of a batch from any kind of file.

    Raises:
        DataError: a text is missing, empty or not UTF-8; the message names the file and the row.
    """
    try:
        batch.texts.validate(full=True)
    except pa.ArrowInvalid:
        raise DataError(
            f"{batch.place(_first_not_utf8(batch.texts))}: the text is not UTF-8; save it as such"
        ) from None
    is_empty = pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(batch.texts)), 0).fill_null(True)
    first = pc.index(is_empty, True).as_py()
    if first >= 0:
        raise DataError(f"{batch.place(first)}: the text is empty; remove the row, or give it a text")


def _first_not_utf8(texts: pa.LargeStringArray) -> int:
    binary = texts.cast(pa.large_binary())
    for row, text in enumerate(binary):
        try:
            (text.as_py() or b"").decode()
        except UnicodeDecodeError:
            return row
    return 0


def check_columns(path: Path, names: Sequence[str], text_column: str, label_column: str) -> None:
    """Check that a file has the columns of texts and labels.

    Raises:
        DataError: the file has no columns, lacks one of these two, or has one of them twice.
    """
    if not names:
        raise DataError(f"{path}: the file is empty; expected the columns {text_column!r} and {label_column!r}")
    for option, name in (("--text-column", text_column), ("--label-column", label_column)):
        if name not in names:
            raise DataError(f"{path}: no column {name!r}, found {_listed(names)}; name the right one with {option}")
        if names.count(name) > 1:
            raise DataError(f"{path}: {names.count(name)} columns are called {name!r}; expected one")


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name[:40]) for name in names[:8])
    return shown + (f" and {len(names) - 8} more" if len(names) > 8 else "")
