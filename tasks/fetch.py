"""Step 1: find `imdb.npz`, or download it, or fall back to the bundled sample."""

import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import httpx
from filelock import FileLock
from prefect import get_run_logger, task
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from tasks.data import sample
from tasks.errors import DataError, NetworkError
from tasks.files import sha256_of_file
from tasks.results import Source

OFFICIAL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
NPZ_SHA256 = "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"
INDEX_SHA256 = ""
KAGGLE = ("../input", "/kaggle/input/*")
TIMEOUT = httpx.Timeout(30.0, connect=5.0)
ATTEMPTS = 4
MAX_BYTES = 200 << 20


def find_source(data: Path | None, source: Literal["auto", "imdb", "sample"], cache: Path, base: str = OFFICIAL) -> Source:
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
