"""The files to score, and their rows."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tasks.data.own_texts.inputs import check_name, matches
from tasks.data.own_texts.readers import text_bytes
from tasks.data.scoring.readers import (
    read_csv_rows,
    read_folder_rows,
    read_jsonl_rows,
    read_parquet_rows,
    read_text_rows,
    texts_below,
)
from tasks.data.scoring.row_batch import RowBatch, checked
from tasks.errors import DataError

READERS: dict[str, Callable[[Path, str], Iterator[RowBatch]]] = {
    ".csv": read_csv_rows,
    ".parquet": read_parquet_rows,
    ".jsonl": read_jsonl_rows,
    ".txt": read_text_rows,
}
INPUT_KINDS = f"{', '.join(READERS)}, or a folder of .txt files"


class RowInput(NamedTuple):
    """A file, or a folder of texts."""

    path: Path

    def files(self) -> list[Path]:
        """Return the files to read."""
        return texts_below(self.path) if self.path.is_dir() else [self.path]

    def bytes(self) -> int:
        """Return the approximate size of the texts in bytes."""
        if self.path.suffix == ".parquet" and self.path.is_file():
            return text_bytes(self.path)
        return sum(path.stat().st_size for path in self.files())

    def batches(self, text_column: str) -> Iterator[RowBatch]:
        """Read all rows."""
        return (read_folder_rows if self.path.is_dir() else READERS[self.path.suffix])(self.path, text_column)


def row_inputs(given: Path) -> list[RowInput]:
    """Resolve a path or pattern to inputs, in reading order.

    Raises:
        DataError: nothing matches, a file's type is not supported, or a folder contains no texts.
    """
    paths = [given] if given.exists() else matches(given)
    if not paths:
        raise DataError(f"{given}: no such file; give a path or a pattern of {INPUT_KINDS}")
    for path in paths:
        check_name(path)
        if path.is_dir():
            if not texts_below(path):
                raise DataError(f"{path}: no .txt files in this folder; for others give a pattern, such as '*.csv'")
        elif path.suffix not in READERS:
            kind = f"is of kind {path.suffix!r}" if path.suffix else "has no suffix"
            raise DataError(f"{path}: the file {kind}; expected {INPUT_KINDS}")
    return [RowInput(path) for path in paths]


def read_rows(inputs: Sequence[RowInput], text_column: str) -> Iterator[RowBatch]:
    """Yield all rows that can be scored, batch by batch, with the others as rejects.

    Raises:
        DataError: a file cannot be read, or lacks the text column.
    """
    for entry in inputs:
        for batch in entry.batches(text_column):
            yield checked(batch, text_column)


def scoring_signature(inputs: Sequence[RowInput]) -> list[tuple[str, int, int]]:
    """Path, size and modification time of every file: what kept scores depend on."""
    files = [path for entry in inputs for path in entry.files()]
    return [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
