"""Branches on a Dask cluster: a scheduler and two worker processes on this machine."""

import contextlib
import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tasks.fetch import fetch
from tasks.prepare import prepare
from tasks.results.data import TextData
from tests.end_to_end.harness import EPOCHS, PREFECT, SMALL, Process, metrics
from tests.tasks.data.own_texts.forms import reviews, write

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cluster")]

BIN = PREFECT.parent


@dataclass
class Cluster:
    """A scheduler's address and its two workers."""

    address: str
    workers: list[Process]


@pytest.fixture(scope="module")
def cluster(new_home: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A Dask cluster of two workers; the last test kills one."""
    if importlib.util.find_spec("prefect_dask") is None:
        pytest.skip("prefect-dask is not installed: `uv sync --extra dask`")
    home, local = new_home(), {"DASK_DISTRIBUTED__WORKER__MEMORY__TERMINATE": "False"}
    with contextlib.ExitStack() as stack:

        def start(*command: str) -> Process:
            process = Process(home, [BIN / "dask", *command], **local)
            stack.callback(process.end)
            return process

        scheduler = start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        scheduler.wait_for("Scheduler at:")
        address = next(line for line in scheduler.lines if "Scheduler at:" in line).split()[-1]
        place = str(tmp_path_factory.mktemp("dask"))
        quiet = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", place)
        workers = [start("worker", address, *quiet) for _ in range(2)]
        for worker in workers:
            worker.wait_for("Registered to:")
        yield Cluster(address, workers)


def test_the_workers_count_and_encode_own_texts(cluster: Cluster, home: Path, tmp_path: Path) -> None:
    from distributed import Client

    path = write(tmp_path, ".csv", reviews(300))
    small = ("--models", "simple_rnn", "--epochs", "1", "--max-length", "12", "--vocabulary-size", "30")
    run = Process.main(
        home, *small, "--data", path, "--runner", "dask", "--address", cluster.address, "--outputs",
        tmp_path / "outputs",
    )  # fmt: skip
    assert run.wait() == 0, run.output
    assert "Traceback" not in run.output
    with Client(cluster.address) as client:
        names = client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.task_prefixes))
    assert {"count", "encode"} <= set(names)
    expected = prepare(fetch(TextData((path,)), "auto", tmp_path / "cache"), 30, 12, None, tmp_path / "data")
    found = tmp_path / "outputs" / "data" / expected.fingerprint / "train.parquet"
    assert found.read_bytes() == expected.train.path.read_bytes()


def test_all_branches_finish_though_a_worker_is_killed(cluster: Cluster, home: Path, prepared: Path) -> None:
    on_dask = ("--runner", "dask", "--address", cluster.address, "--models", "lstm", "--replicates", "3")
    already = [len(worker.lines) for worker in cluster.workers]
    run = Process.main(home, *SMALL, *on_dask, "--outputs", prepared)
    for worker, lines in zip(cluster.workers, already, strict=True):
        worker.wait_for("trained by compiled loops", after=lines)
    cluster.workers[1].kill()
    assert run.wait() == 0, run.output
    branches = metrics(prepared)["branches"]
    assert sorted((branch["name"], branch["seed"]) for branch in branches) == [("lstm", seed) for seed in (1, 2, 3)]
    assert all(len(branch["history"]) == EPOCHS for branch in branches)
    assert "Traceback" not in run.output
