"""Resolves paths and patterns to files, and reads their rows: the one table of formats for all commands."""

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import pyarrow.compute as pc

from tasks.data.readers.batch import Column, Columns, RowBatch
from tasks.data.readers.csv_file import read_csv
from tasks.data.readers.lines import read_folder, read_jsonl, read_lines
from tasks.data.readers.opened import JSON_LINES, is_packed, kind_of, text_size
from tasks.data.readers.parquet_file import read_parquet, text_bytes
from tasks.data.tokenizer import has_word
from tasks.errors import DataError, is_text
from tasks.results.data import TextData, WordRules
from tasks.storage.files import check_regular, sha256_of_file

Part = Literal["train", "test", "either"]
FORMATS: dict[str, Callable[[Path, Columns], Iterator[RowBatch]]] = {
    ".csv": read_csv,
    ".tsv": read_csv,
    ".parquet": read_parquet,
    **dict.fromkeys(JSON_LINES, read_jsonl),
    ".txt": read_lines,
}
# The formats with columns. Text files have labels only in folders called `pos` and `neg`.
TABLES = tuple(suffix for suffix in FORMATS if suffix != ".txt")
LABELLED_KINDS = (
    f"{', '.join(TABLES)} (or .csv.gz and so on), a folder of such files, a folder with train/pos and train/neg, or an "
    "imdb.npz"
)
KINDS = f"{', '.join(FORMATS)} (or .csv.gz and so on), or a folder of such files"
CLASSES = ("neg", "pos")
_MOST_WRAPPERS = 20  # Folders around the data, each with nothing else in it; links may form a circle.
_HIDDEN = (".", "__MACOSX")  # Names that begin so are no data: what systems and editors leave.
NO_WORD = "the text is missing or holds no word"


class Input(NamedTuple):
    """A file, or a folder of text files; if `part` is "either", its texts are split into training and test."""

    path: Path
    part: Part
    files: tuple[Path, ...]

    def bytes(self) -> int:
        """Return the approximate size of the texts in bytes."""
        return sum(text_bytes(path) if kind_of(path) == ".parquet" else text_size(path) for path in self.files)

    def batches(self, columns: Columns) -> Iterator[RowBatch]:
        """Read all rows."""
        if self.path.is_dir():
            return read_folder(self.path, self.files, columns)
        return FORMATS[kind_of(self.path)](self.path, columns)


def labelled_inputs(data: TextData) -> list[Input]:
    """Return the inputs of texts with labels in reading order, each with its part.

    Raises:
        DataError: nothing matches a path or pattern, a file's type is not supported, or a folder has no texts.
    """
    train = [entry for path in data.data for entry in _labelled(path, "--data")]
    test = [entry._replace(part="test") for path in data.test_data for entry in _labelled(path, "--test-data")]
    if test:
        train = [entry for entry in train if entry.part != "test"]
    if test or any(entry.part == "test" for entry in train):
        train = [entry._replace(part="train") if entry.part == "either" else entry for entry in train]
    return list(dict.fromkeys([*train, *test]))


def unlabelled_inputs(given: Path) -> list[Input]:
    """Return the inputs of texts without labels, given as a path or pattern, in reading order.

    Raises:
        DataError: nothing matches, a file's type is not supported, or a folder has no texts, or both text files and
            files with columns.
    """
    return [entry for path in _paths(given, "", tuple(FORMATS), KINDS) for entry in _unlabelled(path)]


def labelled_columns(data: TextData, *more: Column) -> Columns:
    """Return the columns of texts and labels, and others."""
    label = Column("label", data.label_column, "--label-column")
    return Columns.of_texts(data.text_column, label, *more, drop=data.drop)


def read_all(inputs: Sequence[Input], columns: Columns) -> Iterator[tuple[Part, RowBatch]]:
    """Yield all rows in batches, each with its part, but for those with a label that `columns` drop.

    Raises:
        DataError: a file cannot be read, or a row is not as expected or its text is empty; the message describes the
            first fault in one line.
    """
    for entry in inputs:
        for batch in entry.batches(columns):
            valid = batch.without_invalid_utf8(columns).without_dropped(columns)
            length = pc.utf8_length(pc.utf8_trim_whitespace(valid.strings(columns.text)))
            is_empty = pc.equal(length, 0).fill_null(True).to_numpy(zero_copy_only=False)
            valid.without(is_empty, "the text is empty; remove the row, or give it a text").check_no_rejects()
            yield entry.part, valid


def read_scorable(inputs: Sequence[Input], text_column: str, rules: WordRules) -> Iterator[RowBatch]:
    """Yield all rows whose texts have words, with all their columns; the other rows are the batches' rejects.

    Raises:
        DataError: a file cannot be read, or lacks the text column.
    """
    columns = Columns.of_texts(text_column, keep_others=True)
    for entry in inputs:
        for batch in entry.batches(columns):
            valid = batch.without_invalid_utf8(columns)
            yield valid.without(~has_word(valid.strings(text_column), rules), NO_WORD)


def signature(inputs: Sequence[Input]) -> list[tuple[str, str, str]]:
    """Part, path and SHA-256 of every file: what a survey and kept scores depend on."""
    files = [(entry.part, path.absolute()) for entry in inputs for path in entry.files]
    return [(part, str(path), _digest(path, *_state(path))) for part, path in files]


