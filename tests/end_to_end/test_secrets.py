"""Passwords in addresses and in the environment: after a run, they stand in nothing that it left or said."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from secrets import token_hex
from typing import NamedTuple

import psutil
import pytest

from tests.end_to_end.harness import Process, run, serving

MARK = f"m4rk3r{token_hex(4)}"  # Another one for each session: others may run beside it.
PASSWORD = f"{MARK}-password"
SMOKE = ("--smoke", "--models", "simple_rnn")


class Receiver(ThreadingHTTPServer):
    """A webhook that refuses, and notes the lines it got."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lines: list[str] = []

    @property
    def address(self) -> str:
        """Secrets where services put them: user info, path, query."""
        return f"http://{MARK}-user:{PASSWORD}@127.0.0.1:{self.server_port}/hook/{MARK}-path?key={MARK}-query"


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        self.server.lines.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(500)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """The webhook."""
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


class Secured(NamedTuple):
    """A server with a password: its home, and what its clients are told."""

    home: Path
    settings: dict[str, str]


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """A server whose address and password both hold secrets."""
    home, string = tmp_path_factory.mktemp("secured"), f"admin:{PASSWORD}"
    with serving(home, PREFECT_SERVER_API_AUTH_STRING=string) as (_, settings):
        address = settings["PREFECT_API_URL"].replace("://", f"://admin:{PASSWORD}@")
        yield Secured(home, settings | {"PREFECT_API_URL": address, "PREFECT_API_AUTH_STRING": string})


def files_with_mark(folder: Path) -> list[str]:
    """The files that hold a secret, the server's database among them."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [str(path.relative_to(folder)) for path in files if MARK.encode() in path.read_bytes()]


def titles_with_mark() -> set[str]:
    """The processes whose command line shows a secret to everybody on this machine."""
    shown = (" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"]))
    return {line for line in shown if MARK in line}


def watch_titles(process: Process) -> set[str]:
    """The same for as long as a process runs."""
    ended, shown = threading.Event(), set[str]()
    threading.Thread(target=lambda: (process.wait(400), ended.set()), daemon=True).start()
    while not ended.wait(0.1):
        shown |= titles_with_mark()
    return shown


@pytest.mark.parametrize("option", ["--share", "--address"])
@pytest.mark.parametrize("address", ["s3://me:{}@bucket/rnn", "s3://bucket/rnn?key={}"])
def test_a_secret_in_a_setting_is_refused_and_not_repeated(option: str, address: str, tmp_path: Path) -> None:
    done = run(tmp_path / "home", *SMOKE, "--outputs", tmp_path / "outputs", option, address.format(PASSWORD))
    assert done.returncode == 2
    assert MARK not in done.stdout + done.stderr
    assert files_with_mark(tmp_path) == []


@pytest.mark.parametrize("address", ["http://{}@127.0.0.1:9/api", "http://{}@nowhere.invalid/api", "http://{}@[/api"])
def test_a_server_that_does_not_answer_costs_no_secret(address: str, tmp_path: Path) -> None:
    password = f"admin:{PASSWORD}"
    settings = {"PREFECT_API_URL": address.format(password), "PREFECT_API_AUTH_STRING": password}
    process = Process.main(tmp_path / "home", *SMOKE, PREFECT_CLIENT_MAX_RETRIES="0", **settings)
    assert process.wait() == 1
    assert process.output.startswith("Error: ")
    assert MARK not in process.output
    assert files_with_mark(tmp_path) == []


def test_a_wrong_password_is_not_repeated(secured: Secured, tmp_path: Path) -> None:
    wrong = secured.settings | {"PREFECT_API_AUTH_STRING": f"admin:{MARK}-wrong"}
    process = Process.main(tmp_path / "home", *SMOKE, **wrong)
    assert process.wait() == 1
    assert "the server refused access (401)" in process.output
    assert MARK not in process.output


@pytest.mark.parametrize("level", ["INFO", "DEBUG"])
def test_a_run_keeps_its_secrets(level: str, secured: Secured, receiver: Receiver, tmp_path: Path) -> None:
    secrets = {"RNN_WEBHOOK": receiver.address, "PREFECT_LOGGING_LEVEL": level}
    home, outputs = tmp_path / "home", tmp_path / "outputs"
    process = Process.main(home, *SMOKE, "--outputs", outputs, **secured.settings, **secrets)
    assert watch_titles(process) == set()
    assert process.wait() == 0, process.output
    assert [line for line in process.lines if MARK in line] == []
    assert files_with_mark(tmp_path) == []
    assert files_with_mark(secured.home) == []
    assert len(list(tmp_path.rglob("*"))) > 30
    assert receiver.lines
    assert MARK not in receiver.lines[-1]
