"""A temporary Prefect server: a process on a free port that ends with its parent and is restarted if it dies.

This module does not import Prefect: the server starts while Prefect is being imported.
"""

import logging
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Self

from flows.environment import prefect_home, setting
from tasks.errors import PipelineError, shortened

START_SECONDS, STOP_SECONDS = 90.0, 2.0
MAX_STARTS, RESTART_SECONDS = 4, 2.0
MAX_ERRORS = 64 << 10  # Bytes of the server's error output that are looked at.
# What uvicorn and SQLAlchemy write below the error itself.
BELOW = ("Application startup failed", "(Background on this error", "[SQL:", "[parameters:")
# Services that only deployments need: a server for one run has no deployments, and each slows the start.
UNUSED_SERVICES = (
    "SCHEDULER",
    "LATE_RUNS",
    "FOREMAN",
    "PAUSE_EXPIRATIONS",
    "CANCELLATION_CLEANUP",
    "REPOSSESSOR",
    "CLEANUP_RECONCILER",
)
# The server exits when its standard input closes, which happens however the parent ends.
_SERVER = """
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
import uvicorn
from prefect.server.api.server import create_app
from starlette.middleware.trustedhost import TrustedHostMiddleware
app = TrustedHostMiddleware(create_app(), allowed_hosts=["127.0.0.1"])
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
"""


def prestart_server() -> "Server | None":
    """Start a server just before Prefect is imported, so that the two overlap; None if a server might be configured."""
    return None if _may_be_configured() else Server()


def _may_be_configured() -> bool:
    """Whether Prefect's settings may contain a server's address; a fast check without false negatives."""
    home = Path(os.environ.get("PREFECT_HOME") or Path.home() / ".prefect")
    variables = ("PREFECT_API_URL", "PREFECT_PROFILE", "PREFECT_PROFILES_PATH")
    mentions = {
        Path(".env"): "PREFECT_",
        Path("prefect.toml"): "",
        Path("pyproject.toml"): "[tool.prefect",
        home / "profiles.toml": "PREFECT_API_URL",
    }
    return any(name in os.environ for name in variables) or any(
        path.is_file() and text in path.read_text(encoding="utf-8", errors="replace") for path, text in mentions.items()
    )


# Why a server cannot use its database, by what its error output contains, and what to do.
FAULTS = {
    "Can't locate revision": "made by another version of Prefect; use that one, or set PREFECT_HOME to a new folder",
    "file is not a database": "not a database; move it away, or set PREFECT_HOME to a new folder",
    "disk image is malformed": "damaged; move it away, or set PREFECT_HOME to a new folder",
    "readonly database": "cannot be written; correct its permissions, or set PREFECT_HOME to a new folder",
    "unable to open database": "cannot be opened; correct its permissions, or set PREFECT_HOME to a new folder",
    "disk is full": "its disk is full; free some space, or set PREFECT_HOME to a folder on another disk",
    "database is locked": "in use by another process; end that one, or set PREFECT_HOME to a new folder",
}
# Another run's server, which migrates the same database, ends before a new start does.
LASTING = tuple(FAULTS)[:-1]
DATABASE_URLS = ("PREFECT_SERVER_DATABASE_CONNECTION_URL", "PREFECT_API_DATABASE_CONNECTION_URL")


def _explained(errors: str, outcome: str) -> str:
    """One line that says why a server did not start, from its error output."""
    fault = next((text for pattern, text in FAULTS.items() if pattern in errors), None)
    if fault:
        url = next((f"the database of {name}" for name in DATABASE_URLS if setting(name)), None)
        return f"{url or prefect_home() / 'prefect.db'}: {fault}"
    return f"The Prefect server {outcome} ({_last_line(errors)}); run `uv run prefect server start` to see why"


def _last_line(errors: str) -> str:
    lines = [line for line in errors.splitlines() if line.strip() and not any(text in line for text in BELOW)]
    return shortened(lines[-1].strip() if lines else "it wrote no error")


class Server:
    """A Prefect server at the address `url`; it runs from its creation to the end of a `with` block."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}/api"
        # Access to the API allows running code here, and pages in a browser can reach this machine's addresses.
        self.password = f"run:{secrets.token_urlsafe(24)}"
        self._starts = 1
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 -- closed by stop()
        self._done = threading.Event()
        self._watcher = threading.Thread(target=self._restart_when_dead, daemon=True, name="server-watch")
        self.process = self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the server."""
        self._done.set()
        if self._watcher.is_alive():
            self._watcher.join()
        with self.process:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self._errors.close()

    def wait_until_up(self) -> None:
        """Wait until the server answers; from then on it is restarted if it dies.

        Raises:
            PipelineError: the server exited, or did not answer in time.
        """
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self.process.poll() is not None:
                self._start_again()
            if time.monotonic() > deadline:
                raise PipelineError(_explained(self._errors_so_far(), f"did not answer within {START_SECONDS:.0f} s"))
            time.sleep(0.05)
        self._watcher.start()

    def _start_again(self) -> None:
        """Restart a server that exited at startup; another run's server may have been migrating the same database.

        Raises:
            PipelineError: the server cannot use its database, or has exited several times.
        """
        self._starts += 1
        errors = self._errors_so_far()
        if self._starts > MAX_STARTS or any(pattern in errors for pattern in LASTING):
            raise PipelineError(_explained(errors, "exited while starting"))
        time.sleep(RESTART_SECONDS)
        if self.process.stdin:
            self.process.stdin.close()
        self.process = self._start()

    def _errors_so_far(self) -> str:
        """The end of what the server wrote to its error output."""
        size = self._errors.seek(0, os.SEEK_END)
        start = max(0, size - MAX_ERRORS)
        return os.pread(self._errors.fileno(), MAX_ERRORS, start).decode(errors="replace")

    def _answers(self) -> bool:
        import httpx

        try:
            return httpx.get(f"{self.url}/health", timeout=5).is_success
        except httpx.TransportError:
            return False

    def _start(self) -> "subprocess.Popen[bytes]":
        environment = os.environ | {
            f"PREFECT_SERVER_SERVICES_{service}_ENABLED": "false" for service in UNUSED_SERVICES
        }
        environment |= {
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_API_PORT": str(self._port),
            "PREFECT_UI_API_URL": self.url,
            "PREFECT_SERVER_API_AUTH_STRING": self.password,
            "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
            "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://127.0.0.1:{self._port}",
        }
        return subprocess.Popen(  # noqa: S603 -- a constant and a number
            [sys.executable, "-c", _SERVER, str(self._port)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            start_new_session=True,  # Ctrl-C must reach only the run, which stops the server last.
        )

    def _restart_when_dead(self) -> None:
        """Restart a dead server. Nothing is lost: records are on disk, and Prefect's clients retry for 30 seconds."""
        while not self._done.wait(0.5):
            if self.process.poll() is not None:
                logging.getLogger("prefect").warning("The Prefect server died; restarting it")
                self.process.communicate()  # Closes the server's standard input.
                self.process = self._start()
