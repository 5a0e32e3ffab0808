"""Where branches run (in processes, in threads or on a cluster)."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import forkserver
from typing import Any

from flows.branch_process import FORKS, BranchProcesses, branch_context, end_fork_server, surviving_hangup
from flows.settings import RunnerName, Settings
from tasks.data.own_texts.workers import using_executor
from tasks.deadline import within
from tasks.errors import PipelineError, shortened
from tasks.machine import available_cores
from tasks.models.spec import Cell
from tasks.storage.runs import last_command


@dataclass(frozen=True)
class Runner:
    """What runs the tasks of branches.

    Attributes:
        tasks: Prefect's task runner, entered.
        processes: where tasks in this process's threads do their steps; None if a task does its step itself.
    """

    tasks: Any
    processes: BranchProcesses | None


SCHEDULER_SECONDS = 10.0


@contextmanager
def branches_on(name: RunnerName, address: str | None) -> Iterator[Runner]:
    """Run branches within the block; if a signal ends it, they are killed.

    Args:
        name: "process" and "thread" run as many branches at a time as this machine has cores; "dask" uses a cluster.
        address: address of a running cluster; None starts one on this machine for the block.

    Raises:
        PipelineError: the runner's package is not installed.
    """
    runner = task_runner(name, address)
    if name != "process":
        with runner as entered:
            yield Runner(entered, None)
        return
    with BranchProcesses() as processes, runner as entered:
        try:
            yield Runner(entered, processes)
        except Exception:
            raise
        except BaseException:  # A signal. Without this, leaving the runner would wait for the branches to finish.
            processes.stop()
            end_fork_server()  # Nothing may wait for a process that it still has to start.
            raise


def task_runner(name: RunnerName, address: str | None) -> Any:
    """Prefect's task runner for branches that run where `name` says, as in `branches_on`.

    Raises:
        PipelineError: the runner's package is not installed, or no scheduler answers at the address.
    """
    cores = available_cores()
    if name != "dask":
        from prefect.task_runners import ThreadPoolTaskRunner

        return ThreadPoolTaskRunner(max_workers=cores)
    try:
        from prefect_dask import DaskTaskRunner
    except ImportError as error:
        raise PipelineError(f"--runner dask: {error.name} is not installed; run `uv sync --extra dask`") from error
    if address:
        _client(address).close()
        return DaskTaskRunner(address=address)
    # Prefect names the address of the cluster's page, also where there is no page.
    logging.getLogger("prefect.task_runner.dask").setLevel(logging.WARNING)
    return DaskTaskRunner(cluster_kwargs=own_cluster(cores))


def own_cluster(cores: int) -> dict[str, Any]:
    """How a Dask cluster starts on this machine.

    Whoever reaches a scheduler runs code on its workers: only we have the keys of this one, and it has no pages, which
    would show its log and its tasks to every page in a browser.
    """
    import dask

    dask.config.set({f"distributed.{part}.http.routes": [] for part in ("scheduler", "worker", "nanny")})
    return {
        "n_workers": cores,
        "threads_per_worker": 1,
        "host": "127.0.0.1",
        "protocol": "tls://",
        "security": True,
        "dashboard_address": "127.0.0.1:0",
        "scheduler_kwargs": {"dashboard": False},
    }


def preload_branches(settings: Settings) -> list[Cell]:
    """Start the fork server now if the run will train in separate processes; return the cells that it must compile.

    A run that repeats the last one reuses its networks and needs no such processes.
    """
    effective = settings.effective()
    repeats = not effective.run.fresh and last_command(effective.run.outputs) == effective.command()
    if not FORKS or effective.run.runner != "process" or repeats:
        return []
    cells = list(dict.fromkeys(spec.cell for spec in effective.specs() if not spec.dropout))
    os.environ["RECURRENT_CELLS"] = " ".join(cells)
    branch_context()
    with surviving_hangup():
        forkserver.ensure_running()
    from tasks.models.compiling import missing_loops

    return missing_loops(cells)


@contextmanager
def text_workers(runner: RunnerName, address: str | None) -> Iterator[None]:
    """Within the block, count and encode texts on a running Dask cluster; without one, in threads of this machine.

    The texts are sent to the workers, which need no shared folder.

    Raises:
        PipelineError: no scheduler answers at the address.
    """
    if runner != "dask" or address is None:
        yield
        return
    client = _client(address)
    with client, client.get_executor(pure=False) as executor, using_executor(executor, len(client.nthreads()) or 1):
        yield


def _client(address: str) -> Any:
    """A client of the Dask scheduler at an address.

    Raises:
        PipelineError: no scheduler answers there.
    """
    from distributed import Client

    try:
        return within(SCHEDULER_SECONDS, lambda: Client(address, set_as_default=False), "scheduler")
    except (OSError, ValueError, MemoryError) as error:  # Something else may answer with what reads as a huge size.
        raise PipelineError(
            f"--address {address}: no Dask scheduler answers ({shortened(error)}); start one, or check it"
        ) from None