def _state(path: Path) -> tuple[int, int, int, int]:
    """What the system changes whenever it writes to a file, or puts another one in its place."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


@functools.lru_cache(maxsize=100_000)
def _digest(path: Path, *_state: int) -> str:
    """SHA-256 of a file, computed once while its state is the same: a run asks several times."""
    return sha256_of_file(path)


def _labelled(given: Path, option: str) -> Iterator[Input]:
    """Resolve a path or pattern of labelled texts; from a folder like `aclImdb`, `--test-data` takes the test part."""
    for path in map(_resolved, _paths(given, f"{option} ", TABLES, LABELLED_KINDS)):
        path = _unwrapped(path, _has_labelled)
        parts = [name for name in ("train", "test") if _has_classes(path / name)]
        if not path.is_dir():
            yield Input(path, "either", (path,))
        elif _has_classes(path):
            yield _classes(path, "either")
        elif parts and option == "--test-data":
            yield _classes(path / parts[-1], "test")
        elif "train" in parts:
            yield from (_classes(path / name, "test" if name == "test" else "either") for name in parts)
        elif tables := _tables(path):
            yield from tables
        else:
            raise DataError(
                f"{option} {path}: neither train/pos and train/neg nor pos and neg in this folder, nor files of kind "
                f"{', '.join(TABLES)}; expected one of these"
            )


def _has_labelled(folder: Path) -> bool:
    return any(map(_has_classes, (folder, folder / "train", folder / "test"))) or bool(_tables(folder))


def _unwrapped(path: Path, has_data: Callable[[Path], bool]) -> Path:
    """The folder of the data within folders that contain nothing else; the path itself if it is none of these."""
    inner = path
    for _ in range(_MOST_WRAPPERS):
        if not inner.is_dir() or has_data(inner):
            return inner
        children = [child for child in inner.iterdir() if not _is_hidden(child.name)]
        if len(children) != 1 or not children[0].is_dir():
            return path
        inner = children[0]
    return path


def _unlabelled(path: Path) -> list[Input]:
    if not path.is_dir():
        return [Input(path, "either", (path,))]
    texts, tables = _visible_files(path, "**/*", (".txt",)), _tables(path)
    if texts and tables:
        raise DataError(f"{path}: {texts[0].name} and {tables[0].path.name} in this folder; give a pattern of one kind")
    if texts:
        return [Input(path, "either", tuple(texts))]
    if tables := tables or _tables(_unwrapped(path, lambda folder: bool(_tables(folder)))):
        return tables
    raise DataError(f"{path}: no files of kind {', '.join(FORMATS)} in this folder; expected at least one")


def _paths(given: Path, prefix: str, suffixes: Sequence[str], kinds: str) -> list[Path]:
    """Resolve a path, or a pattern such as `part-*.csv`, to files with these suffixes and folders.

    Args:
        given: the path or pattern.
        prefix: what a message writes before the path.
        suffixes, kinds: the suffixes, and how a message describes what is expected.
    """
    if given.is_symlink() and not given.exists():
        raise DataError(f"{prefix}{given}: a link that leads nowhere, or to itself; correct it")
    paths = [given] if given.exists() else _matches(given)
    if not paths:
        raise DataError(f"{prefix}{given}: no such file; give a path or a pattern of {kinds}")
    for path in paths:
        _check_name(path)
        if not path.is_dir():
            check_regular(path, f"{prefix}{path}")
        if kind_of(path) not in suffixes and not path.is_dir():
            kind = f"is of kind {path.suffix!r}" if path.suffix else "has no suffix"
            raise DataError(f"{prefix}{path}: the file {kind}; expected {kinds}")
    return paths


def _matches(pattern: Path) -> list[Path]:
    """The visible files and folders that match a pattern, and hidden ones that it names."""
    root = Path(pattern.anchor or ".")
    try:
        matches = sorted(root.glob(str(pattern.relative_to(pattern.anchor))))
    except (ValueError, NotImplementedError):
        return []
    if any(map(_is_hidden, pattern.parts)):
        return matches
    return [path for path in matches if not any(map(_is_hidden, path.parts))]


def _check_name(path: Path) -> None:
    """Check that records can store a path."""
    if not is_text(str(path)):
        raise DataError(f"{str(path)!a}: the name is not UTF-8; rename the file")


def _resolved(path: Path) -> Path:
    """Resolve links, unless a link leads to a file of another name, as in a cache of downloads."""
    resolved = path.resolve()
    is_alike = kind_of(resolved) == kind_of(path) and is_packed(resolved) == is_packed(path)
    return resolved if is_alike else path.absolute()


def _has_classes(folder: Path) -> bool:
    return all((folder / name).is_dir() for name in CLASSES)


def _classes(folder: Path, part: Part) -> Input:
    """Return the texts in a folder with `pos` and `neg`."""
    files: list[Path] = []
    for name in CLASSES:
        of_class = _visible_files(folder / name, "**/*", (".txt",))
        if not of_class:
            raise DataError(f"{folder / name}: no .txt files; expected one text per file")
        files += of_class
    return Input(folder, part, tuple(files))


def _tables(folder: Path) -> list[Input]:
    """Return the files with columns in a folder, but not in its subfolders.

    Beside other tables, a .json file describes them, as `dataset_info.json` does.
    """
    paths = _visible_files(folder, "*", TABLES)
    paths = [path for path in paths if kind_of(path) != ".json"] or paths
    for path in paths:
        _check_name(path)
    return [Input(path, "either", (path,)) for path in paths]


def _visible_files(folder: Path, pattern: str, suffixes: Sequence[str]) -> list[Path]:
    """List the files of these kinds in a folder that match a pattern, in reading order, without hidden ones."""
    return sorted(
        path
        for path in folder.glob(pattern)
        if kind_of(path) in suffixes and not any(map(_is_hidden, path.parts[len(folder.parts) :])) and path.is_file()
    )


def _is_hidden(name: str) -> bool:
    return name.startswith(_HIDDEN)
