"""Rows of a folder of texts: every `.txt` below it is one, with the columns file and text."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from tasks.data.rows.batch import Reject, RowBatch
from tasks.data.rows.line_rows import NOT_UTF8
from tasks.data.texts.batch import BATCH_BYTES, BATCH_ROWS

FILE_COLUMN = "file"


def texts_below(folder: Path) -> list[Path]:
    """The texts of a folder and of those in it, in the order in which they are read."""
    return sorted(path for path in folder.rglob("*.txt") if path.is_file())


def read_folder_rows(folder: Path, text_column: str) -> Iterator[RowBatch]:
    """The texts of a folder; each is row 1 of its file, and one that is not UTF-8 is set aside."""
    files: list[str] = []
    texts: list[str] = []
    rejects: list[Reject] = []
    size = 0
    for path in texts_below(folder):
        content = path.read_bytes()
        size += len(content)
        try:
            texts.append(content.decode())
            files.append(path.relative_to(folder).as_posix())
        except UnicodeDecodeError:
            rejects.append(Reject(str(path), 1, NOT_UTF8))
        if size >= BATCH_BYTES or len(texts) + len(rejects) >= BATCH_ROWS:
            yield _batch(folder, text_column, files, texts, rejects, size)
            files, texts, rejects, size = [], [], [], 0
    if texts or rejects:
        yield _batch(folder, text_column, files, texts, rejects, size)


def _batch(
    folder: Path, text_column: str, files: list[str], texts: list[str], rejects: list[Reject], size: int
) -> RowBatch:
    arrays = [pa.array(values, pa.large_string()) for values in (files, texts)]
    columns = pa.RecordBatch.from_arrays(arrays, names=[FILE_COLUMN, text_column])
    paths = tuple(str(folder / name) for name in files)
    return RowBatch(str(folder), columns, np.ones(len(files), np.int64), tuple(rejects), size, paths)
