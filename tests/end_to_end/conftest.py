"""A real Prefect server with a work pool, the project's deployments and a worker: one for all tests that need it."""

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from tests.end_to_end.harness import PREFECT, ROOT, Process, environment, serving


@dataclass
class Served:
    """The server and what runs beside it."""

    home: Path
    settings: dict[str, str]
    worker: Process | None = None

    @property
    def page(self) -> str:
        """Address of the UI."""
        return self.settings["PREFECT_API_URL"].removesuffix("/api")

    def prefect(self, *arguments: str, seconds: float = 240) -> "subprocess.CompletedProcess[str]":
        """The outcome of a `prefect` command."""
        return subprocess.run(
            [PREFECT, "--no-prompt", *arguments], env=environment(self.home, **self.settings), cwd=ROOT,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds,
        )  # fmt: skip

    @contextlib.contextmanager
    def client(self) -> Iterator[SyncPrefectClient]:
        """Prefect's client for this server; it asks again where the server is busy."""
        with (
            temporary_settings({PREFECT_API_URL: self.settings["PREFECT_API_URL"]}),
            get_client(sync_client=True) as client,
        ):
            yield client

    def start_worker(self) -> Process:
        """A worker for the deployments' pool, when it has said that it is up."""
        command = [PREFECT, "worker", "start", "--pool", "rnn", "--name", "tests"]
        self.worker = Process(self.home, command, **self.settings)
        self.worker.wait_for("Worker 'tests' started!")
        return self.worker


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Prefect home of the session's own."""
    return tmp_path_factory.mktemp("prefect")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A Prefect server on a fresh home."""
    home = tmp_path_factory.mktemp("prefect")
    with serving(home) as (_, settings):
        yield Served(home, settings)


@pytest.fixture(scope="session")
def deployed(server: Served) -> Iterator[Served]:
    """The server with pool, deployments and a worker, as the README sets them up."""
    pool = ["work-pool", "create", "--type", "process", "rnn"]
    for command in (pool, ["work-pool", "set-concurrency-limit", "rnn", "1"], ["deploy", "--all"]):
        done = server.prefect(*command)
        assert done.returncode == 0, done.stdout
    server.start_worker()
    yield server
    assert server.worker
    server.worker.end()
