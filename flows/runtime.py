"""Where a run runs: which Prefect server it talks to, and the processes that its branches run in."""

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import httpx
from prefect.context import refresh_global_settings_context
from prefect.events.worker import EventsWorker
from prefect.futures import PrefectFuture
from prefect.logging.configuration import setup_logging
from prefect.logging.handlers import APILogWorker
from prefect.settings import PREFECT_API_URL
from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner

from tasks.errors import PipelineError
from tasks.machine import available_cores, end_with_parent

START_SECONDS = 90.0

# The server ends when this end of its input closes, however its parent ends.
_SERVER = """
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
import uvicorn
app, port = "prefect.server.api.server:create_app", int(sys.argv[1])
uvicorn.run(app, factory=True, host="127.0.0.1", port=port, log_level="error")
"""


@contextmanager
def api_server() -> Iterator[str]:
    """The address of the Prefect server to use: the configured one, or one that lives as long as the block.

    One server serves the run and all its processes; left alone, Prefect would start one in each process. What a
    temporary server records is in the database of `prefect server start`, which shows it later.

    Raises:
        PipelineError: the configured server does not answer, or none could be started.
    """
    configured = PREFECT_API_URL.value()
    if configured:
        _check(configured)
        yield configured
        return
    with start_server() as server:
        wait_until_up(server)
        with _environment(PREFECT_API_URL=server.url):
            try:
                yield server.url
            finally:
                # What is still on its way to the server must arrive before the server ends.
                APILogWorker.drain_all(timeout=10)
                EventsWorker.drain_all(timeout=10)


class Server:
    """A Prefect server of ours: its address and its process."""

    def __init__(self, url: str, process: "subprocess.Popen[bytes]") -> None:
        self.url = url
        self.process = process


@contextmanager
def start_server() -> Iterator[Server]:
    """Start a Prefect server on a free port, and end it after the block. It may take seconds until it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}/api"
    environment = os.environ | {
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_UI_API_URL": url,
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://127.0.0.1:{port}",
    }
    process = subprocess.Popen(  # noqa: S603 -- our own text and a number
        [sys.executable, "-c", _SERVER, str(port)],
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for the run, which ends the server last.
    )  # fmt: skip
    try:
        yield Server(url, process)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_up(server: Server) -> None:
    """Return when the server answers.

    Raises:
        PipelineError: it ended, or did not answer in time.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            raise PipelineError("The Prefect server ended at once; run `prefect server start` to see why")
        try:
            if httpx.get(f"{server.url}/health", timeout=5).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise PipelineError(
        f"The Prefect server did not answer within {START_SECONDS:.0f} s; run `prefect server start` to see why"
    )


def _check(url: str) -> None:
    try:
        httpx.get(f"{url}/health", timeout=10).raise_for_status()
    except httpx.HTTPError as error:
        raise PipelineError(
            f"PREFECT_API_URL {url}: no Prefect server answers there ({error}); run `prefect server start`, or "
            "unset PREFECT_API_URL to let the run start its own"
        ) from error


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Set environment variables for this process and its children, and let Prefect read its settings again."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    refresh_global_settings_context()
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        refresh_global_settings_context()


def branch_runner() -> TaskRunner[PrefectFuture[Any]]:
    """Processes for the branches, one for each processor at most."""
    runner: Any = ProcessPoolTaskRunner(max_workers=available_cores(), initializer=_start_branch_process)
    return cast(TaskRunner[PrefectFuture[Any]], runner)


def say_errors_once() -> None:
    """Leave faults that the user can mend to the command line's one line; the UI's log keeps them all."""
    setup_logging()
    for handler in logging.getLogger().handlers:
        handler.addFilter(_not_said_elsewhere)


def _not_said_elsewhere(record: logging.LogRecord) -> bool:
    fault = record.exc_info[1] if record.exc_info else None
    return not isinstance(fault, PipelineError) and not record.getMessage().startswith("Finished in state Failed")


def _start_branch_process() -> None:
    """The terminal's Ctrl-C is the parent's to handle; a parent that dies takes its branches along."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    say_errors_once()
    if sys.stderr.isatty():
        # The terminal belongs to the parent's bars; the UI's log gets every line.
        for handler in logging.getLogger().handlers:
            handler.setLevel(logging.WARNING)
