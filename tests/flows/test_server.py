import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from uuid import UUID

import pytest
from prefect import flow, task
from prefect.logging import handlers
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from flows import pool, server
from flows.pool import Stopped, branches_on, stopped_by_signals
from flows.server import api_server, run_page
from tasks.errors import DataError, PipelineError

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
from flows import pool, server
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


def test_branches_need_a_flow() -> None:
    with pytest.raises(RuntimeError, match="inside a flow"), branches_on("thread", None):
        pass


@pytest.mark.usefixtures("prefect_server")
def test_tasks_of_the_block_go_to_the_chosen_runner() -> None:
    @task
    def thread_name() -> str:
        return threading.current_thread().name

    @flow(name="runner", log_prints=False)
    def run() -> list[str]:
        with branches_on("thread", None):
            return [future.result() for future in [thread_name.submit() for _ in range(2)]]

    assert all(name != threading.main_thread().name for name in run())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_kills_the_branch_processes(number: signal.Signals) -> None:
    # A test run in the background of a shell inherits signals that are ignored, and those stay ignored.
    before = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
    inherited = signal.signal(number, before)
    branch = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,))
    branch.start()
    with pytest.raises(Stopped) as stopped, stopped_by_signals():
        signal.raise_signal(number)
    assert stopped.value.signal_number == number
    branch.join(10)
    assert branch.exitcode == -signal.SIGKILL
    assert signal.getsignal(number) == before
    signal.signal(number, inherited)


def record(message: str, error: BaseException | None = None) -> logging.LogRecord:
    """A line of the log."""
    info = (type(error), error, None) if error else None
    return logging.LogRecord("prefect", logging.ERROR, __file__, 1, message, (), info)


@pytest.mark.parametrize(
    ("message", "error", "is_logged"),
    [
        ("Encountered an exception", DataError("damaged"), False),
        ("Encountered an exception", ValueError("a bug"), True),
        ("Finished in state Failed('damaged')", None, False),
        ("Finished in state Completed()", None, True),
    ],
)
def test_only_errors_that_the_command_line_prints_are_left_out(
    message: str, error: Exception | None, is_logged: bool
) -> None:
    assert pool._is_no_user_error(record(message, error)) is is_logged


def exit_in_a_thread() -> None:
    """What a branch process does when Prefect gives up on its server."""
    pool._start_branch_process()
    threading.Thread(target=lambda: exit(3)).start()
    time.sleep(60)


def test_exit_in_a_thread_of_a_branch_process_ends_the_process() -> None:
    branch = multiprocessing.get_context("spawn").Process(target=exit_in_a_thread)
    branch.start()
    branch.join(60)
    exitcode = branch.exitcode
    branch.kill()
    assert exitcode == 3


def ignore_ctrl_c() -> None:
    """A branch process at Ctrl-C."""
    pool._start_branch_process()
    os.kill(os.getpid(), signal.SIGINT)
    os._exit(4)


def test_a_branch_process_leaves_ctrl_c_to_its_parent() -> None:
    branch = multiprocessing.get_context("spawn").Process(target=ignore_ctrl_c)
    branch.start()
    branch.join(60)
    assert branch.exitcode == 4


KILLED_WHILE_IT_LOGS = """
from concurrent.futures.process import BrokenProcessPool
from prefect import flow
from flows.pool import branches_on
from tests.flows.test_server import die_with_the_lock_of_the_log

@flow
def run():
    with branches_on("process", None):
        try:
            die_with_the_lock_of_the_log.submit().result()
        except BrokenProcessPool:
            print("noticed")

run()
"""


@task
def die_with_the_lock_of_the_log() -> None:
    """Be killed in the middle of a log line."""
    log = handlers._api_log_sink
    assert isinstance(log, partial)
    log.args[0]._wlock.acquire()
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.usefixtures("prefect_server")
def test_a_branch_killed_while_it_logs_does_not_keep_the_run_from_ending() -> None:
    environment = os.environ | {"PREFECT_API_URL": PREFECT_API_URL.value()}
    command = [sys.executable, "-c", KILLED_WHILE_IT_LOGS]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert run.stdout == "noticed\n", run.stderr
    assert run.returncode == 0
