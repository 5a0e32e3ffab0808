"""One decorator for all compiled functions, with a cache on disk that never serves stale machine code.

Numba keeps machine code on disk and loads it as long as the function's file is unchanged. But machine code also
contains helpers and constants that the function uses from other files; when only those change, numba loads stale code.
Here the cache is in a folder named after a digest of all sources beside the function, so any change to them triggers
recompilation. In return, a compiled function may use only what its folder defines.
"""

import hashlib
import inspect
import os
import shutil
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, overload

from numba import config, njit

# A process with older sources may still be compiling into its folder.
UNUSED_SECONDS = 3600
F = TypeVar("F", bound=Callable[..., Any])
_CONFIG = threading.Lock()


@overload
def compiled(function: F) -> F: ...


@overload
def compiled(
    *, fastmath: bool | set[str] = False, error_model: str = "python", inline: str = "never"
) -> Callable[[F], F]: ...


def compiled(
    function: F | None = None,
    *,
    fastmath: bool | set[str] = False,
    error_model: str = "python",
    inline: str = "never",
) -> F | Callable[[F], F]:
    """Compile a function with numba on its first call; it runs without the interpreter lock.

    Use as `@compiled` for exact arithmetic, or with numba's options as `@compiled(fastmath=…, inline=…)`. Machine code
    is kept in `NUMBA_CACHE_DIR` if set, otherwise in `__pycache__` beside the function, otherwise in the user's cache;
    if no such folder is writable, every process compiles for itself.

    Args:
        function: must use only what modules in its own folder define, so that the digest covers all of it.
        fastmath: the floating-point optimizations that the compiler may apply.
        error_model: "python" raises on division by zero, "numpy" returns infinity or NaN.
        inline: "always" copies the function into its callers.
    """

    def decorate(function: F) -> F:
        room = Path(inspect.getfile(function)).resolve().parent
        with _CONFIG:
            folder = cache_folder(room, config.CACHE_DIR)
            options = {"fastmath": fastmath, "error_model": error_model, "inline": inline}
            with _cache_dir(folder):
                dispatcher: F = njit(nogil=True, cache=folder is not None, **options)(function)
        return dispatcher

    return decorate if function is None else decorate(function)


@cache
def cache_folder(room: Path, preferred: str) -> Path | None:
    """Return the folder for machine code of the functions in `room`, created if needed; None if no folder is writable.

    Loading machine code runs it, so a folder in which others may write is not used. A new folder replaces those for
    older versions of the sources, except any opened by a process within the last hour.

    Args:
        room: the source folder.
        preferred: where to create the folder if possible; empty for no preference.
    """
    # The room's path is in the name because rooms and checkouts may share the folder above.
    prefix = f"compiled-{room.name}-{hashlib.sha256(str(room).encode()).hexdigest()[:8]}-"
    for base in _bases(room, preferred):
        with suppress(OSError):
            folder = base / f"{prefix}{_digest(room)}"
            is_new = not folder.exists()
            base.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            if not (is_safe(base) and is_safe(folder)):
                continue
            os.utime(folder)  # Marks the folder as in use.
            tempfile.TemporaryFile(dir=folder).close()  # Numba, too, writes a file before it accepts a folder.
            if is_new:
                _remove_unused(base.glob(f"{prefix}*"))
            return folder
    return None


def is_safe(folder: Path) -> bool:
    """Whether only this user, or root, can put files into a folder, or replace what this user put there."""
    if not hasattr(os, "geteuid"):
        return True
    status = folder.stat()
    is_sticky = bool(status.st_mode & stat.S_ISVTX)
    others = status.st_mode & stat.S_IWOTH or (status.st_mode & stat.S_IWGRP and status.st_gid != os.getegid())
    return status.st_uid in (os.geteuid(), 0) and (is_sticky or not others)


def _bases(room: Path, preferred: str) -> Iterator[Path]:
    if preferred:
        yield Path(preferred)
    yield room / "__pycache__"
    with suppress(RuntimeError):  # No home folder.
        yield Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "numba"


def _digest(room: Path) -> str:
    """16 hexadecimal digits that depend on every source in the room, and on this file, which sets compiler options."""
    digest = hashlib.sha256()
    for source in (Path(__file__), *sorted(room.glob("*.py"))):
        digest.update(f"{source.name}\0".encode())
        digest.update(hashlib.sha256(source.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _remove_unused(folders: Iterator[Path]) -> None:
    """Remove folders that no process has opened for an hour; another process may be removing the same ones."""
    for folder in folders:
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > UNUSED_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _cache_dir(folder: Path | None) -> Iterator[None]:
    """Set numba's `NUMBA_CACHE_DIR` temporarily: numba reads it once per function, when decorating the function."""
    previous = config.CACHE_DIR
    config.CACHE_DIR = str(folder) if folder else previous
    try:
        yield
    finally:
        config.CACHE_DIR = previous
