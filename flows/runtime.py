"""Where a run executes: its Prefect server, and the processes, threads or cluster of its branches."""

import builtins
import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast
from urllib.parse import unquote
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext, refresh_global_settings_context
from prefect.events.worker import EventsWorker
from prefect.exceptions import PrefectHTTPStatusError
from prefect.logging.configuration import setup_logging
from prefect.logging.handlers import APILogWorker
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL
from prefect.utilities.urls import url_for

from flows.config import masked
from flows.fork_server import branch_context, end_fork_server
from flows.operate.environment import outlive_the_audience
from flows.operate.process import end_with_parent, quick_exit
from flows.runners import RunnerName, task_runner
from flows.server import Server
from tasks.data.texts.parallel import computed_by
from tasks.results.errors import PipelineError, one_line, shortened

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def api_server(ahead: Server | None = None) -> Iterator[Callable[[], None]]:
    """Use the configured Prefect server, or start one for the block; yields a function that waits until it is up.

    All processes of the run share this server; by default Prefect would start one in each process. A temporary server
    records in the database of `uv run prefect server start`, which shows the run later.

    Args:
        ahead: a temporary server that starts already, used unless one is configured.

    Raises:
        PipelineError: the configured server does not answer, or a temporary one could not be started.
    """
    configured = PREFECT_API_URL.value()
    if configured:
        if ahead:
            ahead.stop()
        with _environment(**_password_apart(configured)):
            _check_server(configured)
            yield lambda: None
        return
    # No address of the UI: nobody knows this server's password, and links to it are dead once the run has ended.
    with (
        ahead or Server() as server,
        _environment(PREFECT_API_URL=server.url, PREFECT_API_AUTH_STRING=server.password, PREFECT_UI_URL=""),
    ):
        try:
            yield server.wait_until_up
        finally:
            # Logs and events still in the queues must reach the server before it ends.
            APILogWorker.drain_all(timeout=10)
            EventsWorker.drain_all(timeout=10)


def _password_apart(url: str) -> dict[str, str]:
    """Settings for a server whose address holds a password: Prefect prints addresses, and keeps passwords to itself."""
    user, _, rest = url.partition("://")[2].rpartition("@")
    if not user or "/" in user:
        return {}
    password = PREFECT_API_AUTH_STRING.value() or unquote(user)
    return {"PREFECT_API_URL": f"{url.partition('://')[0]}://{rest}", "PREFECT_API_AUTH_STRING": password}


def server_address() -> str | None:
    """The API address of the configured server, or None."""
    return cast(str | None, PREFECT_API_URL.value())


def run_page(run: UUID | None) -> str:
    """The address at which the UI shows a run, once `api_server` has ended."""
    if PREFECT_API_URL.value():
        return masked(url_for("flow-run", obj_id=run) or str(run))
    return f"`uv run prefect server start`, then http://127.0.0.1:4200/runs/flow-run/{run}"


def _check_server(url: str) -> None:
    try:
        server_version()
    except PrefectHTTPStatusError as error:
        raise PipelineError(
            f"PREFECT_API_URL {masked(url)}: the server refused access ({error.response.status_code}); set "
            "PREFECT_API_AUTH_STRING to the server's PREFECT_SERVER_API_AUTH_STRING"
        ) from error
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise PipelineError(
            f"PREFECT_API_URL {masked(url)}: no Prefect server answers ({shortened(error)}); run `uv run prefect "
            "server start`, or unset PREFECT_API_URL so that the run starts its own"
        ) from error


def server_version() -> str:
    """The version of Prefect on the configured server."""
    with get_client(sync_client=True) as client:
        return client.api_version()


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Set environment variables for this process and its children, and reload Prefect's settings."""
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
    """Submit the tasks of the block to the given runner.

    Args:
        runner: "process" or "thread" for as many on this machine as it has cores, "dask" or "ray" for a cluster.
        address: of a running cluster; without it, one is started on this machine for the block.

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
            entered._executor._mp_context = branch_context()  # Prefect offers no choice.
            # A branch that was killed while it wrote a log line never gives back the lock of the queue for these lines,
            # and the end of this process would wait for that lock for ever.
            entered._subprocess_message_queue.cancel_join_thread()
        try:
            yield
        except Exception:
            raise
        except BaseException:  # A signal. Without this, leaving the runner would wait for the branches to finish.
            end_branch_processes()
            raise


@contextmanager
def shards_on(runner: RunnerName, address: str | None) -> Iterator[None]:
    """Let a Dask cluster that is running count and encode texts within the block; else this machine's threads do.

    The texts are sent to the workers, which need no common folder.

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
    with client, client.get_executor(pure=False) as executor, computed_by(executor, len(client.nthreads()) or 1):
        yield


def pool_is_broken() -> bool:
    """Whether the tasks run in a process pool that can no longer hand out results."""
    context = FlowRunContext.get()
    executor = getattr(context.task_runner if context else None, "_executor", None)
    manager = getattr(executor, "_executor_manager_thread", None)
    return isinstance(manager, threading.Thread) and not manager.is_alive()


def end_branch_processes() -> None:
    """Kill the processes that branches run in, and the one that they are forked from."""
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
    """Inside the block SIGINT (Ctrl-C), SIGTERM and SIGHUP kill the branch processes and raise `Stopped`.

    Branch processes ignore Ctrl-C themselves. A signal that the parent process had ignored, as `nohup` does, stays so.
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
    """Leave errors that the user can fix to the command line, which prints one line; the UI still logs them in full."""
    setup_logging()
    for handler in logging.getLogger().handlers:
        handler.addFilter(_is_no_user_error)


def _is_no_user_error(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return one_line(error) is None and not record.getMessage().startswith("Finished in state Failed")


def _start_branch_process() -> None:
    """Leave Ctrl-C to the parent, and end if the parent dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    outlive_the_audience()
    quick_exit()
    # When its server does not answer, Prefect calls `exit` in the task. In a pool's process that stops only the thread
    # that returns results, and the run would wait for ever; the run does notice when the whole process ends.
    builtins.exit = os._exit  # type: ignore[assignment]
    report_user_errors_once()
    if sys.stderr.isatty():
        # The parent draws progress bars in this terminal; the UI still gets every log line.
        for handler in logging.getLogger().handlers:
            handler.setLevel(logging.WARNING)
