import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from flows import temporary_server as module
from flows.temporary_server import Server, prestart_server
from tasks.errors import PipelineError

# Answers as Prefect's server does, in a fraction of its start-up time.
FAST = """
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/api/health" else 404)
        self.end_headers()
HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that starts at once."""
    monkeypatch.setattr(module, "_SERVER", FAST)


def wait_until(condition: Callable[[], bool], seconds: float = 15) -> None:
    """Return as soon as the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def answers(server: Server) -> bool:
    """Whether the server answers."""
    try:
        return httpx.get(f"{server.url}/health").is_success
    except httpx.TransportError:
        return False


@pytest.mark.usefixtures("fast")
def test_the_server_lives_as_long_as_the_block() -> None:
    with Server() as server:
        server.wait_until_up()
        assert answers(server)
    assert not answers(server)
    assert server.process.poll() is not None


@pytest.mark.usefixtures("fast")
def test_a_server_that_dies_is_restarted_at_the_same_address() -> None:
    with Server() as server:
        server.wait_until_up()
        first = server.process.pid
        server.process.kill()
        wait_until(lambda: server.process.pid != first and answers(server))
    assert not answers(server)


@pytest.mark.usefixtures("fast")
def test_two_servers_do_not_share_a_port() -> None:
    with Server() as first, Server() as second:
        assert first.url != second.url


def exits(error: str) -> str:
    """The code of a server that exits with a line on its error output."""
    return f"raise SystemExit({error!r})"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        ("alembic: Can't locate revision identified by 'ffff'", "prefect.db: made by another version of Prefect"),
        ("sqlite3.DatabaseError: file is not a database", "prefect.db: not a database; move it away"),
        ("sqlite3.OperationalError: attempt to write a readonly database", "prefect.db: cannot be written"),
        ("sqlite3.OperationalError: database or disk is full", "prefect.db: its disk is full; free some space"),
    ],
)
def test_a_server_that_cannot_use_its_database_says_why_at_once(
    error: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SERVER", exits(f"{error}\nERROR: Application startup failed. Exiting."))
    monkeypatch.setattr(module, "RESTART_SECONDS", 60.0)
    with Server() as server, pytest.raises(PipelineError, match=line):
        server.wait_until_up()


@pytest.mark.parametrize(
    ("error", "line"),
    [
        ("sqlite3.OperationalError: database is locked", "prefect.db: in use by another process; end that one"),
        ("a reason of its own", r"exited while starting \(a reason of its own\); run `uv run prefect server start`"),
    ],
)
def test_another_server_that_exits_is_started_again_before_it_is_an_error(
    error: str, line: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    starts = tmp_path / "starts"
    count = f"open({str(starts)!r}, 'a').write('.')\n"
    monkeypatch.setattr(module, "_SERVER", count + exits(error))
    monkeypatch.setattr(module, "RESTART_SECONDS", 0.0)
    with Server() as server, pytest.raises(PipelineError, match=line):
        server.wait_until_up()
    assert starts.read_text() == "." * module.MAX_STARTS


def test_the_database_of_a_setting_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", "postgresql+asyncpg://me:secret@host/db")
    line = module._explained("Can't locate revision")
    assert line.startswith("the database of PREFECT_SERVER_DATABASE_CONNECTION_URL: made by another version")
    assert "secret" not in line


def test_a_server_that_does_not_answer_in_time_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SERVER", "input()")
    monkeypatch.setattr(module, "START_SECONDS", 0.2)
    with Server() as server, pytest.raises(PipelineError, match="did not answer within 0 s"):
        server.wait_until_up()


def test_a_server_that_waits_for_a_locked_database_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SERVER", "import sys; print('database is locked', file=sys.stderr); input()")
    monkeypatch.setattr(module, "START_SECONDS", 2.0)
    with Server() as server, pytest.raises(PipelineError, match=r"prefect\.db: in use by another process"):
        server.wait_until_up()


def test_a_server_that_ignores_the_request_to_end_is_killed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    script = "import pathlib, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    monkeypatch.setattr(module, "_SERVER", f"{script}pathlib.Path({str(ready)!r}).touch(); time.sleep(60)")
    monkeypatch.setattr(module, "STOP_SECONDS", 0.2)
    with Server() as server:
        wait_until(ready.exists)
    assert server.process.poll() == -9


@pytest.fixture
def orphan(tmp_path: Path) -> Iterator[psutil.Process]:
    """A real Prefect server whose parent was killed."""
    script = """
import time
from flows.temporary_server import Server
with Server() as server:
    print(server.process.pid, flush=True)
    time.sleep(60)
"""
    environment = os.environ | {"PREFECT_HOME": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout
        process = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    yield process
    if process.is_running():
        process.kill()


def test_a_server_ends_when_its_parent_is_killed(orphan: psutil.Process) -> None:
    wait_until(lambda: not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE)


@pytest.fixture
def nothing_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, and no settings of Prefect."""
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "home").mkdir()
    (tmp_path / "pyproject.toml").write_text("[tool.ruff]\n")
    return tmp_path


@pytest.mark.usefixtures("fast", "nothing_configured")
def test_a_server_starts_ahead_where_no_other_is_configured() -> None:
    ahead = prestart_server()
    assert ahead
    with ahead as server:
        server.wait_until_up()
        assert answers(server)
    assert not answers(server)


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize(
    ("name", "content"),
    [
        (".env", "PREFECT_API_URL=http://127.0.0.1:1/api"),
        ("prefect.toml", "[api]"),
        ("pyproject.toml", "[tool.prefect.api]"),
        ("home/profiles.toml", 'PREFECT_API_URL = "http://127.0.0.1:1/api"'),
    ],
)
def test_no_server_starts_ahead_where_a_file_may_name_one(nothing_configured: Path, name: str, content: str) -> None:
    (nothing_configured / name).write_text(content)
    assert prestart_server() is None


@pytest.mark.usefixtures("fast", "nothing_configured")
def test_no_server_starts_ahead_of_one_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    assert prestart_server() is None
