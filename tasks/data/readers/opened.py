"""Opens files of text, packed by gzip or not, and says what a file is that holds no UTF-8 text."""

import codecs
import gzip
import io
import shlex
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.errors import DataError

PACKED = ".gz"
# The formats that are also read packed.
JSON_LINES = (".jsonl", ".ndjson", ".json")
TEXT_KINDS = (".csv", ".tsv", *JSON_LINES, ".txt")
File = gzip.GzipFile | io.BufferedReader
START = 4_096  # Bytes that tell what a file is.
_MANY_NULS = 0.1  # ASCII in UTF-16 is half NULs; a text with fewer NULs than this was damaged.
# What a file begins with, what it then is, and the program that converts it, if there is one.
_KINDS = (
    (b"\x1f\x8b", "compressed by gzip", "gzip -dc"),
    (b"BZh", "compressed by bzip2", "bzip2 -dc"),
    (b"\xfd7zXZ\0", "compressed by xz", "xz -dc"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", "zstd -dc"),
    (b"PK\x03\x04", "a zip archive", "funzip"),
    (b"PK\x05\x06", "an empty zip archive", ""),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", ""),
    (b"PAR1", "a Parquet file", ""),
    (b"ARROW1", "an Arrow file", ""),
    (b"SQLite format 3", "an SQLite database", ""),
    (b"%PDF", "a PDF", ""),
    (b"version https://git-lfs", "a pointer of Git LFS, not the data themselves", ""),
)
_ADVICE = {
    "an old Excel workbook": "save its sheet as CSV UTF-8",
    "an Excel workbook": "save its sheet as CSV UTF-8",
    "a Parquet file": "name it .parquet",
    "a pointer of Git LFS, not the data themselves": "fetch them with `git lfs pull`",
}
_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"), (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"), (codecs.BOM_UTF16_BE, "UTF-16"),
)  # fmt: skip


def kind_of(path: Path) -> str:
    """The suffix that names a file's format, in lower case: `.csv` for `R.CSV` and `r.csv.gz`."""
    suffix = path.suffix.lower()
    if suffix != PACKED:
        return suffix
    within = Path(path.stem).suffix.lower()
    return within if within in TEXT_KINDS else suffix


def is_packed(path: Path) -> bool:
    """Whether a file's name says that it is packed by gzip."""
    return path.suffix.lower() == PACKED


def text_size(path: Path) -> int:
    """The size of a file in bytes; for one packed by gzip, about the size of its contents."""
    size = path.stat().st_size
    if not is_packed(path) or size < 4:
        return size
    with path.open("rb") as file:
        file.seek(-4, 2)
        return max(size, int.from_bytes(file.read(4), "little"))


@contextmanager
def opened(path: Path) -> Iterator[File]:
    """Open a file to read its bytes; one packed by gzip is unpacked while it is read.

    Raises:
        DataError: within the block, a packed file turns out to be cut off or damaged.
    """
    try:
        with gzip.GzipFile(path) if is_packed(path) else path.open("rb") as file:
            yield file
    except EOFError:
        raise DataError(f"{path}: the gzip file is cut off; copy or download it again") from None
    except (gzip.BadGzipFile, zlib.error):
        with path.open("rb") as start:
            is_other = start.read(2) != _KINDS[0][0]
        if is_other:
            raise DataError(f"{path}: not packed by gzip; remove {path.suffix} from its name") from None
        raise DataError(f"{path}: the gzip file is damaged; copy or download it again") from None


def command(path: Path, program: str, name: str, suffix: str = "") -> str:
    """The command that converts a file with a program.

    Args:
        path: the file.
        program: a filter, such as `iconv -f UTF-16 -t UTF-8`.
        name: what is added to the name of the result.
        suffix: the result's; empty for that of the file.
    """
    stem = path.stem if is_packed(path) else path.name
    result = Path(stem).stem + f"-{name}" + (suffix or Path(stem).suffix)
    given = f"{program} < {shlex.quote(str(path))}"
    if is_packed(path):
        given = f"gzip -dc < {shlex.quote(str(path))} | {program}"
    return f"`{given} > {shlex.quote(result)}`"


def without_nuls(path: Path) -> str:
    """What is wrong with a value or a line that contains NULs, and the command that removes them from its file."""
    program = r"tr -d '\000'"
    return f"contains a NUL character; remove it, as {command(path, program, 'clean')} does"


def what_else(path: Path, start: bytes) -> str:
    """What a file is that begins with these bytes, and what to do; empty if it is UTF-8 text, as far as they show."""
    start = start[:START]
    for beginning, name, program in _KINDS:
        if start.startswith(beginning):
            is_workbook = beginning == b"PK\x03\x04" and (b"[Content_Types].xml" in start or b"xl/" in start)
            name = "an Excel workbook" if is_workbook else name
            by_program = f"unpack it with {command(path, program, 'unpacked')}" if program else "expected text"
            return f"{name}; {_ADVICE.get(name, by_program)}"
    if start.lstrip()[:9].lower().startswith((b"<!doctype", b"<html")):
        return "a web page; download the data themselves"
    encoding = _encoding(start)
    if encoding:
        return f"{encoding}; convert it with {command(path, f'iconv -f {encoding} -t UTF-8', 'utf8')}"
    return ""


def check_is_text(path: Path, start: bytes) -> None:
    """Check the first bytes of a file.

    Raises:
        DataError: they are not those of UTF-8 text; the message says what the file is, and how to convert it.
    """
    if found := what_else(path, start):
        raise DataError(f"{path}: the file is {found}")


def _encoding(start: bytes) -> str:
    """The encoding in which a character has two or four bytes; empty if there is none."""
    for mark, name in _MARKS:
        if start.startswith(mark):
            return name
    if start.count(b"\0") < max(1, _MANY_NULS * len(start)) and _is_utf8(start.replace(b"\0", b"")):
        return ""
    for name, width in (("UTF-32LE", 4), ("UTF-32BE", 4), ("UTF-16LE", 2), ("UTF-16BE", 2)):
        try:
            text = start[: len(start) // width * width].decode(name)
        except UnicodeDecodeError as error:
            if error.end < len(start) // width * width - width:  # Not half a character at the end.
                continue
            text = start[: error.start].decode(name)
        if text and "\0" not in text and any(character in text for character in "\n\r,;\t {"):
            return name
    return ""


def _is_utf8(start: bytes) -> bool:
    """Whether bytes are UTF-8, but for a character that is cut off at their end."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return False
    return True
