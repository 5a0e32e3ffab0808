"""Errors that a user can act on: one line that says what was found, what was expected and what to do."""

import errno
from typing import Any

import httpx


class PipelineError(Exception):
    """A fault of the run's inputs or surroundings. The command line prints its text and exits with status 1."""


class DataError(PipelineError):
    """A file does not hold what it should. Trying again does not help."""


class NetworkError(PipelineError):
    """A download did not succeed. Trying again later may help."""


DISK = {
    errno.ENOSPC: "free some space, or give another --outputs folder",
    errno.EDQUOT: "free some space, or give another --outputs folder",
    errno.EROFS: "give an --outputs folder that can be written",
    errno.EACCES: "give an --outputs folder that can be written",
    errno.EPERM: "give an --outputs folder that can be written",
    errno.ENOENT: "give paths in folders that exist",
    errno.ENOTDIR: "give paths in folders that exist",
}


def one_line(error: BaseException | None) -> str | None:
    """What to tell the user of a fault that they can mend, or None for any other fault."""
    if isinstance(error, PipelineError):
        return str(error)
    # Downloads raise NetworkError: these are Prefect's.
    unreachable = isinstance(error, RuntimeError) and str(error).startswith("Failed to reach API")
    if unreachable or isinstance(error, httpx.TransportError):
        return (
            f"The Prefect server no longer answers ({error}). What was finished is kept: with a server up, the same "
            "command goes on from there and reports it"
        )
    if isinstance(error, OSError) and error.errno in DISK:
        place = f"{error.filename}: " if error.filename else ""
        what = error.strerror if error.filename else str(error)
        return f"{place}{what}; {DISK[error.errno]}. What was finished is kept: the same command goes on from there"
    return None


def may_pass(_task: object, _run: object, state: Any) -> bool:
    """Whether a failed step is worth another try: after a fault of the network or the disk, not after bad data."""
    try:
        state.result()
    except NetworkError:
        return True
    except OSError as error:
        return error.errno not in DISK
    except Exception:
        return False
    return False
