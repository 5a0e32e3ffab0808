import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.results.errors import DataError, NetworkError
from tasks.storage import download as module
from tasks.storage.download import download
from tests.tasks.file_server import CONTENT, SHA256, FileServer, serving


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """The file server, without waiting between attempts."""
    monkeypatch.setattr(module, "wait_exponential_jitter", lambda **_: lambda _state: 0.0)
    with serving() as server:
        yield server


def left(folder: Path) -> list[str]:
    """Names in the folder, locks left out."""
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def test_downloads_and_checks(server: FileServer, tmp_path: Path) -> None:
    assert download(f"{server.base}imdb.npz", tmp_path / "imdb.npz", SHA256).read_bytes() == CONTENT
    assert left(tmp_path) == ["imdb.npz"]


def test_a_broken_download_resumes_where_it_broke_off(server: FileServer, tmp_path: Path) -> None:
    server.faults = ["cut"]
    assert download(f"{server.base}imdb.npz", tmp_path / "imdb.npz", SHA256).read_bytes() == CONTENT
    assert server.requests == [None, f"bytes={len(CONTENT) // 2}-"]


def test_a_server_that_does_not_resume_is_read_from_the_start(server: FileServer, tmp_path: Path) -> None:
    server.faults, server.resumes = ["cut"], False
    assert download(f"{server.base}imdb.npz", tmp_path / "imdb.npz", SHA256).read_bytes() == CONTENT


def test_a_busy_server_is_asked_again(server: FileServer, tmp_path: Path) -> None:
    server.faults = ["503", "503"]
    assert download(f"{server.base}imdb.npz", tmp_path / "imdb.npz", SHA256).read_bytes() == CONTENT
    assert len(server.requests) == 3


def test_after_several_attempts_it_is_a_network_error_and_the_part_stays(server: FileServer, tmp_path: Path) -> None:
    server.faults = ["cut", "503", "503", "503"]
    with pytest.raises(NetworkError, match="after 4 attempts"):
        download(f"{server.base}imdb.npz", tmp_path / "imdb.npz", SHA256)
    assert left(tmp_path) == ["imdb.npz.part"]
    assert download(f"{server.base}imdb.npz", tmp_path / "imdb.npz", SHA256).read_bytes() == CONTENT


def test_a_wrong_hash_is_an_error_and_leaves_nothing(server: FileServer, tmp_path: Path) -> None:
    server.content = b"something else"
    with pytest.raises(DataError, match=f"{SHA256} expected"):
        download(f"{server.base}imdb.npz", tmp_path / "imdb.npz", SHA256)
    assert left(tmp_path) == []


def test_too_much_is_refused(server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 1_000)
    with pytest.raises(DataError, match="more than 1000 bytes"):
        download(f"{server.base}imdb.npz", tmp_path / "imdb.npz", SHA256)
    assert left(tmp_path) == []


def test_two_at_once_download_once(server: FileServer, tmp_path: Path) -> None:
    threads = [
        threading.Thread(target=download, args=(f"{server.base}imdb.npz", tmp_path / "imdb.npz", SHA256))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.requests) == 1
