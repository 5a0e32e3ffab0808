import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import UUID

import prefect
import pytest
from prefect.context import use_profile
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, Profile, temporary_settings

from flows import server
from flows.server import api_server, run_page
from tasks.errors import PipelineError

RUN = UUID("8a1f2c34-0000-4000-8000-000000000000")


@contextlib.contextmanager
def answering(status: int, body: str = "", waits: bool = False) -> Iterator[str]:
    """The address of something that gives one answer to everybody; with `waits`, only the start of it."""
    is_over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_token = "csrf" in self.path  # A server without this protection says so.
            content = b'{"detail": "CSRF protection is disabled."}' if is_token else body.encode()
            self.send_response(422 if is_token else status)
            self.send_header("Content-Length", str(len(content) + waits))
            self.end_headers()
            self.wfile.write(content)
            if waits:
                is_over.wait(60)

        def do_POST(self) -> None:
            is_over.wait(60)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/api"
        is_over.set()
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (401, "", r"the server refused access \(401\); set PREFECT_API_AUTH_STRING"),
        (404, "", r"something answers there, but it is not the API of a Prefect server; .* \(found status 404\)"),
        (200, "<html>login</html>", "something answers there, but it is not the API of a Prefect server"),
        (200, '{"version": "3.9.1"}', "something answers there, but it is not the API of a Prefect server"),
        (200, '"welcome"', "something answers there, but it is not the API of a Prefect server"),
        (503, "", r"the server has been too busy for 0 s \(503\); try again later"),
    ],
)
def test_a_configured_server_that_cannot_be_used_is_a_user_error(
    status: int, body: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "BUSY_SECONDS", 0.0)
    with (
        answering(status, body) as address,
        temporary_settings({PREFECT_API_URL: address}),
        pytest.raises(PipelineError, match=f"^PREFECT_API_URL {address}.*: {message}"),
        api_server(),
    ):
        pass


@pytest.mark.parametrize(("body", "waits"), [('"3.9', True), (f'"{prefect.__version__}"', False)])
def test_an_answer_that_never_ends_is_a_user_error(body: str, waits: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "ANSWER_SECONDS", 0.3)
    with (
        answering(200, body, waits) as address,
        temporary_settings({PREFECT_API_URL: address}),
        pytest.raises(PipelineError, match="no whole answer within 0 s; restart that server"),
        api_server(),
    ):
        pass


def test_a_server_of_another_major_version_is_one_line() -> None:
    with (
        answering(200, '"2.20.1"') as address,
        temporary_settings({PREFECT_API_URL: address}),
        pytest.raises(PipelineError, match=r"that server has Prefect 2\.20\.1, and this project 3\."),
        api_server(),
    ):
        pass


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (".env", "PREFECT_API_URL=http://127.0.0.1:9/api\n"),
        ("prefect.toml", '[api]\nurl = "http://127.0.0.1:9/api"\n'),
        ("pyproject.toml", '[tool.prefect.api]\nurl = "http://127.0.0.1:9/api"\n'),
    ],
)
def test_the_file_that_sets_the_address_is_named(
    name: str, content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    (tmp_path / name).write_text(content)
    assert server._origin() == f" (set in {name})"


def test_the_profile_that_sets_the_address_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with use_profile(
        Profile(name="far", settings={PREFECT_API_URL: "http://127.0.0.1:9/api"}), override_environment_variables=True
    ):
        assert server._origin() == " (set in profile 'far': `prefect config unset PREFECT_API_URL`)"


def test_a_configured_server_that_does_not_answer_is_a_user_error() -> None:
    nowhere = {PREFECT_API_URL: "http://127.0.0.1:9/api", PREFECT_CLIENT_MAX_RETRIES: 0}
    message = (
        r"PREFECT_API_URL http://127.0.0.1:9/api.*: no Prefect server answers .*; run `uv run prefect server start`"
    )
    with temporary_settings(nowhere), pytest.raises(PipelineError, match=message), api_server():
        pass


def test_the_proxy_to_a_server_elsewhere_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    assert server._proxy("http://10.1.2.3:4200/api") == " (through ALL_PROXY)"
    assert server._proxy("http://127.0.0.1:4200/api") == ""
    monkeypatch.delenv("ALL_PROXY")
    assert server._proxy("http://10.1.2.3:4200/api") == ""


@pytest.mark.parametrize("host", ["xn--", ".", "a." * 200])
def test_an_address_that_no_server_can_have_is_a_user_error(host: str) -> None:
    with (
        temporary_settings({PREFECT_API_URL: f"http://{host}/api", PREFECT_CLIENT_MAX_RETRIES: 0}),
        pytest.raises(PipelineError, match="no Prefect server answers"),
        api_server(),
    ):
        pass


@pytest.mark.parametrize(
    ("url", "settings"),
    [
        ("http://127.0.0.1:4200/api", {}),
        ("http://host/a@b/api", {}),
        ("nonsense", {}),
        (
            "https://me:p%40ss@host/api",
            {"PREFECT_API_URL": "https://host/api", "PREFECT_API_AUTH_STRING": "me:p@ss"},
        ),
    ],
)
def test_a_password_in_an_address_moves_to_the_setting_nobody_prints(url: str, settings: dict[str, str]) -> None:
    assert server._password_apart(url) == settings


def test_the_page_of_a_run_shows_no_password() -> None:
    with temporary_settings({PREFECT_API_URL: "http://me:secret@127.0.0.1:4200/api"}):
        assert "secret" not in run_page(RUN)


TEMPORARY_SERVER = """
import os, sys
from uuid import UUID
import httpx
from prefect.utilities.urls import url_for
from flows import server
from tests.flows.test_temporary_server import FAST
server._SERVER = FAST
with server.api_server() as wait:
    wait()
    address = os.environ["PREFECT_API_URL"]
    assert server.server_address() == address
    assert url_for("flow-run", obj_id=UUID(int=1)) is None, "the server's links are dead when the run has ended"
    assert httpx.get(f"{address}/health").is_success
assert "PREFECT_API_URL" not in os.environ
assert server.server_address() is None
try:
    httpx.get(f"{address}/health")
except httpx.TransportError:
    print("ended")
"""


def test_without_configuration_a_server_is_started_for_the_block(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    done = subprocess.run(
        [sys.executable, "-c", TEMPORARY_SERVER],
        env=environment | {"PREFECT_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "ended\n", done.stderr


def test_the_page_of_a_run_is_on_the_configured_server() -> None:
    with temporary_settings({PREFECT_API_URL: "http://example.org:4200/api"}):
        assert run_page(RUN) == f"http://example.org:4200/runs/flow-run/{RUN}"
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        assert run_page(RUN) == f"`uv run prefect server start`, then http://127.0.0.1:4200/runs/flow-run/{RUN}"
