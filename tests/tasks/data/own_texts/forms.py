"""The same reviews in every form that `--data` reads."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq


class Row(NamedTuple):
    """A review."""

    text: str
    label: int


def reviews(count: int, start: int = 0) -> list[Row]:
    """Made-up reviews, each different, with commas, quotes, newlines, HTML breaks, accents and capitals."""
    return [Row(_text(number), number % 2) for number in range(start, start + count)]


def _text(number: int) -> str:
    verdict = ("bad", "good")[number % 2]
    return f'Film no. {number}, a {verdict} "film"<br />It\'s café No{number % 7}\nThe {verdict} end'


def write_csv(path: Path, rows: list[Row]) -> Path:
    """Columns id, text, label; labels 0 and 1."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "label"])
        writer.writerows([(place, row.text, row.label) for place, row in enumerate(rows)])
    return path


def write_parquet(path: Path, rows: list[Row]) -> Path:
    """Labels as booleans."""
    table = pa.table({"text": [row.text for row in rows], "label": [bool(row.label) for row in rows]})
    pq.write_table(table, path, row_group_size=17)
    return path


def write_jsonl(path: Path, rows: list[Row]) -> Path:
    """Labels as "negative" and "positive"."""
    names = ("negative", "positive")
    lines = [json.dumps({"label": names[row.label], "text": row.text}) for row in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


def write_folder(path: Path, rows: list[Row]) -> Path:
    """`pos` and `neg`, a file a review."""
    for place, row in enumerate(rows):
        target = path / ("neg", "pos")[row.label] / f"{place}_{row.label}.txt"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(row.text.encode())
    return path


WRITERS: dict[str, Callable[[Path, list[Row]], Path]] = {
    ".csv": write_csv,
    ".parquet": write_parquet,
    ".jsonl": write_jsonl,
}


def write(folder: Path, form: str, rows: list[Row], name: str = "reviews") -> Path:
    """The rows in a form: a suffix, or "folder"."""
    folder.mkdir(parents=True, exist_ok=True)
    return write_folder(folder / name, rows) if form == "folder" else WRITERS[form](folder / f"{name}{form}", rows)


FORMS = (*WRITERS, "folder")
