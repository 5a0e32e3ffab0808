"""Locks on folders and files, held by one process at a time; a lock dies with its holder."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

from tasks.results.errors import PipelineError

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
    """The process that holds a lock, for people, where the system tells (Linux does)."""
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
