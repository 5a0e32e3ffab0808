import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import tasks.fetch as module
from tasks.errors import DataError, NetworkError
from tasks.fetch import fetch
from tasks.storage import download
from tasks.storage.layout import KERAS_WORD_INDEX
from tests.tasks.file_server import SHA256, FileServer, serving

UNREACHABLE = "http://127.0.0.1:9/"


@pytest.fixture
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """No network, and no waiting between attempts."""
    monkeypatch.setattr(download, "BACK_OFF", lambda _: 0.0)


@pytest.mark.usefixtures("no_wait")
def test_auto_without_network_takes_the_sample(tmp_path: Path) -> None:
    source = fetch(None, "auto", tmp_path, base=UNREACHABLE)
    assert (source.kind, source.title) == ("sample", "bundled sample")
    assert source.word_index is not None


@pytest.mark.usefixtures("no_wait")
def test_imdb_without_network_fails(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="check the network"):
        fetch(None, "imdb", tmp_path, base=UNREACHABLE)


def test_an_own_file_comes_first_and_its_hash_is_recorded(npz: Path, tmp_path: Path) -> None:
    source = fetch(npz, "auto", tmp_path / "cache", base=UNREACHABLE)
    assert (source.kind, source.path) == ("file", npz)
    assert source.sha256 == hashlib.sha256(npz.read_bytes()).hexdigest()


def test_a_missing_own_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none.npz: no such file"):
        fetch(tmp_path / "none.npz", "auto", tmp_path, base=UNREACHABLE)


@pytest.mark.usefixtures("no_wait")
def test_the_cache_comes_before_kaggle_and_kaggle_before_the_network(
    npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "is_imdb", lambda *_: True)
    kaggle = tmp_path / "input" / "datasets" / "owner" / "keras-imdb" / "1" / "imdb.npz"
    kaggle.parent.mkdir(parents=True)
    kaggle.write_bytes(npz.read_bytes())
    monkeypatch.setattr(module, "KAGGLE_INPUT", tmp_path / "input")
    assert fetch(None, "imdb", tmp_path / "cache", base=UNREACHABLE).path == kaggle
    cached = tmp_path / "cache" / "imdb.npz"
    cached.parent.mkdir(exist_ok=True)
    cached.write_bytes(npz.read_bytes())
    assert fetch(None, "imdb", tmp_path / "cache", base=UNREACHABLE).path == cached


@pytest.fixture
def server() -> Iterator[FileServer]:
    """A file server instead of the official one."""
    with serving() as server:
        yield server


@pytest.mark.usefixtures("no_wait")
def test_the_official_file_is_downloaded_into_the_cache(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "NPZ_SHA256", SHA256)
    source = fetch(None, "imdb", tmp_path, base=server.base)
    assert (source.kind, source.path, source.word_index) == ("imdb", tmp_path / "imdb.npz", None)


def test_a_file_that_is_here_is_reused_until_it_changes(npz: Path, tmp_path: Path) -> None:
    first = fetch.keep(npz, "auto", tmp_path / "cache")
    record = fetch.record(npz, "auto", tmp_path / "cache")
    assert record
    assert record.read() == first
    npz.write_bytes(npz.read_bytes() + b" ")
    assert record.read() is None
    assert fetch.keep(npz, "auto", tmp_path / "cache").sha256 != first.sha256


def test_a_word_index_that_changes_makes_another_source(npz: Path, tmp_path: Path) -> None:
    (npz.parent / KERAS_WORD_INDEX).write_text('{"the": 1}')
    first = fetch.keep(npz, "auto", tmp_path / "cache")
    (npz.parent / KERAS_WORD_INDEX).write_text('{"a": 1}')
    assert fetch.keep(npz, "auto", tmp_path / "cache").word_index_sha256 != first.word_index_sha256


@pytest.mark.usefixtures("no_wait")
def test_the_sample_that_stands_in_for_a_download_is_not_kept_as_the_answer(tmp_path: Path) -> None:
    assert fetch.record(None, "auto", tmp_path) is None
    fetch.keep(None, "auto", tmp_path, logger=module.LOGGER)
    assert fetch.record(None, "auto", tmp_path) is None


def test_the_sample_on_request_is_kept(tmp_path: Path) -> None:
    source = fetch.keep(None, "sample", tmp_path)
    record = fetch.record(None, "sample", tmp_path)
    assert record
    assert record.read() == source


@pytest.mark.usefixtures("no_wait")
def test_a_file_in_the_cache_that_is_not_imdb_is_not_called_imdb(
    npz: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cached = tmp_path / "imdb.npz"
    cached.write_bytes(npz.read_bytes())
    with pytest.raises(NetworkError):
        fetch(None, "imdb", tmp_path, base=UNREACHABLE)
    assert "not the IMDB reviews" in caplog.text
    assert (tmp_path / "imdb.npz.other").read_bytes() == npz.read_bytes()


@pytest.mark.usefixtures("no_wait")
@pytest.mark.parametrize("damage", [b"", b"PK damaged"])
def test_a_damaged_sample_is_made_again(tmp_path: Path, damage: bytes) -> None:
    first = fetch.keep(None, "sample", tmp_path)
    first.path.write_bytes(damage)
    assert fetch.keep(None, "sample", tmp_path) == first
    assert fetch(None, "auto", tmp_path, base=UNREACHABLE) == first


@pytest.mark.usefixtures("no_wait")
def test_an_unreachable_word_index_costs_only_the_words(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "NPZ_SHA256", SHA256)
    assert fetch(None, "imdb", tmp_path, base=server.base).word_index is None
    assert "No word index" in caplog.text
