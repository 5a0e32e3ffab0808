"""Files that are either complete or absent (written beside the target, then moved), locks, and files from a pipe."""

import hashlib
import json
import logging
import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import psutil
from filelock import FileLock, Timeout

from tasks.errors import DataError, PipelineError

MAX_LEVELS = 100  # Of JSON.
TOO_DEEP = f"JSON nested too deep, expected at most {MAX_LEVELS} levels"


class Stored(Protocol):
    """A result that points to files."""

    def files(self) -> dict[Path, str]:
        """Return each file with its SHA-256."""


def is_whole(stored: Stored) -> bool:
    """Whether all files of a result have their recorded SHA-256."""
    return not any(_is_changed(path, digest) for path, digest in stored.files().items())


def changed_files(stored: Stored) -> list[Path]:
    """Those files of a result that are missing or do not have their recorded SHA-256."""
    return [path for path, digest in stored.files().items() if _is_changed(path, digest)]


def _is_changed(path: Path, digest: str) -> bool:
    return not path.is_file() or sha256_of_file(path) != digest


@contextmanager
def atomic_path(path: Path, mode: int | None = None) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; move it to `path` if the block succeeds, otherwise remove it.

    The temporary name keeps the suffix, because some writers (Keras, matplotlib) choose the format by it. A link at
    `path` is replaced; its target does not change.

    Args:
        path: the file to write.
        mode: its permissions; None for those of the file that is replaced, or what the umask leaves of 0666.

    Raises:
        PipelineError: there is a folder at `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir() and not path.is_symlink():
        raise PipelineError(f"{path}: found a folder, expected a file or nothing; move it away")
    if mode is None and path.is_file() and not path.is_symlink():
        mode = stat.S_IMODE(path.stat().st_mode)
    temporary = _new_file(path.parent, f".{path.stem}-", path.suffix, 0o666 if mode is None else 0o600)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        if mode is not None:
            temporary.chmod(mode)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _new_file(folder: Path, prefix: str, suffix: str, mode: int = 0o666) -> Path:
    """Create an empty file with a new name and what the umask leaves of `mode`."""
    path = folder / f"{prefix}{secrets.token_hex(8)}{suffix}"
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
    return path


def write_text(path: Path, text: str) -> None:
    """Write `text` atomically as UTF-8."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write `value` atomically as indented JSON.

    Raises:
        ValueError: `value` contains NaN or infinity, which are not JSON.
    """
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def remove(path: Path) -> None:
    """Remove a file, a folder with everything in it, or a link but not its target; do nothing if `path` is missing."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def point(link: Path, target: Path) -> None:
    """Point `link` to `target` atomically; where symbolic links are not allowed, write the path to `<link>.txt`."""
    temporary = link.with_name(f".{link.name}-{target.name}")
    temporary.unlink(missing_ok=True)  # A killed process may have left this file.
    try:
        temporary.symlink_to(os.path.relpath(target, link.parent), target_is_directory=True)
        temporary.replace(link)
    except OSError:
        temporary.unlink(missing_ok=True)
        write_text(link.with_suffix(".txt"), f"{target}\n")


def check_regular(path: Path, name: str) -> None:
    """Check that a path is not a pipe or a device, whose end no reader would ever find.

    Raises:
        DataError: it is; `name` is how the message calls it.
    """
    if path.exists() and not path.is_file():
        raise DataError(f"{name}: found a folder, a pipe or a device; expected a file")


def read_json(path: Path) -> Any:
    """Read a value that `write_json` wrote.

    Raises:
        ValueError: the file is not valid JSON, or no regular file.
    """
    if path.exists() and not path.is_file():
        raise ValueError(f"{path}: found a folder, a pipe or a device; expected a file")
    return parsed_json(path.read_text(encoding="utf-8"))


def parsed_json(text: str) -> Any:
    """The value of a JSON text. What handles it may recurse, so it has at most 100 levels.

    Raises:
        ValueError: the text is not JSON, or nested deeper.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    level = [value]
    for _ in range(MAX_LEVELS):
        level = [item for each in level for item in _items(each)]
        if not level:
            return value
    raise ValueError(TOO_DEEP)


def _items(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def sha256_of_file(path: Path) -> str:
    """SHA-256 of the file's bytes, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_json(value: Any) -> str:
    """SHA-256 of `value` as JSON, whatever the order of its keys, as 64 hexadecimal digits."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def fingerprint(*parts: Any) -> str:
    """16 hexadecimal digits that depend on `parts` as JSON, to name whatever is made from them."""
    return sha256_of_json(parts)[:16]


SILENT_SECONDS = 2.0
LONGEST_SECONDS = 24 * 3600.0
LOCK_TABLE = Path("/proc/locks")


@contextmanager
def locked(path: Path, logger: "logging.Logger | logging.LoggerAdapter[Any] | None" = None) -> Iterator[None]:
    """Hold the lock at `path` inside the block. A wait of more than two seconds is logged, with the lock's holder.

    Raises:
        PipelineError: another process held the lock for a day.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=SILENT_SECONDS)
    except Timeout:
        (logger or logging.getLogger("tasks")).info("Waiting for %s, held by %s", path, holder(path))
        try:
            lock.acquire(timeout=LONGEST_SECONDS)
        except Timeout:
            raise PipelineError(f"{path}: still held by {holder(path)} after a day; end that process") from None
    try:
        yield
    finally:
        lock.release()


def holder(path: Path) -> str:
    """Describe the process that holds a lock, if the system reports it (Linux does)."""
    try:
        inode = path.stat().st_ino
        rows = [line.split() for line in LOCK_TABLE.read_text(encoding="ascii").splitlines() if "->" not in line]
    except OSError:
        return "another process"
    for row in rows:
        process, held_inode = int(row[4]), int(row[5].split(":")[-1])
        if held_inode == inode and process != os.getpid() and psutil.pid_exists(process):
            return f"process {process}"
    return "another process"


CHUNK = 1 << 20


def spool(stream: BinaryIO, folder: Path, suffix: str) -> Path:
    """Write a stream to a file named after its content, and return the path; an existing file is left alone.

    Args:
        stream: the stream, read to its end, a piece at a time.
        folder: the folder for the file.
        suffix: the file's suffix.
    """
    folder.mkdir(parents=True, exist_ok=True)
    temporary = _new_file(folder, ".stdin-", suffix)
    digest = hashlib.sha256()
    try:
        with temporary.open("wb") as file:
            while chunk := stream.read(CHUNK):
                file.write(chunk)
                digest.update(chunk)
        path = folder / f"stdin-{digest.hexdigest()[:16]}{suffix}"
        if not path.exists():
            temporary.replace(path)
        return path
    finally:
        temporary.unlink(missing_ok=True)
