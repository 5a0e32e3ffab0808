"""Resolves `--data` and `--test-data` to files, and assigns each to a part of the data."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from tasks.data.own_texts.readers import (
    files_of,
    has_classes,
    read_csv,
    read_folder,
    read_jsonl,
    read_parquet,
    text_bytes,
)
from tasks.data.own_texts.text_batch import TextBatch, check_texts
from tasks.errors import DataError, is_text
from tasks.results.data import TextData

Part = Literal["train", "test", "either"]
READERS: dict[str, Callable[[Path, str, str], Iterator[TextBatch]]] = {
    ".csv": read_csv,
    ".parquet": read_parquet,
    ".jsonl": read_jsonl,
}
KINDS = f"{', '.join(READERS)}, an imdb.npz, or a folder with train/pos and train/neg"


class Input(NamedTuple):
    """A file, or a folder with `pos` and `neg`; if `part` is "either", its texts are split into training and test."""

    path: Path
    part: Part

    def files(self) -> list[Path]:
        """Return the files to read."""
        return files_of(self.path) if self.path.is_dir() else [self.path]

    def bytes(self) -> int:
        """Return the approximate size of the texts in bytes."""
        if self.path.suffix == ".parquet":
            return text_bytes(self.path)
        return sum(path.stat().st_size for path in self.files())


def inputs_of(data: TextData) -> list[Input]:
    """Return the inputs in reading order.

    Raises:
        DataError: a path or pattern matches nothing, or a file's type is not supported.
    """
    train = [entry for path in data.data for entry in _inputs(path, "--data")]
    test = [entry for path in data.test_data for entry in _test_inputs(path)]
    if test:
        train = [entry for entry in train if entry.part != "test"]
        return _distinct([*_all("train", train), *_all("test", test)])
    if any(entry.part == "test" for entry in train):
        return _distinct([entry._replace(part="train" if entry.part == "either" else entry.part) for entry in train])
    return _distinct(_all("either", train))


def read_batches(inputs: Sequence[Input], data: TextData) -> Iterator[tuple[Part, TextBatch]]:
    """Yield all texts in batches, each with its part.

    Raises:
        DataError: a file or row is not as expected; the message describes the first fault in one line.
    """
    for entry in inputs:
        if entry.path.is_dir():
            batches = read_folder(entry.path)
        else:
            batches = READERS[entry.path.suffix](entry.path, data.text_column, data.label_column)
        for batch in batches:
            check_texts(batch)
            yield entry.part, batch


def signature(inputs: Sequence[Input]) -> list[tuple[str, str, int, int]]:
    """Part, path, size and modification time of every file: what a cached survey depends on."""
    files = [(entry.part, path) for entry in inputs for path in entry.files()]
    return [(part, str(path), path.stat().st_size, path.stat().st_mtime_ns) for part, path in files]


def _all(part: Part, inputs: list[Input]) -> list[Input]:
    return [entry._replace(part=part) for entry in inputs]


def _distinct(inputs: list[Input]) -> list[Input]:
    return list(dict.fromkeys(inputs))


def _inputs(given: Path, option: str) -> Iterator[Input]:
    """Resolve one path or pattern."""
    paths = [given] if given.exists() else matches(given)
    if not paths:
        raise DataError(f"{option} {given}: no such file; give a path or a pattern of {KINDS}")
    for path in map(Path.resolve, paths):
        check_name(path)
        if path.is_dir():
            yield from _folder(path, option)
        elif path.suffix in READERS:
            yield Input(path, "either")
        else:
            kind = f"is of kind {path.suffix!r}" if path.suffix else "has no suffix"
            raise DataError(f"{option} {path}: the file {kind}; expected {KINDS}")


def check_name(path: Path) -> None:
    """Check that records can store a file's name.

    Raises:
        DataError: the name is not UTF-8.
    """
    if not is_text(str(path)):
        raise DataError(f"{str(path)!a}: the name is not UTF-8; rename the file")


def matches(pattern: Path) -> list[Path]:
    """Return the paths that match a pattern such as `part-*.csv`."""
    root = Path(pattern.anchor or ".")
    try:
        return sorted(root.glob(str(pattern.relative_to(pattern.anchor))))
    except (ValueError, NotImplementedError):
        return []


def _test_inputs(given: Path) -> list[Input]:
    """Resolve one path or pattern of `--test-data`; from a folder like `aclImdb`, take only the test part."""
    inputs = list(_inputs(given, "--test-data"))
    return [entry for entry in inputs if entry.part == "test"] or inputs


def _folder(path: Path, option: str) -> Iterator[Input]:
    """Yield the parts of a folder like `aclImdb`, or the folder itself if it contains `pos` and `neg`."""
    if has_classes(path):
        yield Input(path, "either")
    elif has_classes(path / "train"):
        yield Input(path / "train", "either")
        if has_classes(path / "test"):
            yield Input(path / "test", "test")
    elif has_classes(path / "test") and option == "--test-data":
        yield Input(path / "test", "test")
    else:
        raise DataError(
            f"{option} {path}: neither train/pos and train/neg nor pos and neg in this folder; for the files in it "
            "give a pattern, such as '*.csv' in quotes"
        )
