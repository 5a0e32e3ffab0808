"""Where branches run (in processes, in threads or on a cluster), and how they end."""

import builtins
import contextlib
import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import forkserver
from multiprocessing.context import BaseContext
from typing import Any, cast

import psutil
from prefect.context import FlowRunContext
from prefect.logging.configuration import setup_logging

from flows.environment import ignore_closed_output, quick_exit
from flows.settings import RunnerName, Settings
from tasks.data.own_texts.workers import using_executor
from tasks.errors import PipelineError, one_line
from tasks.machine import available_cores
from tasks.storage.runs import last_command


def task_runner(name: RunnerName, address: str | None, start_process: Callable[[], None]) -> Any:
    """Prefect's task runner of the given name.

    Args:
        name: "process" and "thread" run as many branches at a time as this machine has cores.
        address: address of a running cluster; None starts one on this machine.
        start_process: called in each new process of a pool.

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


FORKS = sys.platform == "linux"


def branch_context() -> BaseContext:
    """How branch processes are started."""
    if not FORKS:
        return multiprocessing.get_context("spawn")
    multiprocessing.set_forkserver_preload(["flows.branch_imports"])
    return multiprocessing.get_context("forkserver")


def preload_branches(settings: Settings) -> None:
    """Start the fork server now if the run will train in separate processes.

    A run that repeats the last one reuses its networks and needs no such processes.
    """
    effective = settings.with_smoke_applied()
    repeats = not effective.run.fresh and last_command(effective.run.outputs) == effective.command()
    if FORKS and effective.run.runner == "process" and not repeats:
        branch_context()
        forkserver.ensure_running()


def end_fork_server() -> None:
    """Kill the fork server: while it imports modules, it does not notice that the run has ended."""
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if "multiprocessing.forkserver" in " ".join(child.cmdline()):
                child.kill()


def end_with_parent() -> None:
    """End this process when its parent exits, so that a killed run leaves no process behind.

    Raises:
        RuntimeError: multiprocessing did not start this process.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        raise RuntimeError("only a process started by multiprocessing has a parent to end with")

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="end-with-parent").start()


STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def branches_on(runner: RunnerName, address: str | None) -> Iterator[None]:
    """Submit the tasks in the block to the given runner.

    Args:
        runner: "process" or "thread" for one task per core of this machine, "dask" or "ray" for a cluster.
        address: address of a running cluster; None starts one on this machine for the block.

    Raises:
        PipelineError: the runner's package is not installed.
    """
    context = FlowRunContext.get()
    if context is None:
        raise RuntimeError("branches run inside a flow")
    with (
        task_runner(runner, address, _start_branch_process) as entered,
        context.model_copy(update={"task_runner": entered}),
    ):
        if runner == "process":
            entered._executor._mp_context = branch_context()  # Prefect has no option for this.
            # A branch that was killed while writing a log line never releases the lock of the log queue, and this
            # process would wait for that lock forever when it exits.
            entered._subprocess_message_queue.cancel_join_thread()
        try:
            yield
        except Exception:
            raise
        except BaseException:  # A signal. Without this, leaving the runner would wait for the branches to finish.
            end_branch_processes()
            raise


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
    from distributed import Client

    try:
        client = Client(address, set_as_default=False)
    except OSError as error:
        raise PipelineError(
            f"--address {address}: no Dask scheduler answers ({error}); start one, or check it"
        ) from None
    with client, client.get_executor(pure=False) as executor, using_executor(executor, len(client.nthreads()) or 1):
        yield


def pool_is_broken() -> bool:
    """Whether the tasks run in a process pool that can no longer return results."""
    context = FlowRunContext.get()
    executor = getattr(context.task_runner if context else None, "_executor", None)
    manager = getattr(executor, "_executor_manager_thread", None)
    return isinstance(manager, threading.Thread) and not manager.is_alive()


def end_branch_processes() -> None:
    """Kill the branch processes and the fork server."""
    for child in multiprocessing.active_children():
        child.kill()
    end_fork_server()


class Stopped(KeyboardInterrupt):
    """A signal stopped the run, as Ctrl-C does."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal.Signals(signal_number).name)
        self.signal_number = signal_number


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Within the block, SIGINT (Ctrl-C), SIGTERM and SIGHUP kill the branch processes and raise `Stopped`.

    Branch processes ignore Ctrl-C. A signal that was already ignored, as under `nohup`, stays ignored.
    """

    def stop(signal_number: int, _: object) -> None:
        end_branch_processes()
        raise Stopped(signal_number)

    before = {number: signal.getsignal(number) for number in STOPPING}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def report_user_errors_once() -> None:
    """Leave errors that the user can fix to the command line, which prints a line for each; the UI shows them, too."""
    setup_logging()
    for handler in logging.getLogger().handlers:
        handler.addFilter(_is_no_user_error)


def _is_no_user_error(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return one_line(error) is None and not record.getMessage().startswith("Finished in state Failed")


def _start_branch_process() -> None:
    """Leave Ctrl-C to the parent, and exit when the parent exits."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    ignore_closed_output()
    quick_exit()
    # When its server does not answer, Prefect calls `exit` in the task. In a pool's process, that would end only the
    # thread that returns results, and the run would wait forever; it does notice when the whole process exits.
    builtins.exit = os._exit  # type: ignore[assignment]
    report_user_errors_once()
    if sys.stderr.isatty():
        # The parent draws progress bars in this terminal; the UI still gets every log line.
        for handler in logging.getLogger().handlers:
            handler.setLevel(logging.WARNING)
