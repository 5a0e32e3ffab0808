"""Downloads that appear only once they are complete and have the expected SHA-256."""

import time
from pathlib import Path

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential, wait_random

from tasks.deadline import within
from tasks.errors import DataError, NetworkError, shortened
from tasks.progress import track
from tasks.storage.files import locked, remove, sha256_of_file

TIMEOUT = httpx.Timeout(30.0, connect=5.0)
ATTEMPTS = 4
MAX_BYTES = 200 << 20
# The limit for all attempts together; at 250 kbit/s, the 17 MB file arrives in time.
MAX_SECONDS = 600.0
GRACE_SECONDS = 5.0  # With this extra time, the download fails first, with a more specific error.
MAX_WAIT_SECONDS = 60.0
RETRIED_STATUSES = {408, 416, 429}
BACK_OFF = wait_exponential(multiplier=0.3, max=10) + wait_random(0, 0.3)


def download(url: str, target: Path, sha256: str) -> Path:
    """Fetch `url` to `target`, which appears only once it is complete and has the expected SHA-256.

    An interrupted download is kept as `<target>.part`; the next attempt or the next run resumes it, if the server
    allows that. If two processes want the same file, it is downloaded once.

    Raises:
        NetworkError: the server is unreachable, the download fails several times, or it takes over ten minutes.
        DataError: the download has a different SHA-256, or is larger than 200 MiB; it is removed.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    if part.is_symlink() or part.is_dir():
        remove(part)
    with locked(target.with_name(target.name + ".lock")):
        if target.is_file() and sha256_of_file(target) == sha256:
            return target
        retrying = Retrying(
            stop=stop_after_attempt(ATTEMPTS), wait=_wait, retry=retry_if_exception(_may_pass), reraise=True
        )
        try:
            deadline = time.monotonic() + MAX_SECONDS
            # An abandoned download writes nothing: the deadline has passed by the time the headers arrive.
            within(MAX_SECONDS + GRACE_SECONDS, lambda: retrying(_stream, url, part, deadline), "download")
        except TimeoutError:
            raise NetworkError(f"{url}: no answer in {MAX_SECONDS:.0f} s; check the network") from None
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            reason = shortened(error)
            raise NetworkError(f"{url}: no download after {ATTEMPTS} attempts ({reason}); check the network") from error
        digest = sha256_of_file(part)
        if digest != sha256:
            part.unlink()
            raise DataError(f"{url}: SHA-256 {digest} found, {sha256} expected; the download was removed, try again")
        remove(target)
        part.replace(target)
    return target


def _wait(state: RetryCallState) -> float:
    """Seconds until the next attempt: the server's Retry-After if given, otherwise a wait that grows each time."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.response.headers.get("Retry-After", "") if isinstance(error, httpx.HTTPStatusError) else ""
    is_number = asked.isascii() and asked.isdigit()
    return min(float(asked), MAX_WAIT_SECONDS) if is_number else BACK_OFF(state)


def _may_pass(error: BaseException) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code >= 500 or error.response.status_code in RETRIED_STATUSES
    return isinstance(error, httpx.TransportError)


def _stream(url: str, part: Path, deadline: float) -> None:
    """Append what is missing to `part`, or start again if the server does not resume."""
    received = part.stat().st_size if part.exists() else 0
    # Without compression, sizes in the headers are those of the file, and parts fit together.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={received}-"} if received else {})
    with httpx.stream("GET", url, headers=headers, timeout=TIMEOUT, follow_redirects=True) as response:
        _check_time(response, received, deadline)
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink(missing_ok=True)
        response.raise_for_status()
        if response.status_code != httpx.codes.PARTIAL_CONTENT:
            received = 0
        _write(response, part, received, deadline)


def _check_time(response: httpx.Response, received: int, deadline: float) -> None:
    if time.monotonic() > deadline:
        seconds = f"{MAX_SECONDS:.0f} s"
        raise NetworkError(f"{response.url}: {received} bytes in {seconds} are too slow; the next run resumes")


def _write(response: httpx.Response, part: Path, received: int, deadline: float) -> None:
    """Append the body to the bytes received before, and report progress."""
    length = int(response.headers.get("Content-Length", 0))
    total = length + received if length else None
    with part.open("ab" if received else "wb") as file, track(part.stem, total, received) as advance:
        for chunk in response.iter_bytes():
            received += len(chunk)
            if received > MAX_BYTES:
                part.unlink()
                raise DataError(f"{response.url}: more than {MAX_BYTES} bytes; expected the IMDB reviews (17 MB)")
            _check_time(response, received, deadline)
            file.write(chunk)
            advance(len(chunk))
    if total is not None and received < total:
        raise httpx.ReadError(f"{received} of {total} bytes received")
