"""Errors that a user can fix; each is one line that says what was found, what was expected and what to do."""

import errno

import httpx


class PipelineError(Exception):
    """An error in the run's inputs or environment. The command line prints its message and exits with `status`."""

    status = 1


class DataError(PipelineError):
    """A file has the wrong content. Retrying does not help."""


class SettingError(PipelineError):
    """A setting is wrong, or settings do not fit together."""

    status = 2


class OutOfTimeError(PipelineError):
    """`--minutes` were over before there was anything to keep."""


class RejectsError(DataError):
    """More rows of a file cannot be scored than `--max-rejects` allows."""

    status = 3


class NetworkError(PipelineError):
    """A download failed. Retrying later may help."""


# What reading a damaged file may raise, in pyarrow, NumPy or the code that takes a record apart.
UNREADABLE = (OSError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, NotImplementedError)
DISK = {
    errno.ENOSPC: "free some space, or choose another --outputs folder",
    errno.EDQUOT: "free some space, or choose another --outputs folder",
    errno.EROFS: "choose an --outputs folder that can be written",
    errno.EACCES: "choose an --outputs folder that can be written",
    errno.EPERM: "choose an --outputs folder that can be written",
    errno.ENOENT: "choose a path in a folder that exists",
    errno.ENOTDIR: "choose a path in a folder that exists",
    errno.EEXIST: "expected a folder or nothing there; move it away",
    errno.ENAMETOOLONG: "choose a shorter path",
    errno.ELOOP: "choose a path without a loop of links",
    errno.EISDIR: "expected a file or nothing there; move it away",
}

# Characters that make a terminal do something, or reorder what it shows; tabs and line ends stay.
_BIDIRECTIONAL = (0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_CONTROLS = dict.fromkeys(
    [*range(0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0), *_BIDIRECTIONAL], "\N{REPLACEMENT CHARACTER}"
)
KEPT = "Completed work is kept: the same command resumes"
LONGEST_VALUE, LONGEST_PATH = 200, 500


def printable(text: str) -> str:
    """A text for a terminal: what would control the terminal is replaced, because it may come from data."""
    return text.translate(_CONTROLS)


def shortened(value: object, length: int = LONGEST_VALUE) -> str:
    """A value for a message: its first line, truncated to `length` characters."""
    text = printable(next(iter(str(value).splitlines()), ""))
    return text if len(text) <= length else f"{text[:length]}…"


def is_text(name: str) -> bool:
    """Whether a name can be written into reports and records; file names may contain arbitrary bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def one_line(error: BaseException | None) -> str | None:
    """The message for an error that the user can fix, or None for any other error."""
    if isinstance(error, PipelineError):
        return str(error)
    # Failed downloads raise NetworkError, so the errors below come from Prefect's client.
    unreachable = isinstance(error, RuntimeError) and str(error).startswith("Failed to reach API")
    if unreachable or isinstance(error, httpx.TransportError):
        return (
            f"The Prefect server no longer answers ({error}). Completed work is kept: once a server is up, the same "
            "command resumes and reports it"
        )
    if isinstance(error, httpx.HTTPStatusError):
        return (
            f"The Prefect server refused a request ({shortened(error)}); `doctor` tells whether it has the version "
            "of Prefect that is installed here. Completed work is kept"
        )
    if isinstance(error, RuntimeError) and str(error).startswith("Symlink loop"):  # Path.resolve, up to Python 3.12.
        return f"{shortened(error, LONGEST_PATH)}; {DISK[errno.ELOOP]}"
    if isinstance(error, MemoryError):
        found = f" ({shortened(error)})" if str(error) else ""
        return f"memory ran out{found}; free some, or train fewer or smaller networks. {KEPT}"
    if isinstance(error, OSError) and error.errno == errno.ENOSPC and not error.filename:
        return f"{error.strerror} on the disk of the output folder, or of the output itself; free some. {KEPT}"
    if isinstance(error, OSError) and error.errno in DISK:
        fault = f"{shortened(error.filename, LONGEST_PATH)}: {error.strerror}" if error.filename else str(error)
        return f"{fault}; {DISK[error.errno]}. {KEPT}"
    return None
