"""Texts in folders as the raw IMDB reviews have them: `train/pos/0_9.txt`, `train/neg/…`, `test/…`.

`train/unsup` is ignored: its reviews have no label.
"""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from tasks.data.texts.batch import BATCH_BYTES, BATCH_ROWS, TextBatch
from tasks.results.errors import DataError

CLASSES = ("neg", "pos")


def has_classes(folder: Path) -> bool:
    """Whether a folder holds `pos` and `neg`."""
    return all((folder / name).is_dir() for name in CLASSES)


def files_of(folder: Path) -> list[Path]:
    """The texts of a folder of `pos` and `neg`, in the order in which they are read.

    Raises:
        DataError: one of the two holds no text.
    """
    files = []
    for name in CLASSES:
        of_class = sorted((folder / name).glob("*.txt"))
        if not of_class:
            raise DataError(f"{folder / name}: no .txt files; expected a text in each")
        files += of_class
    return files


def read_folder(folder: Path) -> Iterator[TextBatch]:
    """The texts of a folder of `pos` and `neg`, with these names as labels.

    Raises:
        DataError: a file is not UTF-8.
    """
    files: list[Path] = []
    texts: list[str] = []
    size = 0
    for path in files_of(folder):
        text = _text(path)
        files.append(path)
        texts.append(text)
        size += len(text)
        if size >= BATCH_BYTES or len(texts) >= BATCH_ROWS:
            yield _batch(files, texts)
            files, texts, size = [], [], 0
    if texts:
        yield _batch(files, texts)


def _text(path: Path) -> str:
    # Bytes: text mode would turn "\r" into "\n", which the tokenizer tells apart.
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError:
        raise DataError(f"{path}: the text is not UTF-8; save the file as such") from None


def _batch(files: list[Path], texts: list[str]) -> TextBatch:
    labels = pa.array([path.parent.name for path in files], pa.large_string())
    return TextBatch(pa.array(texts, pa.large_string()), labels, lambda row: str(files[row]))
