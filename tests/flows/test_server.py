import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from uuid import UUID

import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from flows import server
from flows.server import api_server, run_page
from tasks.errors import PipelineError

RUN = UUID("8a1f2c34-0000-4000-8000-000000000000")


@pytest.fixture
def locked_server() -> Iterator[str]:
    """The address of a server that refuses everybody."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/api"
        server.shutdown()


def test_a_configured_server_that_refuses_access_is_a_user_error(locked_server: str) -> None:
    message = r"the server refused access \(401\); set PREFECT_API_AUTH_STRING"
    with (
        temporary_settings({PREFECT_API_URL: locked_server}),
        pytest.raises(PipelineError, match=message),
        api_server(),
    ):
        pass


def test_a_configured_server_that_does_not_answer_is_a_user_error() -> None:
    nowhere = {PREFECT_API_URL: "http://127.0.0.1:9/api", PREFECT_CLIENT_MAX_RETRIES: 0}
    message = r"PREFECT_API_URL http://127.0.0.1:9/api: no Prefect server answers .*; run `uv run prefect server start`"
    with temporary_settings(nowhere), pytest.raises(PipelineError, match=message), api_server():
        pass


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
