"""Reads files as training does, which stops at the first faulty row, and as scoring does, which sets it aside."""

from pathlib import Path
from typing import Any

import pytest

from tasks.data.readers import csv_file, lines, parquet_file
from tasks.data.readers.batch import RowBatch
from tasks.data.readers.inputs import labelled_columns, labelled_inputs, read_all, read_scorable, unlabelled_inputs
from tasks.errors import DataError
from tasks.results.data import IMDB_RULES, TextData


def written(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def labelled(path: Path, **options: Any) -> list[tuple[str, str | None]]:
    """Texts and labels, as training reads them."""
    data = TextData((path,), **options)
    pairs = []
    for _, batch in read_all(labelled_inputs(data), labelled_columns(data)):
        texts, labels = batch.strings(data.text_column), batch.strings(data.label_column)
        pairs += zip(texts.to_pylist(), labels.to_pylist(), strict=True)
    return pairs


def batches(path: Path, text_column: str = "text") -> list[RowBatch]:
    """Batches, as scoring reads them."""
    return list(read_scorable(unlabelled_inputs(path), text_column, IMDB_RULES))


def scorable(path: Path) -> list[tuple[int, str]]:
    """Numbers and texts of the rows that can be scored."""
    return [
        pair
        for batch in batches(path)
        for pair in zip(batch.rows.tolist(), batch.strings("text").to_pylist(), strict=True)
    ]


def rejects(path: Path) -> list[tuple[str, int, str]]:
    """File, row and reason of the others."""
    return [(Path(file).name, row, reason) for batch in batches(path) for file, row, reason in batch.rejects]


def training_error(path: Path, **options: Any) -> str:
    """The one line with which training stops, with paths relative to the file's folder."""
    with pytest.raises(DataError) as caught:
        labelled(path, **options)
    return _line(caught.value, path)


def scoring_error(path: Path, text_column: str = "text") -> str:
    """The one line with which scoring stops."""
    with pytest.raises(DataError) as caught:
        batches(path, text_column)
    return _line(caught.value, path)


def _line(error: DataError, path: Path) -> str:
    assert "\n" not in str(error)
    return str(error).replace(f"{path.parent}/", "")


def small_batches(monkeypatch: pytest.MonkeyPatch, size: int, rows: int = 8_192) -> None:
    """Make all readers yield batches of about `size` bytes and at most `rows` rows."""
    for module in (csv_file, parquet_file, lines):
        monkeypatch.setattr(module, "BATCH_BYTES", size)
    for module in (parquet_file, lines):
        monkeypatch.setattr(module, "BATCH_ROWS", rows)
