"""Step 1: find `imdb.npz`, or download it, or fall back to the bundled sample."""

import os
from pathlib import Path
from typing import Literal

import httpx
from filelock import FileLock
from prefect import get_run_logger, task
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from tasks.data import sample, sample_words
from tasks.results.data import Source
from tasks.results.errors import DataError, NetworkError, may_pass
from tasks.storage.files import fingerprint, sha256_of_file, source_version
from tasks.storage.reuse import keyed

OFFICIAL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
NPZ_SHA256 = "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"
INDEX_SHA256 = "027313fe9a320280f3bf0fac5baf58c4a683cf39a7ed9c3d3d3912bde4284cf6"
INDEX = "imdb_word_index.json"
KAGGLE = ("../input/imdb.npz", "/kaggle/input/*/imdb.npz")
TIMEOUT = httpx.Timeout(30.0, connect=5.0)
ATTEMPTS = 4
MAX_BYTES = 200 << 20


def find_source(
    data: Path | None, source: Literal["auto", "imdb", "sample"], cache: Path, base: str = OFFICIAL
) -> Source:
    """The reviews to use: `data`, else the cache, else Kaggle's folders, else a download, else the sample.

    Args:
        data: a file of the user's own; nothing else is tried then.
        source: "imdb" never falls back to the sample, "sample" uses nothing else, "auto" falls back without network.
        cache: folder for downloads and for the sample.
        base: address of the folder that holds the two official files.

    Raises:
        DataError: `data` is missing, or a download has the wrong SHA-256.
        NetworkError: source is "imdb" and the download failed.
    """
    if data is not None:
        if not data.is_file():
            raise DataError(f"--data {data}: there is no such file; give the path of an imdb.npz")
        return Source("file", data.resolve(), sha256_of_file(data), str(data), _index_beside(data))
    if source == "sample":
        return _sample(cache)
    try:
        return _official(cache, base)
    except NetworkError:
        if source == "imdb":
            raise
        return _sample(cache)


def download(url: str, target: Path, sha256: str) -> Path:
    """Fetch `url` to `target`, which appears whole and with the expected SHA-256 or not at all.

    A download that breaks off is kept as `<target>.part` and goes on from there, in the next attempt or the next run,
    where the server allows it. Two processes that want the same file download it once.

    Raises:
        NetworkError: the server could not be reached or did not deliver after several attempts.
        DataError: what came has another SHA-256, or is larger than 200 MiB; it is removed.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    with FileLock(target.with_name(target.name + ".lock")):
        if target.is_file():
            return target
        retrying = Retrying(
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_exponential_jitter(initial=0.3, max=10, jitter=0.3),
            retry=retry_if_exception(_worth_retrying),
            reraise=True,
        )
        try:
            retrying(_stream, url, part)
        except httpx.HTTPError as error:
            raise NetworkError(f"{url}: no download after {ATTEMPTS} attempts ({error}); check the network") from error
        found = sha256_of_file(part)
        if found != sha256:
            part.unlink()
            raise DataError(f"{url}: SHA-256 {found} found, {sha256} expected; the download was removed, try again")
        part.replace(target)
    return target


def _worth_retrying(error: BaseException) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code >= 500 or error.response.status_code in {408, 416, 429}
    return isinstance(error, httpx.TransportError)


def _stream(url: str, part: Path) -> None:
    """Append to `part` what is missing, or start it anew where the server does not resume."""
    have = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    # Without compression the sizes in the headers are those of the file, and parts fit together.
    headers["Accept-Encoding"] = "identity"
    with httpx.stream("GET", url, headers=headers, timeout=TIMEOUT, follow_redirects=True) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink(missing_ok=True)
        response.raise_for_status()
        resumed = response.status_code == httpx.codes.PARTIAL_CONTENT
        have = have if resumed else 0
        total = int(response.headers.get("Content-Length", 0)) + have or None
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        with part.open("ab" if resumed else "wb") as file, Progress(*columns, transient=True) as progress:
            bar = progress.add_task(part.stem, total=total, completed=have)
            for chunk in response.iter_bytes():
                have += len(chunk)
                if have > MAX_BYTES:
                    part.unlink()
                    raise DataError(f"{url}: more than {MAX_BYTES} bytes; expected the IMDB reviews (17 MB)")
                file.write(chunk)
                progress.update(bar, advance=len(chunk))
        if total is not None and have < total:
            raise httpx.ReadError(f"{have} of {total} bytes came")


def fetch_key(data: Path | None, source: Literal["auto", "imdb", "sample"], cache: Path) -> str | None:
    """Fingerprint of the file that would be used and is already here; None if it must be fetched first."""
    if data is None and source == "sample":
        made_by = source_version(Path(__file__), Path(sample.__file__), Path(sample_words.__file__))
        return f"fetch-sample-{fingerprint(str(cache), made_by)}"
    places = [data] if data else _places(cache)
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        return None
    indices = [str(index) for index in (found.resolve().parent / INDEX, cache / INDEX) if index.is_file()]
    return f"fetch-{fingerprint(str(found.resolve()), sha256_of_file(found), indices, source_version(Path(__file__)))}"


def _places(cache: Path) -> list[Path]:
    return [cache / "imdb.npz", *(Path(found) for pattern in KAGGLE for found in sorted(_glob(pattern)))]


def _official(cache: Path, base: str) -> Source:
    found = next((place for place in _places(cache) if place.is_file()), None)
    if found:
        return Source(
            "imdb", found.resolve(), sha256_of_file(found), str(found), _index_beside(found) or _index(cache, base)
        )
    url = f"{base}imdb.npz"
    path = download(url, cache / "imdb.npz", NPZ_SHA256)
    return Source("imdb", path.resolve(), NPZ_SHA256, url, _index(cache, base))


def _glob(pattern: str) -> list[str]:
    root = Path(pattern).anchor or "."
    return [os.fspath(path) for path in Path(root).glob(str(Path(pattern).relative_to(Path(pattern).anchor)))]


def _index(cache: Path, base: str) -> Path | None:
    """The official word index. Nothing but the words in the report needs it, so a run goes on without."""
    try:
        return download(f"{base}{INDEX}", cache / INDEX, INDEX_SHA256).resolve()
    except NetworkError:
        return None


def _index_beside(data: Path) -> Path | None:
    place = data.resolve().parent / INDEX
    return place if place.is_file() else None


def _sample_files(cache: Path) -> list[Path]:
    return [cache / f"sample-{sample.VERSION}{ending}" for ending in (".npz", "-word-index.json")]


def _sample(cache: Path) -> Source:
    path, index = _sample_files(cache)
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / "sample.lock"):
        if not path.is_file() or not index.is_file():
            sample.write_sample(path, index)
    return Source("sample", path.resolve(), sha256_of_file(path), "made by this project", index.resolve())


@task(
    name="fetch",
    task_run_name="fetch {source}",
    cache_key_fn=keyed(fetch_key),
    retries=1,
    retry_delay_seconds=10,
    retry_condition_fn=may_pass,
)
def fetch(data: Path | None, source: Literal["auto", "imdb", "sample"], cache: Path) -> Source:
    """`find_source`, and a line in the log that says what was found."""
    found = find_source(data, source, cache)
    logger = get_run_logger()
    if found.kind == "sample":
        why = "asked for" if source == "sample" else "no network; give --data PATH for the real reviews"
        logger.warning("Data: the BUNDLED SAMPLE of made-up reviews (%s), not IMDB", why)
    else:
        logger.info("Data: %s, SHA-256 %s", found.path, found.sha256)
    return found
