import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from multiprocessing import forkserver
from pathlib import Path

import psutil
import pytest
from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

from flows import environment, pool
from flows.branch_process import FORKS, BranchProcesses, ending_fork_server
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


def test_an_address_without_a_scheduler_is_a_user_error(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("prefect_dask")
    monkeypatch.setattr(pool, "SCHEDULER_SECONDS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(PipelineError, match=f"--address {address}: no Dask scheduler answers"):
            task_runner("dask", address)


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


def test_a_signal_kills_the_branch_processes() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    started: list[psutil.Process] = []
    with pytest.raises(Stopped):
        raise_while_processes_work(signal.SIGTERM, started)
    assert len(started) >= 2
    assert wait_until_gone(started) == []
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_stops_the_block_and_is_handled_as_before_from_then_on(number: signal.Signals) -> None:
    # A test run in the background of a shell inherits signals that are ignored, and those stay ignored.
    before = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
    inherited = signal.signal(number, before)
    with pytest.raises(Stopped) as stopped, stopped_by_signals():
        signal.raise_signal(number)
    assert stopped.value.signal_number == number
    assert signal.getsignal(number) == before
    signal.signal(number, inherited)


def test_a_second_signal_does_not_disturb_the_tidying() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    tidied: list[signal.Signals] = []
    with pytest.raises(Stopped) as stopped:
        raise_while_tidying(tidied)
    assert tidied == [signal.SIGTERM, signal.SIGINT]
    assert stopped.value.signal_number == signal.SIGTERM


def raise_while_tidying(tidied: list[signal.Signals]) -> None:
    """Raise a signal, and two more during the tidying that follows; list these two."""
    with stopped_by_signals():
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.raise_signal(number)
                tidied.append(number)


def test_a_later_signal_ends_what_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "TIDYING_SECONDS", 0.0)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with stopped_by_signals():
        for _ in range(2):
            with pytest.raises(Stopped):
                signal.raise_signal(signal.SIGTERM)


@pytest.mark.skipif(not FORKS, reason="this system forks no process with libraries loaded")
def test_a_signal_ends_the_run_although_the_fork_server_has_stopped() -> None:
    starting: list[threading.Thread] = []
    with pytest.raises(Stopped):
        stop_while_a_process_starts(starting)
    starting[0].join(60)
    assert not starting[0].is_alive()


def fork_server() -> psutil.Process:
    """The fork server of this process. One that an earlier test killed may need a moment until it has ended."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        forkserver.ensure_running()
        for child in psutil.Process().children():
            with contextlib.suppress(psutil.Error):
                if FORK_SERVER in " ".join(child.cmdline()):
                    return child
    raise TimeoutError("no fork server within 10 s")


def stop_while_a_process_starts(starting: list[threading.Thread]) -> None:
    """Raise what a signal raises while a thread waits for a process from a fork server that does nothing."""
    with branches_on("process", None) as runner:
        server = fork_server()
        server.suspend()
        assert runner.processes
        starting.append(threading.Thread(target=wait_in_a_process, args=(runner.processes,)))
        starting[0].start()
        starting[0].join(1)  # Long enough to ask the server for a process.
        raise Stopped(signal.SIGTERM)


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


OWN_CLUSTER = """
import httpx, psutil
from distributed import Client, LocalCluster
from flows.pool import own_cluster

if __name__ == "__main__":
    with LocalCluster(**own_cluster(1)) as cluster:
        ports = {
            (one.laddr.ip, one.laddr.port)
            for process in (psutil.Process(), *psutil.Process().children(recursive=True))
            for one in process.net_connections("tcp") if one.status == "LISTEN"
        }
        print(sorted({ip for ip, _ in ports}))
        for _, port in ports:
            for path in ("status", "info/main/workers.html", "json/counts.json", "health", "metrics", "proxy/80/x/y"):
                try:
                    assert httpx.get(f"http://127.0.0.1:{port}/{path}", timeout=2).status_code == 404, path
                except httpx.TransportError:
                    pass
        try:
            Client(cluster.scheduler_address, timeout=2)
        except Exception as error:
            print("no keys:", type(error).__name__)
"""


@pytest.mark.slow
def test_a_cluster_of_our_own_is_reached_only_with_its_keys_and_has_no_pages(tmp_path: Path) -> None:
    pytest.importorskip("prefect_dask")
    script = tmp_path / "cluster.py"
    script.write_text(OWN_CLUSTER)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120)
    addresses, refused = done.stdout.splitlines()
    assert addresses == "['127.0.0.1']", done.stderr
    assert refused.startswith("no keys: "), done.stderr
