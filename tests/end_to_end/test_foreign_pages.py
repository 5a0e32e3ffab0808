"""Pages of other origins, opened in a browser on this machine, against the Prefect servers of this project.

The same attempts on a server with Prefect's defaults prove that they work where nothing stops them.
"""

import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
import tenacity
from playwright.sync_api import Browser, Page
from prefect.client.orchestration import get_client
from prefect.events import Event, Resource
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from flows.temporary_server import Server
from tests.browser import chromium
from tests.end_to_end.harness import PREFECT, ROOT, Process, environment, free_port, wait_until_up

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("foreign pages")]

SCRIPT = (Path(__file__).parent / "foreign_page.js").read_text(encoding="utf-8")
EVIL = "evil.example"  # Leads to this machine, as after a rebinding of its DNS entry.
READS = {"count", "version", "filter", "json", "untyped", "event_login", "event_out_login", "logs_login", "worker"}
REBOUND_READS = {"cookies", "opaque"}
WRITES = {f"evil-{name}" for name in ("json", "untyped", "opaque", "beacon", "events", "event_in", "event_login")}


@pytest.fixture(scope="module")
def rebound() -> Iterator[Browser]:
    """Chromium in which a foreign name leads to this machine."""
    with chromium(f"--host-resolver-rules=MAP {EVIL} 127.0.0.1") as browser:
        yield browser


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """Address of an empty page of another origin."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>Evil</title><body>")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://{EVIL}:{server.server_port}/"
        server.shutdown()


class Target:
    """A Prefect server that pages of other origins have attacked.

    Attributes:
        api: its API's address.
        password: of the server; no page knows it.
        reads: what each attempt of each page let it read; those that read nothing are left out.
        created: what the pages wrote.
    """

    def __init__(self, api: str, password: str | None, browser: Browser, site: str) -> None:
        self.api, self.password = api, password
        # The server's own address under the foreign name, whose pages are of that origin.
        rebinding = f"http://{EVIL}:{urlsplit(api).port}"
        attempts = {
            "foreign": attack(browser, site, api),
            "local": attack(browser, site.replace(EVIL, "127.0.0.1"), api),
            "rebinding": attack(browser, f"{rebinding}/api/health", f"{rebinding}/api"),
        }
        self.reads = {origin: outcome(page) for origin, page in attempts.items()}
        self.created = self._created()

    def _created(self) -> set[str]:
        """The server stores events in the order of arrival: those before an own one are all there."""
        own = Event(event=f"own-{uuid4()}", resource=Resource({"prefect.resource.id": "tests"}))
        patient = tenacity.Retrying(stop=tenacity.stop_after_delay(60), wait=tenacity.wait_fixed(0.05))
        with (
            temporary_settings({PREFECT_API_URL: self.api, PREFECT_API_AUTH_STRING: self.password}),
            get_client(sync_client=True) as client,
        ):
            client.request("POST", "/events", json=[own.model_dump(mode="json")])
            for attempt in patient:
                with attempt:
                    events = {event.event for event in client.read_events(limit=50).events}
                    assert own.event in events
            flows = {flow.name for flow in client.read_flows()}
        return {name for name in flows | events if name.startswith("evil")}


@contextlib.contextmanager
def prefect_server(home: Path, port: str) -> Iterator[str]:
    """`prefect server start` in a folder, whose `.env` it reads; gives the API's address."""
    process = Process(home, [PREFECT, "server", "start"], home, PREFECT_SERVER_API_PORT=port)
    api = f"http://127.0.0.1:{port}/api"
    try:
        wait_until_up(api)
        yield api
    finally:
        process.end()


@pytest.fixture(scope="module")
def unprotected(new_home: Callable[[], Path], rebound: Browser, site: str) -> Iterator[Target]:
    """A server with Prefect's defaults."""
    home, port = new_home(), str(free_port())
    with prefect_server(home, port) as api:
        yield Target(api, None, rebound, site)


@pytest.fixture(scope="module")
def secured(new_home: Callable[[], Path], rebound: Browser, site: str) -> Iterator[Target]:
    """A server that was protected as the README says, on another port."""
    home, port = new_home(), str(free_port())
    command = [sys.executable, ROOT / "flows" / "main.py", "doctor", "--secure"]
    subprocess.run(command, env=environment(home), cwd=home, check=True)
    file = home / ".env"
    file.write_text(file.read_text().replace("4200", port))
    values = dict(line.split("=", 1) for line in file.read_text().splitlines())
    with prefect_server(home, port) as api:
        assert api == values["PREFECT_API_URL"]
        yield Target(api, values["PREFECT_API_AUTH_STRING"], rebound, site)


@pytest.fixture(scope="module")
def temporary(new_home: Callable[[], Path], rebound: Browser, site: str) -> Iterator[Target]:
    """The server that a run starts for itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(new_home()))
        with Server() as server:
            server.wait_until_up()
            yield Target(server.url, server.password, rebound, site)


@pytest.fixture
def target(request: pytest.FixtureRequest) -> Target:
    """The server that the test names."""
    found: Target = request.getfixturevalue(request.param)
    return found


def attack(browser: Browser, page_address: str, api: str) -> Page:
    """A page that is at its attempts. They wait some seconds for answers: pages of several origins do so at once."""
    page = browser.new_page()
    page.goto(page_address)
    page.evaluate(f"api => {{ {SCRIPT}\nwindow.reads = attack(api) }}", api)
    return page


def outcome(page: Page) -> dict[str, str]:
    """What each attempt let the page read."""
    read = page.evaluate("window.reads")
    page.close()
    assert "untyped" in read
    return {name: content for name, content in read.items() if content is not None}


@pytest.mark.parametrize(("origin", "reads"), [("foreign", READS), ("rebinding", READS | REBOUND_READS)])
def test_the_attempts_work_where_nothing_stops_them(origin: str, reads: set[str], unprotected: Target) -> None:
    assert set(unprotected.reads[origin]) >= reads
    assert unprotected.created >= WRITES


@pytest.mark.parametrize("origin", ["foreign", "local", "rebinding"])
@pytest.mark.parametrize("target", ["secured", "temporary"], indirect=True)
def test_no_page_reads_or_writes(origin: str, target: Target) -> None:
    assert target.reads[origin] == {}
    assert target.created == set()


def test_a_rebinding_host_is_refused_by_the_server_of_a_run(temporary: Target) -> None:
    for path in ("/api/health", "/", "/ui-settings"):
        answer = httpx.get(f"{temporary.api.removesuffix('/api')}{path}", headers={"Host": EVIL})
        assert (answer.status_code, answer.text) == (400, "Invalid host header")
