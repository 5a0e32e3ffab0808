"""A Prefect server of our own: one process on a free port, ended with its parent, started again if it dies."""

import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tasks.errors import PipelineError

START_SECONDS, STOP_SECONDS = 90.0, 2.0

# The server ends when this end of its input closes, however its parent ends.
_SERVER = """
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
import uvicorn
app, port = "prefect.server.api.server:create_app", int(sys.argv[1])
uvicorn.run(app, factory=True, host="127.0.0.1", port=port, log_level="error")
"""


class Server:
    """A Prefect server of ours: its address and its process."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.url = f"http://127.0.0.1:{port}/api"
        self.start()

    def start(self) -> None:
        """Start the process; it may take seconds until it answers."""
        environment = os.environ | {
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_API_PORT": str(self._port),
            "PREFECT_UI_API_URL": self.url,
            "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://127.0.0.1:{self._port}",
        }
        self.process = subprocess.Popen(  # noqa: S603 -- our own text and a number
            [sys.executable, "-c", _SERVER, str(self._port)],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the run, which ends the server last.
        )  # fmt: skip

    def stop(self) -> None:
        """End the process."""
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def start_server() -> Iterator[Server]:
    """Start a Prefect server on a free port, and end it after the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Server(port)
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def kept_up(server: Server) -> Iterator[None]:
    """Start the server again if it dies: its records are on disk, and Prefect's clients try for half a minute."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.5):
            if server.process.poll() is not None:
                logging.getLogger("prefect").warning("The Prefect server died; it is started again")
                server.start()

    watcher = threading.Thread(target=watch, daemon=True, name="server-watch")
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


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
