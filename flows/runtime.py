"""Where a run runs: which Prefect server it talks to, and the processes that its branches run in."""

import builtins
import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext, refresh_global_settings_context
from prefect.events.worker import EventsWorker
from prefect.exceptions import PrefectHTTPStatusError
from prefect.logging.configuration import setup_logging
from prefect.logging.handlers import APILogWorker
from prefect.settings import PREFECT_API_URL
from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner, ThreadPoolTaskRunner
from prefect.utilities.urls import url_for

from flows.config import RunnerName
from flows.server import Server
from tasks.models.machine import available_cores, end_with_parent, quick_exit
from tasks.results.errors import PipelineError, one_line


@contextmanager
def api_server() -> Iterator[Callable[[], None]]:
    """Use the configured Prefect server, or one that lives as long as the block; call what it gives to wait for it.

    One server serves the run and all its processes; left alone, Prefect would start one in each process. What a
    temporary server records is in the database of `prefect server start`, which shows it later.

    Raises:
        PipelineError: the configured server does not answer, or none could be started.
    """
    configured = PREFECT_API_URL.value()
    if configured:
        _check(configured)
        yield lambda: None
        return
    with Server() as server, _environment(PREFECT_API_URL=server.url):
        try:
            yield server.wait_until_up
        finally:
            # What is still on its way to the server must arrive before the server ends.
            APILogWorker.drain_all(timeout=10)
            EventsWorker.drain_all(timeout=10)


def server_address() -> str | None:
    """The API address of the configured server, None if there is none."""
    return cast(str | None, PREFECT_API_URL.value())


def run_page(run: UUID | None) -> str:
    """Where the UI shows a run, after `api_server` has ended."""
    if PREFECT_API_URL.value():
        return url_for("flow-run", obj_id=run) or str(run)
    return f"`prefect server start`, then http://127.0.0.1:4200/runs/flow-run/{run}"


def _check(url: str) -> None:
    try:
        server_version()
    except PrefectHTTPStatusError as error:
        raise PipelineError(
            f"PREFECT_API_URL {url}: the server refuses us ({error.response.status_code}); set PREFECT_API_AUTH_STRING "
            "to what its PREFECT_SERVER_API_AUTH_STRING is"
        ) from error
    except httpx.HTTPError as error:
        raise PipelineError(
            f"PREFECT_API_URL {url}: no Prefect server answers there ({error}); run `prefect server start`, or "
            "unset PREFECT_API_URL to let the run start its own"
        ) from error


def server_version() -> str:
    """The release of Prefect that the configured server runs."""
    with get_client(sync_client=True) as client:
        return client.api_version()


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


@contextmanager
def branches_on(runner: RunnerName, address: str | None) -> Iterator[None]:
    """Inside the block tasks are submitted to the chosen runner.

    Args:
        runner: "process": a process for each branch at a time, "thread", or a Dask or Ray cluster.
        address: of a cluster that is up; without it, a cluster on this machine that lives as long as the block.

    Raises:
        PipelineError: the runner's package is not installed.
    """
    context = FlowRunContext.get()
    if context is None:
        raise RuntimeError("branches run inside a flow")
    with _runner(runner, address) as entered, context.model_copy(update={"task_runner": entered}):
        try:
            yield
        except Exception:
            raise
        except BaseException:  # A signal. Without this, leaving the runner would wait for the branches to finish.
            end_branch_processes()
            raise


def pool_is_broken() -> bool:
    """Whether the tasks run in a process pool that can no longer hand out results."""
    context = FlowRunContext.get()
    executor = getattr(context.task_runner if context else None, "_executor", None)
    manager = getattr(executor, "_executor_manager_thread", None)
    return isinstance(manager, threading.Thread) and not manager.is_alive()


def end_branch_processes() -> None:
    """Kill the processes that branches run in."""
    for child in multiprocessing.active_children():
        child.kill()


def _runner(name: RunnerName, address: str | None) -> TaskRunner[Any]:
    cores = available_cores()
    if name == "thread":
        return cast(TaskRunner[Any], ThreadPoolTaskRunner(max_workers=cores))
    if name == "process":
        pool: Any = ProcessPoolTaskRunner(max_workers=cores, initializer=_start_branch_process)
        return cast(TaskRunner[Any], pool)
    try:
        if name == "dask":
            from prefect_dask import DaskTaskRunner

            local = {"n_workers": cores, "threads_per_worker": 1}
            return cast(TaskRunner[Any], DaskTaskRunner(address=address, cluster_kwargs=None if address else local))
        from prefect_ray import RayTaskRunner

        return cast(TaskRunner[Any], RayTaskRunner(address=address))
    except ImportError as error:
        raise PipelineError(f"--runner {name}: {error.name} is not installed; run `uv sync --extra {name}`") from error


@contextmanager
def ended_by_ctrl_c() -> Iterator[None]:
    """Ctrl-C inside the block ends the branch processes, which ignore it themselves, and raises KeyboardInterrupt."""

    def end(*_: object) -> None:
        end_branch_processes()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def say_errors_once() -> None:
    """Leave faults that the user can mend to the command line's one line; the UI's log keeps them all."""
    setup_logging()
    for handler in logging.getLogger().handlers:
        handler.addFilter(_not_said_elsewhere)


def _not_said_elsewhere(record: logging.LogRecord) -> bool:
    fault = record.exc_info[1] if record.exc_info else None
    return one_line(fault) is None and not record.getMessage().startswith("Finished in state Failed")


def _start_branch_process() -> None:
    """The terminal's Ctrl-C is the parent's to handle; a parent that dies takes its branches along."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    quick_exit()
    # Prefect leaves a task whose server does not answer by `exit`. In a pool's process that would stop the thread that
    # hands out the pool's results, and the run would wait for ever; the end of a process the run notices.
    builtins.exit = os._exit  # type: ignore[assignment]
    say_errors_once()
    if sys.stderr.isatty():
        # The terminal belongs to the parent's bars; the UI's log gets every line.
        for handler in logging.getLogger().handlers:
            handler.setLevel(logging.WARNING)
