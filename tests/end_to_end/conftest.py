"""What whole runs share: Prefect homes, the outputs of an undisturbed run, a server with the project's deployments."""

import contextlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import psutil
import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from tests.end_to_end.harness import PREFECT, ROOT, SMALL, Process, environment, serving, wait_until_gone
from tests.session import once


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
        often = {"PREFECT_WORKER_QUERY_SECONDS": "1"}  # Instead of every ten seconds.
        self.worker = Process(self.home, command, **self.settings, **often)
        self.worker.wait_for("Worker 'tests' started!")
        return self.worker


@pytest.fixture(scope="session")
def new_home(migrated_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Makes a Prefect home in which nothing was recorded yet, without the seconds that an empty database takes."""

    def copy() -> Path:
        return shutil.copytree(migrated_home, tmp_path_factory.mktemp("home") / "prefect")

    return copy


@pytest.fixture
def home(new_home: Callable[[], Path]) -> Path:
    """A Prefect home of the test's own."""
    return new_home()


@pytest.fixture(scope="session")
def undisturbed(new_home: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The outputs of a run that nothing happened to, for all of the session; copy what is to be changed."""

    def train(outputs: Path) -> None:
        run = Process.main(new_home(), *SMALL, "--outputs", outputs)
        assert run.wait() == 0, run.output

    return once(tmp_path_factory, "undisturbed", train)


@pytest.fixture
def prepared(undisturbed: Path, tmp_path: Path) -> Path:
    """Outputs in which the data of the undisturbed run are prepared, and nothing is trained."""
    for name in ("cache", "data"):
        shutil.copytree(undisturbed / name, tmp_path / "outputs" / name)
    return tmp_path / "outputs"


@pytest.fixture
def repeated(undisturbed: Path, tmp_path: Path) -> Path:
    """A copy of all outputs of the undisturbed run."""
    return shutil.copytree(undisturbed, tmp_path / "outputs", symlinks=True)


@pytest.fixture(scope="session")
def server(new_home: Callable[[], Path]) -> Iterator[Served]:
    """A Prefect server on a fresh home."""
    home = new_home()
    with serving(home) as (_, settings):
        yield Served(home, settings)


def set_up_deployments(server: Served) -> None:
    """Create the work pool and the deployments, as the README does."""
    pool = ["work-pool", "create", "--type", "process", "rnn"]
    for command in (pool, ["work-pool", "set-concurrency-limit", "rnn", "1"], ["deploy", "--all"]):
        done = server.prefect(*command)
        assert done.returncode == 0, done.stdout


@pytest.fixture(scope="session")
def deployed(server: Served) -> Iterator[Served]:
    """The server with pool, deployments and a worker, as the README sets them up."""
    set_up_deployments(server)
    server.start_worker()
    yield server
    assert server.worker
    server.worker.end()


class Orphan(NamedTuple):
    """A run of a deployment whose worker was killed: what it left, and those of its processes that did not end."""

    id: UUID
    outputs: Path
    left: list[psutil.Process]


@pytest.fixture(scope="session")
def orphan(deployed: Served, tmp_path_factory: pytest.TempPathFactory) -> Orphan:
    """A run whose worker was killed while it trained; another worker is up since."""
    outputs = tmp_path_factory.mktemp("orphan")
    data = {"source": "sample", "reviews": 600, "max_length": 120}
    settings = {"data": data, "training": {"epochs": 20}, "run": {"outputs": str(outputs)}}
    assert deployed.worker
    with deployed.client() as client:
        deployment = client.read_deployment_by_name("train/train")
        run = client.create_flow_run_from_deployment(deployment.id, parameters={"settings": settings})
    deployed.worker.wait_for_epoch(outputs, "lstm", 2)
    below = deployed.worker.children()
    deployed.worker.kill()
    left = wait_until_gone(below, 120)
    deployed.start_worker()
    return Orphan(run.id, outputs, left)
