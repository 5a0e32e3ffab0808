import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tasks import fetch
from tasks.fetch import download, find_source
from tasks.results.errors import DataError, NetworkError

CONTENT = bytes(range(256)) * 2_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """A file server that misbehaves as told: `faults` are used up one a request."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.faults: list[str] = []
        self.requests: list[str | None] = []
        self.content = CONTENT
        self.resumes = True

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.requests.append(wanted)
        fault = self.server.faults.pop(0) if self.server.faults else ""
        if fault == "503" or self.path.endswith(".json"):
            self.send_error(503 if fault == "503" else 404)
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.server.resumes else 0
        body = self.server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if fault == "cut" else body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The file server, without waiting between attempts."""
    monkeypatch.setattr(fetch, "wait_exponential_jitter", lambda **_: lambda _state: 0.0)
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def left(folder: Path) -> list[str]:
    """Names in the folder, locks left out."""
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def test_downloads_and_checks(server: Server, tmp_path: Path) -> None:
    assert download(f"{server.base}imdb.npz", tmp_path / "imdb.npz", SHA256).read_bytes() == CONTENT
    assert left(tmp_path) == ["imdb.npz"]


def test_a_broken_download_goes_on_where_it_broke_off(server: Server, tmp_path: Path) -> None:
    server.faults = ["cut"]
    assert download(f"{server.base}imdb.npz", tmp_path / "imdb.npz", SHA256).read_bytes() == CONTENT
    assert server.requests == [None, f"bytes={len(CONTENT) // 2}-"]


def test_a_server_that_does_not_resume_is_read_from_the_start(server: Server, tmp_path: Path) -> None:
    server.faults, server.resumes = ["cut"], False
    assert download(f"{server.base}imdb.npz", tmp_path / "imdb.npz", SHA256).read_bytes() == CONTENT


def test_a_busy_server_is_asked_again(server: Server, tmp_path: Path) -> None:
    server.faults = ["503", "503"]
    assert download(f"{server.base}imdb.npz", tmp_path / "imdb.npz", SHA256).read_bytes() == CONTENT
    assert len(server.requests) == 3


def test_after_several_attempts_it_is_a_network_error_and_the_part_stays(server: Server, tmp_path: Path) -> None:
    server.faults = ["cut", "503", "503", "503"]
    with pytest.raises(NetworkError, match="after 4 attempts"):
        download(f"{server.base}imdb.npz", tmp_path / "imdb.npz", SHA256)
    assert left(tmp_path) == ["imdb.npz.part"]
    assert download(f"{server.base}imdb.npz", tmp_path / "imdb.npz", SHA256).read_bytes() == CONTENT


def test_a_wrong_hash_is_an_error_and_leaves_nothing(server: Server, tmp_path: Path) -> None:
    server.content = b"something else"
    with pytest.raises(DataError, match=f"{SHA256} expected"):
        download(f"{server.base}imdb.npz", tmp_path / "imdb.npz", SHA256)
    assert left(tmp_path) == []


def test_too_much_is_refused(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "MAX_BYTES", 1_000)
    with pytest.raises(DataError, match="more than 1000 bytes"):
        download(f"{server.base}imdb.npz", tmp_path / "imdb.npz", SHA256)
    assert left(tmp_path) == []


def test_two_at_once_download_once(server: Server, tmp_path: Path) -> None:
    threads = [
        threading.Thread(target=download, args=(f"{server.base}imdb.npz", tmp_path / "imdb.npz", SHA256))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.requests) == 1


UNREACHABLE = "http://127.0.0.1:9/"


@pytest.fixture
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """No network, and no waiting between attempts."""
    monkeypatch.setattr(fetch, "wait_exponential_jitter", lambda **_: lambda _state: 0.0)


@pytest.mark.usefixtures("no_wait")
def test_auto_without_network_takes_the_sample(tmp_path: Path) -> None:
    source = find_source(None, "auto", tmp_path, UNREACHABLE)
    assert (source.kind, source.title) == ("sample", "bundled sample")
    assert source.word_index is not None


@pytest.mark.usefixtures("no_wait")
def test_imdb_without_network_fails(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="check the network"):
        find_source(None, "imdb", tmp_path, UNREACHABLE)


def test_an_own_file_comes_first_and_its_hash_is_recorded(npz: Path, tmp_path: Path) -> None:
    source = find_source(npz, "auto", tmp_path / "cache", UNREACHABLE)
    assert (source.kind, source.path) == ("file", npz)
    assert source.sha256 == hashlib.sha256(npz.read_bytes()).hexdigest()


def test_a_missing_own_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none.npz: there is no such file"):
        find_source(tmp_path / "none.npz", "auto", tmp_path, UNREACHABLE)


@pytest.mark.usefixtures("no_wait")
def test_the_cache_comes_before_kaggle_and_kaggle_before_the_network(
    npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kaggle = tmp_path / "input" / "keras-imdb" / "imdb.npz"
    kaggle.parent.mkdir(parents=True)
    kaggle.write_bytes(npz.read_bytes())
    monkeypatch.setattr(fetch, "KAGGLE", (str(tmp_path / "input" / "*" / "imdb.npz"),))
    assert find_source(None, "imdb", tmp_path / "cache", UNREACHABLE).path == kaggle
    cached = tmp_path / "cache" / "imdb.npz"
    cached.write_bytes(npz.read_bytes())
    assert find_source(None, "imdb", tmp_path / "cache", UNREACHABLE).path == cached


def test_the_official_file_is_downloaded_into_the_cache(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "NPZ_SHA256", SHA256)
    source = find_source(None, "imdb", tmp_path, server.base)
    assert (source.kind, source.path, source.word_index) == ("imdb", tmp_path / "imdb.npz", None)
