"""What tests share: the order they run in, made-up data, the real data where they are, a Prefect server, a browser."""

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")

import numpy as np
import pytest

from tasks.data.imdb_npz import write_imdb_npz
from tasks.data.tokens import Reviews, Tokens, offsets_of
from tasks.results.data import Dataset, Source
from tests.session import once

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.hookimpl(tryfirst=True)  # Before pytest-xdist reads the groups.
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole runs come first, the longest before the others, so that no worker is left with one at the end.

    A worker keeps a group of tests together: those of a file, those that need the session's Prefect server, and in the
    short tier those that need the undisturbed run, for which another worker would only wait. Another whole run is on
    its own, unless it names a group.
    """
    items.sort(key=lambda item: (not _is_slow(item), not _is_whole_run(item), not _has_group(item)))
    for item in items:
        if "prefect_server" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("prefect_server"))
        elif "undisturbed" in getattr(item, "fixturenames", ()) and not _is_slow(item):
            item.add_marker(pytest.mark.xdist_group("undisturbed"))
        elif not _is_whole_run(item):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))


def _is_slow(item: pytest.Item) -> bool:
    return item.get_closest_marker("slow") is not None


def _has_group(item: pytest.Item) -> bool:
    return item.get_closest_marker("xdist_group") is not None


def _is_whole_run(item: pytest.Item) -> bool:
    return "end_to_end" in item.path.parts


def make_reviews(lists: list[list[int]], labels: list[int]) -> Reviews:
    """Reviews from plain lists."""
    offsets = np.cumsum([0, *map(len, lists)])
    flat = [token for one in lists for token in one]
    return Reviews(np.array(flat, np.int32), offsets.astype(np.int64), np.array(labels, np.uint8))


def random_reviews(count: int, seed: int = 0, words: int = 60, longest: int = 40) -> Reviews:
    """Reviews of random ranks whose label depends on their words."""
    random = np.random.default_rng(seed)
    labels = (np.arange(count) % 2).tolist()
    lists = [(random.integers(1, words, random.integers(1, longest)) + label).tolist() for label in labels]
    return make_reviews(lists, labels)


@pytest.fixture
def npz(tmp_path: Path) -> Path:
    """A small imdb.npz."""
    path = tmp_path / "source" / "imdb.npz"
    write_imdb_npz(path, random_reviews(120), random_reviews(60, seed=1))
    return path


@pytest.fixture
def source(npz: Path) -> Source:
    """The small imdb.npz as a source."""
    return Source("file", npz, "0" * 64, str(npz))


@pytest.fixture
def dataset(source: Source, tmp_path: Path) -> Dataset:
    """The small imdb.npz prepared: 50 words, 30 steps."""
    from tasks.prepare import prepare

    return prepare.keep(source, 50, 30, None, tmp_path / "data")


@pytest.fixture(scope="session")
def imdb() -> Path:
    """The real data, named by IMDB_NPZ."""
    path = os.environ.get("IMDB_NPZ")
    if not path:
        pytest.skip("the real IMDB data are not here: set IMDB_NPZ to the path of imdb.npz")
    return Path(path)


@pytest.fixture(scope="session")
def migrated_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with Prefect's database as its server leaves it after its first start; copy it, do not use it."""
    from flows.temporary_server import Server

    def start_server(home: Path) -> None:
        with patch.dict(os.environ, PREFECT_HOME=str(home)), Server() as server:
            server.wait_until_up()
        with contextlib.closing(sqlite3.connect(home / "prefect.db")) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    return once(tmp_path_factory, "migrated", start_server)


@pytest.fixture(scope="session")
def prefect_server(migrated_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Prefect server with a home of its own, for the whole session."""
    from prefect.testing.utilities import prefect_test_harness

    folder = tmp_path_factory.mktemp("harness")
    shutil.copy(migrated_home / "prefect.db", folder / "prefect-test.db")
    with contextlib.ExitStack() as stack:
        with patch("prefect.testing.utilities.mkdtemp", return_value=str(folder)):
            stack.enter_context(prefect_test_harness(server_startup_timeout=90))
        yield


@pytest.fixture
def no_heartbeat() -> Iterator[None]:
    """Flows that start no process beside them to say that they live."""
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield


@pytest.fixture
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits of drift are measured with a tenth of the draws, in a tenth of two seconds."""
    monkeypatch.setattr("tasks.analysis.drift.DRAWS", 20)


def ragged_tokens(lengths: list[int], max_length: int, words: int, seed: int = 0) -> Tokens:
    """Tokens of reviews with the given lengths."""
    values = np.random.default_rng(seed).integers(1, words, sum(lengths)).astype(np.uint16)
    return Tokens(values, offsets_of(np.array(lengths)), max_length)


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """Headless Chromium."""
    from tests.browser import chromium

    with chromium() as found:
        yield found


@pytest.fixture
def page(browser: "Browser") -> "Iterator[Page]":
    """A new page as wide as a laptop's."""
    opened = browser.new_page(viewport={"width": 1300, "height": 900})
    yield opened
    opened.close()
