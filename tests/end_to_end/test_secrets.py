"""Passwords in addresses and in the environment: after a run, they stand in nothing that it left or said."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from secrets import token_hex
from typing import NamedTuple

import psutil
import pytest

from flows.main import run_command_line
from tests.end_to_end.harness import Process, serving

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
    """A server with a password: its home, what its clients are told, and the password that opens it."""

    home: Path
    settings: dict[str, str]
    password: dict[str, str]

    def with_address(self) -> dict[str, str]:
        """The settings of a client whose address of the server holds the password, too."""
        address = self.settings["PREFECT_API_URL"].replace("://", f"://admin:{PASSWORD}@")
        return self.settings | self.password | {"PREFECT_API_URL": address}


@pytest.fixture(scope="module")
def secured(new_home: Callable[[], Path]) -> Iterator[Secured]:
    """A server with a password."""
    home, string = new_home(), f"admin:{PASSWORD}"
    with serving(home, PREFECT_SERVER_API_AUTH_STRING=string) as (_, settings):
        yield Secured(home, settings, {"PREFECT_API_AUTH_STRING": string})


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
    while not ended.wait(0.2):
        shown |= titles_with_mark()
    return shown


@pytest.mark.parametrize("option", ["--share", "--address"])
@pytest.mark.parametrize("address", ["s3://me:{}@bucket/rnn", "s3://bucket/rnn?key={}"])
def test_a_secret_in_a_setting_is_refused_and_not_repeated(
    option: str, address: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    outputs = str(tmp_path / "outputs")
    assert run_command_line([*SMOKE, "--outputs", outputs, option, address.format(PASSWORD)]) == 2
    printed, error = capfd.readouterr()
    assert error.startswith("Error: ")
    assert MARK not in printed + error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("address", ["http://{}@127.0.0.1:9/api", "http://{}@nowhere.invalid/api", "http://{}@[/api"])
def test_a_server_that_does_not_answer_costs_no_secret(address: str, tmp_path: Path) -> None:
    password = f"admin:{PASSWORD}"
    settings = {"PREFECT_API_URL": address.format(password), "PREFECT_API_AUTH_STRING": password}
    process = Process.main(tmp_path / "home", *SMOKE, PREFECT_CLIENT_MAX_RETRIES="0", **settings)
    assert process.wait() == 1
    assert process.output.startswith("Error: ")
    assert MARK not in process.output
    assert files_with_mark(tmp_path) == []


@pytest.mark.slow
@pytest.mark.xdist_group("secured")
@pytest.mark.parametrize("password", [{}, {"PREFECT_API_AUTH_STRING": f"admin:{MARK}-wrong"}], ids=["none", "wrong"])
def test_a_server_with_a_password_refuses_a_stranger(
    password: dict[str, str], secured: Secured, tmp_path: Path
) -> None:
    process = Process.main(tmp_path / "home", *SMOKE, **secured.settings, **password)
    assert process.wait() == 1
    assert "the server refused access (401); set PREFECT_API_AUTH_STRING" in process.output
    assert "Traceback" not in process.output
    assert MARK not in process.output


@pytest.mark.slow
@pytest.mark.xdist_group("secured")
def test_a_run_keeps_its_secrets_even_where_it_logs_everything(
    secured: Secured, receiver: Receiver, tmp_path: Path
) -> None:
    settings = secured.with_address() | {"RNN_WEBHOOK": receiver.address, "PREFECT_LOGGING_LEVEL": "DEBUG"}
    home, outputs = tmp_path / "home", tmp_path / "outputs"
    process = Process.main(home, *SMOKE, "--outputs", outputs, **settings)
    assert watch_titles(process) == set()
    assert process.wait() == 0, process.output
    assert [line for line in process.lines if MARK in line] == []
    assert files_with_mark(tmp_path) == []
    assert files_with_mark(secured.home) == []
    assert len(list(tmp_path.rglob("*"))) > 30
    assert (outputs / "latest" / "report.html").exists()
    assert receiver.lines
    assert MARK not in receiver.lines[-1]
