"""The file of rows that could not be scored."""

import csv
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.data.rows.batch import Reject
from tasks.storage.files import atomic_path


def rejects_path(output: Path) -> Path:
    """Where the rejects of an output are written: `scored.rejects.csv` beside `scored.parquet`."""
    return output.with_name(f"{output.stem}.rejects.csv")


@contextmanager
def reject_writer(path: Path) -> Iterator[Callable[[Iterable[Reject]], None]]:
    """A function that appends rejects to a CSV of file, row and reason, which appears whole at the end of the block."""
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Reject._fields)
        yield writer.writerows
