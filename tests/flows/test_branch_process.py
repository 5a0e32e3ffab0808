"""Work in branch processes: results, errors, log, time limits, and processes that are killed."""

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import psutil
import pytest

from flows.branch_process import FORKS, BranchProcesses, TimeLimitError, end_fork_server
from flows.settings import MAX_MINUTES
from tasks.errors import DataError
from tasks.storage.reuse import LOGGER

LOG = logging.getLogger("tests.branch")


@pytest.fixture
def processes() -> Iterator[BranchProcesses]:
    """Processes that end with the test, even if it failed while they work."""
    with BranchProcesses() as started:
        try:
            yield started
        finally:
            started.stop()


def do(processes: BranchProcesses, work, *arguments, seconds: float | None = None):
    """Do work in a process."""
    return processes.do(work, *arguments, logger=LOG, seconds=seconds)


def log_and_return(count: int) -> int:
    """Log `count` lines and one of a library; return the process's ID."""
    for number in range(count):
        LOGGER.info("line %d of %s", number, "100 %s")
    logging.getLogger("h5py").info("of no interest")
    logging.getLogger("h5py").warning("of interest")
    return os.getpid()


def test_work_is_done_elsewhere_and_its_log_is_complete_when_it_returns(
    processes: BranchProcesses, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert do(processes, log_and_return, 300) != os.getpid()
    assert caplog.messages == [*(f"line {number} of 100 %s" for number in range(300)), "of interest"]
    assert {record.name for record in caplog.records} == {LOG.name}


def test_the_level_of_the_log_is_that_of_the_logger(
    processes: BranchProcesses, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger=LOG.name)
    do(processes, log_and_return, 3)
    assert caplog.messages == ["of interest"]


def test_a_process_is_used_again(processes: BranchProcesses) -> None:
    assert do(processes, os.getpid) == do(processes, os.getpid)


def test_each_thread_has_a_process_of_its_own(processes: BranchProcesses, tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as threads:
        waits = [threads.submit(do, processes, meet, tmp_path, name) for name in ("a", "b")]
        assert len({wait.result() for wait in waits}) == 2


def meet(folder: Path, name: str) -> int:
    """Return when another process is there, too."""
    (folder / name).touch()
    while len(list(folder.iterdir())) < 2:
        time.sleep(0.005)
    return os.getpid()


def fail() -> None:
    """Find damaged data."""
    raise DataError("reviews.csv: damaged")


def time_out() -> None:
    """Fail with an error of the work's own that looks like a time limit."""
    raise TimeoutError("the disk did not answer")


def test_an_error_of_the_work_is_raised_and_the_process_goes_on(processes: BranchProcesses) -> None:
    first = do(processes, os.getpid)
    with pytest.raises(DataError, match="reviews.csv: damaged"):
        do(processes, fail)
    with pytest.raises(TimeoutError, match="the disk did not answer") as error:
        do(processes, time_out, seconds=60)
    assert type(error.value) is TimeoutError
    assert do(processes, os.getpid) == first


class AwkwardError(Exception):
    """An error that can be pickled, but not read again."""

    def __init__(self, found: str, *, expected: str) -> None:
        super().__init__(f"{found} found, {expected} expected")


class LockedError(Exception):
    """An error that cannot be pickled."""

    def __init__(self) -> None:
        super().__init__("locked")
        self.lock = threading.Lock()


def fail_awkwardly() -> None:
    """Fail with an error that the parent cannot read."""
    raise AwkwardError("3", expected="4")


def fail_locked() -> None:
    """Fail with an error that cannot leave the process."""
    raise LockedError


def fail_for_an_awkward_reason() -> None:
    """Fail with an ordinary error that has such a cause."""
    try:
        fail_awkwardly()
    except AwkwardError as error:
        raise DataError("reviews.csv: damaged") from error


@pytest.mark.parametrize(
    ("work", "kind", "message"),
    [
        (fail_awkwardly, RuntimeError, "AwkwardError: 3 found, 4 expected"),
        (fail_locked, RuntimeError, "LockedError: locked"),
        (fail_for_an_awkward_reason, DataError, "reviews.csv: damaged"),
    ],
)
def test_an_error_that_cannot_be_sent_is_not_taken_for_the_death_of_the_process(
    processes: BranchProcesses, work, kind: type[Exception], message: str
) -> None:
    first = do(processes, os.getpid)
    with pytest.raises(kind, match=message) as error:
        do(processes, work)
    assert any("in fail_" in note for note in error.value.__notes__)  # The note names the place.
    assert do(processes, os.getpid) == first


def leave_a_thread() -> None:
    """Return, and leave a thread that logs more than a pipe holds, and does not end."""

    def go_on() -> None:
        while True:
            LOGGER.info("x" * 10_000)

    threading.Thread(target=go_on).start()


def test_a_thread_that_outlives_its_work_holds_up_no_one(processes: BranchProcesses) -> None:
    do(processes, leave_a_thread)
    with ThreadPoolExecutor(1) as closing:
        closing.submit(processes.__exit__).result(30)


def log_an_attribute() -> None:
    """Log a record with an attribute that cannot be pickled."""
    LOGGER.warning("with a lock", extra={"lock": threading.Lock()})


def test_only_the_text_of_a_record_is_sent(processes: BranchProcesses, caplog: pytest.LogCaptureFixture) -> None:
    do(processes, log_an_attribute)
    assert caplog.messages == ["with a lock"]


def half_a_record() -> None:
    """Write the start of a log record."""
    from flows import branch_process

    os.write(branch_process._HANDLER._pipe.fileno(), b"\0\0\1\0half")


def stop_in_a_record() -> None:
    """Stop, as Ctrl-Z does, in the middle of a log record."""
    half_a_record()
    os.kill(os.getpid(), signal.SIGSTOP)


def test_a_time_limit_ends_a_process_that_stopped_within_a_record(processes: BranchProcesses) -> None:
    with ThreadPoolExecutor(1) as threads, pytest.raises(TimeLimitError):
        threads.submit(do, processes, stop_in_a_record, seconds=1).result(60)


def test_the_longest_time_limit_can_be_waited_for(processes: BranchProcesses) -> None:
    assert do(processes, os.getpid, seconds=60 * MAX_MINUTES) != os.getpid()


def die(number: int) -> None:
    """Die in the middle of a log line: half a record is in the pipe."""
    half_a_record()
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_a_process_that_dies_is_noticed_at_once_and_replaced(processes: BranchProcesses, number: int) -> None:
    with pytest.raises(BrokenProcessPool):
        do(processes, die, number)
    assert do(processes, os.getpid) != os.getpid()


def test_a_process_that_was_killed_while_it_was_idle_is_noticed(processes: BranchProcesses) -> None:
    process = psutil.Process(do(processes, os.getpid))
    process.kill()
    process.wait(10)
    with pytest.raises(BrokenProcessPool):
        do(processes, os.getpid)
    assert do(processes, os.getpid) != process.pid


def wait(folder: Path) -> None:
    """Write the process's ID, and wait for the end."""
    (folder / "begun").write_text(str(os.getpid()))
    signal.pause()


def test_a_time_limit_ends_one_process_and_leaves_the_others(processes: BranchProcesses, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as threads:
        late = threads.submit(do, processes, wait, tmp_path, seconds=5)
        other = do(processes, until_gone, tmp_path)
        with pytest.raises(TimeLimitError):
            late.result(30)
    assert do(processes, os.getpid) == other


def until_gone(folder: Path) -> int:
    """Return when the process that `wait` named has ended; fail if it names none."""
    deadline = time.monotonic() + 60
    while not (begun := folder / "begun").exists() or not begun.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.005)
    psutil.wait_procs([psutil.Process(int(begun.read_text()))], 30)
    return os.getpid()


def test_stopping_kills_all_and_interrupts_those_who_wait(processes: BranchProcesses, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(do, processes, wait, tmp_path)
        while not (tmp_path / "begun").exists():
            time.sleep(0.005)
        processes.stop()
        with pytest.raises(KeyboardInterrupt):
            waiting.result(30)
        with pytest.raises(KeyboardInterrupt):
            do(processes, os.getpid)


@pytest.mark.skipif(not FORKS, reason="this system forks no process with libraries loaded")
def test_when_the_fork_server_is_killed_its_processes_end_and_new_ones_start(processes: BranchProcesses) -> None:
    process = psutil.Process(do(processes, os.getpid))
    end_fork_server()
    with pytest.raises(BrokenProcessPool):
        do(processes, signal.pause)
    assert do(processes, os.getpid) != process.pid
    assert psutil.wait_procs([process], 10)[1] == []


def test_a_logger_that_fails_costs_its_process_only(processes: BranchProcesses) -> None:
    class Failing(logging.Logger):
        def log(self, *_: object, **__: object) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        processes.do(log_and_pause, logger=Failing("failing"), seconds=None)
    assert do(processes, log_and_return, 3) != os.getpid()


def log_and_pause() -> None:
    """Log a line, and never end."""
    LOGGER.warning("a line")
    signal.pause()
