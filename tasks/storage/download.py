"""Downloads that appear whole, with the expected SHA-256, or not at all."""

from pathlib import Path

import httpx
from filelock import FileLock
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from tasks.results.errors import DataError, NetworkError
from tasks.storage.files import sha256_of_file

TIMEOUT = httpx.Timeout(30.0, connect=5.0)
ATTEMPTS = 4
MAX_BYTES = 200 << 20
RETRIED_STATUSES = {408, 416, 429}
COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    DownloadColumn(),
    TransferSpeedColumn(),
    TimeRemainingColumn(),
)


def download(url: str, target: Path, sha256: str) -> Path:
    """Fetch `url` to `target`, which appears whole and with the expected SHA-256 or not at all.

    A download that breaks off is kept as `<target>.part`; the next attempt or the next run resumes it, where the server
    allows that. Two processes that want the same file download it once.

    Raises:
        NetworkError: the server could not be reached or did not deliver after several attempts.
        DataError: the download has another SHA-256, or is larger than 200 MiB; it is removed.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    with FileLock(target.with_name(target.name + ".lock")):
        if target.is_file():
            return target
        retrying = Retrying(
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_exponential_jitter(initial=0.3, max=10, jitter=0.3),
            retry=retry_if_exception(_may_pass),
            reraise=True,
        )
        try:
            retrying(_stream, url, part)
        except httpx.HTTPError as error:
            raise NetworkError(f"{url}: no download after {ATTEMPTS} attempts ({error}); check the network") from error
        digest = sha256_of_file(part)
        if digest != sha256:
            part.unlink()
            raise DataError(f"{url}: SHA-256 {digest} found, {sha256} expected; the download was removed, try again")
        part.replace(target)
    return target


def _may_pass(error: BaseException) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code >= 500 or error.response.status_code in RETRIED_STATUSES
    return isinstance(error, httpx.TransportError)


def _stream(url: str, part: Path) -> None:
    """Append to `part` what is missing, or start again where the server does not resume."""
    received = part.stat().st_size if part.exists() else 0
    # Without compression the sizes in the headers are those of the file, and parts fit together.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={received}-"} if received else {})
    with httpx.stream("GET", url, headers=headers, timeout=TIMEOUT, follow_redirects=True) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink(missing_ok=True)
        response.raise_for_status()
        if response.status_code != httpx.codes.PARTIAL_CONTENT:
            received = 0
        _write(response, part, received)


def _write(response: httpx.Response, part: Path, received: int) -> None:
    """Write the body behind the bytes that were received before, with a progress bar."""
    length = int(response.headers.get("Content-Length", 0))
    total = length + received if length else None
    with part.open("ab" if received else "wb") as file, Progress(*COLUMNS, transient=True) as progress:
        bar = progress.add_task(part.stem, total=total, completed=received)
        for chunk in response.iter_bytes():
            received += len(chunk)
            if received > MAX_BYTES:
                part.unlink()
                raise DataError(f"{response.url}: more than {MAX_BYTES} bytes; expected the IMDB reviews (17 MB)")
            file.write(chunk)
            progress.update(bar, advance=len(chunk))
    if total is not None and received < total:
        raise httpx.ReadError(f"{received} of {total} bytes received")
