import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.errors import DataError, NetworkError
from tasks.storage import download as module
from tasks.storage.download import download
from tests.tasks.file_server import CONTENT, SHA256, FileServer, answering, serving


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waiting between attempts."""
    monkeypatch.setattr(module, "BACK_OFF", lambda _: 0.0)


@pytest.fixture
def server() -> Iterator[FileServer]:
    """The file server."""
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


def test_the_server_says_when_to_try_again(server: FileServer, tmp_path: Path) -> None:
    server.faults, server.retry_after = ["503"], "1"
    started = time.monotonic()
    download(f"{server.base}imdb.npz", tmp_path / "imdb.npz", SHA256)
    assert time.monotonic() - started > 0.9


def test_a_download_that_drips_has_an_end_and_can_be_resumed(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_SECONDS", 0.0)
    with pytest.raises(NetworkError, match="too slow"):
        download(f"{server.base}imdb.npz", tmp_path / "imdb.npz", SHA256)
    assert len(server.requests) == 1
    monkeypatch.undo()
    assert download(f"{server.base}imdb.npz", tmp_path / "imdb.npz", SHA256).read_bytes() == CONTENT


@pytest.mark.parametrize("url", ["http://[", "no scheme", "http://a b/", "ftp://example.org/imdb.npz"])
def test_an_address_that_is_none_is_a_network_error(url: str, tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="no download"):
        download(url, tmp_path / "imdb.npz", SHA256)


def test_a_part_that_is_a_link_is_not_written_through(server: FileServer, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.write_bytes(b"theirs")
    (tmp_path / "imdb.npz.part").symlink_to(theirs)
    download(f"{server.base}imdb.npz", tmp_path / "imdb.npz", SHA256)
    assert theirs.read_bytes() == b"theirs"


def test_a_cached_file_that_was_changed_is_fetched_again(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "imdb.npz").write_bytes(b"changed")
    assert download(f"{server.base}imdb.npz", tmp_path / "imdb.npz", SHA256).read_bytes() == CONTENT


@pytest.mark.parametrize("asked", ["²", "-5", "soon", "", "1e9"])
def test_a_retry_after_that_is_no_number_counts_as_none(asked: str, server: FileServer, tmp_path: Path) -> None:
    server.faults, server.retry_after = ["503"], asked
    assert download(f"{server.base}imdb.npz", tmp_path / "imdb.npz", SHA256).read_bytes() == CONTENT


def test_a_refusal_is_one_line(server: FileServer, tmp_path: Path) -> None:
    server.faults = ["503"] * 4
    with pytest.raises(NetworkError) as caught:
        download(f"{server.base}imdb.npz", tmp_path / "imdb.npz", SHA256)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("host", [".", "..", "xn--", "a." * 200])
def test_a_host_that_has_no_name_is_a_network_error(host: str, tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="no download"):
        download(f"http://{host}/", tmp_path / "imdb.npz", SHA256)


def test_headers_that_drip_have_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SECONDS", 0.2)
    monkeypatch.setattr(module, "GRACE_SECONDS", 0.2)
    with answering(b"A", drip=True) as address, pytest.raises(NetworkError, match="no answer in 0 s"):
        download(address, tmp_path / "imdb.npz", SHA256)
