"""What the end-to-end tests share: the command line in a process of its own, watched and killed."""

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import httpx
import psutil
import tenacity

PREFECT = Path(sys.executable).parent / "prefect"
ROOT = Path(__file__).parent.parent.parent
# An epoch of the LSTM takes a sixth of a second, so that ten of them leave time to be killed in.
EPOCHS = 10
SMALL = ("--source", "sample", "--reviews", "600", "--max-length", "120", "--epochs", str(EPOCHS))
LONG = (*SMALL[:-1], "500")

# The command line of the process that branches are forked from, and of its copies.
FORK_SERVER = "multiprocessing.forkserver"


def environment(home: Path, **more: str) -> dict[str, str]:
    """The surroundings of a user who set nothing, with a Prefect home of the test's own."""
    # Without byte code, each of the many processes would compile what it imports.
    foreign = ("PREFECT_", "RNN_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    quiet = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1", "PYTHONUNBUFFERED": "1"}
    return kept | quiet | {"PREFECT_HOME": str(home)} | more


def run(home: Path, *arguments: "str | Path", timeout: float = 240) -> "subprocess.CompletedProcess[str]":
    """`python flows/main.py` with the given arguments, when it has ended."""
    return subprocess.run(
        [sys.executable, ROOT / "flows" / "main.py", *arguments],
        env=environment(home), capture_output=True, text=True, timeout=timeout, cwd=ROOT,
    )  # fmt: skip


