"""What branches run on: the names that the settings know, and Prefect's task runners behind them.

A runner is added here alone. Slow imports stand in the functions that need them: the settings import this module.
"""

from collections.abc import Callable
from typing import Any, Literal, cast

from tasks.models.machine import available_cores
from tasks.results.errors import PipelineError

RunnerName = Literal["process", "thread", "dask", "ray"]
DESCRIPTION = "Where branches run: in processes or threads on this machine, or on a Dask or Ray cluster."
# A thread cannot be interrupted, so no time limit holds in it.
WITHOUT_TIME_LIMIT = ("thread",)


def task_runner(name: RunnerName, address: str | None, start_process: Callable[[], None]) -> Any:
    """Prefect's task runner of that name.

    Args:
        name: "process" and "thread" take as many branches at a time as this machine has cores.
        address: of a running cluster; without it, one is started on this machine.
        start_process: to be called in each new process of a pool.

    Raises:
        PipelineError: the runner's package is not installed.
    """
    cores = available_cores()
    if name == "thread":
        from prefect.task_runners import ThreadPoolTaskRunner

        return ThreadPoolTaskRunner(max_workers=cores)
    if name == "process":
        from prefect.task_runners import ProcessPoolTaskRunner

        return ProcessPoolTaskRunner(max_workers=cores, initializer=start_process)
    try:
        if name == "dask":
            from prefect_dask import DaskTaskRunner

            local = {"n_workers": cores, "threads_per_worker": 1}
            return DaskTaskRunner(address=address, cluster_kwargs=None if address else local)
        from prefect_ray import RayTaskRunner

        return cast(Any, RayTaskRunner(address=address))
    except ImportError as error:
        raise PipelineError(f"--runner {name}: {error.name} is not installed; run `uv sync --extra {name}`") from error
