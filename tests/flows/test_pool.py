import contextlib
import os
import signal
import sys
import threading

import psutil
import pytest
from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

from flows import pool
from flows.branch_process import BranchProcesses, ending_fork_server
from flows.environment import Stopped, stopped_by_signals
from flows.pool import branches_on, task_runner
from flows.settings import RunnerName
from tasks.errors import PipelineError
from tasks.storage.reuse import LOGGER
from tests.end_to_end.harness import FORK_SERVER, wait_until_gone


@pytest.mark.parametrize("name", ["process", "thread"])
def test_a_runner_has_a_thread_for_each_core(name: RunnerName, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "available_cores", lambda: 3)
    runner = task_runner(name, None)
    assert isinstance(runner, ThreadPoolTaskRunner)
    assert runner == ThreadPoolTaskRunner(max_workers=3)


def test_a_runner_that_is_not_installed_is_a_user_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prefect_dask", None)
    with pytest.raises(PipelineError, match="--runner dask: .*; run `uv sync --extra dask`"):
        task_runner("dask", None)


@pytest.mark.usefixtures("prefect_server")
def test_tasks_of_the_block_run_in_threads() -> None:
    @task
    def thread_name() -> str:
        return threading.current_thread().name

    @flow(name="runner", log_prints=False)
    def run() -> list[str]:
        with branches_on("thread", None) as runner:
            assert runner.processes is None
            return [future.result() for future in [runner.tasks.submit(thread_name, {}) for _ in range(2)]]

    assert all(name != threading.main_thread().name for name in run())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_kills_the_branch_processes(number: signal.Signals) -> None:
    # A test run in the background of a shell inherits signals that are ignored, and those stay ignored.
    before = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
    inherited = signal.signal(number, before)
    started: list[psutil.Process] = []
    with pytest.raises(Stopped) as stopped:
        raise_while_processes_work(number, started)
    assert stopped.value.signal_number == number
    assert wait_until_gone(started) == []
    assert signal.getsignal(number) == before
    signal.signal(number, inherited)


def raise_while_processes_work(number: signal.Signals, started: list[psutil.Process]) -> None:
    """Raise a signal while one process is idle and another starts or works; list the processes."""
    with ending_fork_server(), stopped_by_signals(), branches_on("process", None) as runner:
        assert runner.processes
        threading.Thread(target=wait_in_a_process, args=(runner.processes,)).start()
        runner.processes.do(os.getpid, logger=LOGGER, seconds=None)
        below = psutil.Process().children(recursive=True)
        started += [process for process in below if FORK_SERVER in " ".join(process.cmdline())]
        signal.raise_signal(number)


def wait_in_a_process(processes: BranchProcesses) -> None:
    """Do work that ends only when its process is killed."""
    with contextlib.suppress(KeyboardInterrupt):
        processes.do(signal.pause, logger=LOGGER, seconds=None)