def _heed_signals() -> None:
    """Undo what tests that run in the background inherit: a shell lets them ignore Ctrl-C, `nohup` SIGHUP."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Process:
    """A command in a process of its own, whose output can be waited for."""

    def __init__(self, home: Path, command: "list[str | Path]", folder: Path = ROOT, **more: str) -> None:
        self._popen = subprocess.Popen(
            command, env=environment(home, **more), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, start_new_session=True, preexec_fn=_heed_signals,
        )  # fmt: skip
        self.pid, self.lines = self._popen.pid, list[str]()
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @classmethod
    def main(cls, home: Path, *arguments: "str | Path", **more: str) -> Self:
        """`python flows/main.py` with the given arguments."""
        return cls(home, [sys.executable, ROOT / "flows" / "main.py", *arguments], **more)

    def _read(self) -> None:
        assert self._popen.stdout
        with self._popen.stdout:
            for line in self._popen.stdout:
                with self._news:
                    self.lines.append(line)
                    self._news.notify_all()
        with self._news:
            self._news.notify_all()

    @property
    def output(self) -> str:
        """Everything that it wrote so far."""
        return "".join(self.lines)

    def wait_for(self, text: str, seconds: float = 120, after: int = 0) -> None:
        """Return when `text` was written below line `after`; fail if it ended or the time is over without it."""

        def written() -> bool:
            return any(text in line for line in self.lines[after:])

        with self._news:
            self._news.wait_for(lambda: written() or not self._reader.is_alive(), seconds)
        assert written(), f"{text!r} expected in:\n{self.output}"

    def wait_for_epoch(self, outputs: Path, name: str, epoch: int, seconds: float = 120) -> None:
        """Wait until a network has finished an epoch; the journal shows that earlier than the output does."""
        event, deadline = f'"event": "epoch", "epoch": {epoch},', time.monotonic() + seconds
        while not any(event in path.read_text() for path in outputs.glob(f"models/{name}-*/progress.jsonl")):
            assert self._reader.is_alive(), f"{name}'s epoch {epoch} expected of:\n{self.output}"
            assert time.monotonic() < deadline, f"{name}'s epoch {epoch} expected of:\n{self.output}"
            time.sleep(0.01)

    def wait(self, seconds: float = 240) -> int:
        """Its exit status."""
        status = self._popen.wait(seconds)
        self._reader.join(10)
        return status

    def interrupt(self) -> None:
        """What Ctrl-C does in a terminal: SIGINT to the whole group."""
        os.killpg(self.pid, signal.SIGINT)

    def children(self) -> list[psutil.Process]:
        """All processes below it."""
        try:
            return psutil.Process(self.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def servers(self) -> list[psutil.Process]:
        """The Prefect server that it started, if it is there yet."""
        return self._running("create_app")

    def fork_servers(self) -> list[psutil.Process]:
        """The process that its branches are forked from, if it is there yet."""
        return [process for process in self._running(FORK_SERVER) if process.ppid() == self.pid]

    def branches(self) -> list[psutil.Process]:
        """The processes that its branches run in."""
        servers = {process.pid for process in self._running(FORK_SERVER)}
        return [process for process in self._running(FORK_SERVER) if process.ppid() in servers]

    @tenacity.retry(
        stop=tenacity.stop_after_delay(60),
        wait=tenacity.wait_fixed(0.02),
        retry=tenacity.retry_if_result(lambda found: not found),
    )
    def first_branches(self) -> list[psutil.Process]:
        """The processes of branches, as soon as there is one."""
        return self.branches()

    def _running(self, command: str) -> list[psutil.Process]:
        found = []
        for child in self.children():
            with contextlib.suppress(psutil.Error):
                if command in " ".join(child.cmdline()):
                    found.append(child)
        return found

    def kill(self) -> None:
        """`kill -9` of this process alone; its children have to notice by themselves."""
        self._popen.kill()
        self._popen.wait(30)

    def end(self) -> None:
        """End it and everything below it."""
        below = self.children()
        self._popen.terminate()
        try:
            self._popen.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
        for child in psutil.wait_procs(below, 5)[1]:
            child.kill()
        self._reader.join(10)


def wait_until_gone(processes: list[psutil.Process], seconds: float = 10) -> list[psutil.Process]:
    """Those that still run after `seconds`. An ended one may wait forever to be reaped, in a container say."""

    def runs(process: psutil.Process) -> bool:
        with contextlib.suppress(psutil.NoSuchProcess):
            return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        return False

    deadline = time.monotonic() + seconds
    while (alive := [process for process in processes if runs(process)]) and time.monotonic() < deadline:
        psutil.wait_procs(alive, 0.1)
    return alive


def metrics(outputs: Path) -> dict[str, Any]:
    """`metrics.json` of the newest run."""
    found: dict[str, Any] = json.loads((outputs / "latest" / "metrics.json").read_text())
    return found


def outcome(outputs: Path) -> dict[str, Any]:
    """What of the newest run must not depend on how often it was interrupted: curves, scores, predictions."""
    found = metrics(outputs)
    curves = {
        f"{branch['name']} {branch['seed']}": [
            [epoch[name] for name in ("epoch", "loss", "accuracy", "val_loss", "val_accuracy")]
            for epoch in branch["history"]
        ]
        for branch in found["branches"]
    }
    scores = {f"{e['name']} {e['seed']}": [e["last"], e["best"], e["sha256"]] for e in found["evaluations"]}
    return {"curves": curves, "scores": scores}


def recorded(home: Path, query: str) -> list[Any]:
    """The rows of a query to the database of a Prefect home; of a single column, its values."""
    with contextlib.closing(sqlite3.connect(f"file:{home / 'prefect.db'}?mode=ro", uri=True)) as database:
        rows = database.execute(query).fetchall()
    return [row[0] if len(row) == 1 else row for row in rows]


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def wait_until_up(api: str) -> None:
    """Return as soon as a Prefect server answers."""
    patient = tenacity.retry(stop=tenacity.stop_after_delay(90), wait=tenacity.wait_fixed(0.2))
    patient(httpx.get)(f"{api}/health")


@contextlib.contextmanager
def serving(home: Path, **more: str) -> Iterator[tuple[Process, dict[str, str]]]:
    """A server of its own, and the environment of everything that talks to it."""
    port = free_port()
    page = f"http://127.0.0.1:{port}"
    # As under systemd: programs are started by their paths, and no virtual environment is activated.
    path = os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if Path(part) != PREFECT.parent)
    settings = {"PREFECT_API_URL": f"{page}/api", "PREFECT_SERVER_API_PORT": str(port), "PATH": path}
    origin = {"PREFECT_SERVER_CORS_ALLOWED_ORIGINS": page}
    process = Process(home, [PREFECT, "server", "start"], **settings, **origin, **more)
    wait_until_up(f"{page}/api")
    try:
        yield process, settings
    finally:
        process.end()
