"""The processes in which branches run side by side; Prefect's tasks wait for them in threads.

Each process is a `ProcessPoolExecutor` of one worker, forked from a server that has imported TensorFlow. So a process
that overruns its time limit, or that is killed, takes no other branch with it. Branch processes need no Prefect, and
nothing here imports it.
"""

import contextlib
import logging
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from logging.handlers import QueueHandler
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from typing import Any, Self, TypeVar, cast

import psutil

from flows.environment import quick_exit
from tasks.storage.reuse import LOGGER, Logger

Outcome = TypeVar("Outcome")
FORKS = sys.platform == "linux"
STOPPED = "the run was stopped"


class TimeLimitError(TimeoutError):
    """Work in a branch process took longer than allowed."""


def branch_context() -> BaseContext:
    """How branch processes are started."""
    if not FORKS:
        return multiprocessing.get_context("spawn")
    multiprocessing.set_forkserver_preload(["flows.branch_imports"])
    return multiprocessing.get_context("forkserver")


@contextlib.contextmanager
def surviving_hangup() -> Iterator[None]:
    """Let processes that start within the block survive SIGHUP: a terminal that is closed sends it to all of them.

    They end with this process. One that ended first would print what it still holds for the others.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class BranchProcess:
    """A running process that does one piece of work after another.

    Its log records come back through a pipe of its own. A queue has a lock, which a process that is killed while it
    writes would never release; a pipe simply ends.

    Attributes:
        is_usable: whether it can do more work; false once it was killed.

    Raises:
        BrokenProcessPool: the process, or the server from which it is forked, was killed while it started.
    """

    def __init__(self, level: int) -> None:
        self.is_usable = True
        self._records, sender = multiprocessing.Pipe(duplex=False)
        self._executor = ProcessPoolExecutor(1, branch_context(), _start, (sender, level))
        try:
            with surviving_hangup():
                self._process = psutil.Process(self._executor.submit(os.getpid).result())
        except (OSError, EOFError, psutil.Error, BrokenProcessPool) as error:
            self._executor.shutdown(wait=False)
            self._records.close()
            raise BrokenProcessPool("a branch's process was killed while it started") from error
        finally:
            sender.close()  # From here on, the pipe ends when the process does.

    def do(self, work: Callable[..., Outcome], *arguments: Any, logger: Logger, seconds: float | None) -> Outcome:
        """Do work in the process, and return its result.

        Args:
            work: the function to call; it is pickled by name.
            arguments: its arguments.
            logger: receives what the work logs.
            seconds: time limit; None for no limit.

        Raises:
            BrokenProcessPool: the process ended before the work did.
            TimeLimitError: the work took longer than `seconds`; the process is killed.
        """
        with self._time_limit(seconds):
            future = self._executor.submit(_do, work, arguments)
            try:
                self._log_until_done(logger)
            except BaseException:  # The logger failed: the work goes on, and its log would mix with that of the next.
                self.kill()
                raise
            return future.result()

    def kill(self) -> None:
        """Kill the process; the work that it does ends with BrokenProcessPool."""
        self.is_usable = False
        with contextlib.suppress(psutil.NoSuchProcess):
            self._process.kill()

    def close(self) -> None:
        """End the process, which must be idle or killed, and wait for its end.

        It is killed: on its own, it would first wait for threads that its work has left behind.
        """
        self.kill()
        self._executor.shutdown()
        self._records.close()

    @contextlib.contextmanager
    def _time_limit(self, seconds: float | None) -> Iterator[None]:
        """Kill the process if the block takes longer, whatever the process does: it may stop within a log record.

        Raises:
            TimeLimitError: the block took longer than `seconds`.
        """
        if seconds is None:
            yield
            return
        is_over = threading.Event()

        def end() -> None:
            is_over.set()
            self.kill()

        timer = threading.Timer(seconds, end)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()
            if is_over.is_set():
                raise TimeLimitError(f"not done within {seconds:g} s") from None

    def _log_until_done(self, logger: Logger) -> None:
        """Log what the process logs, until its work is done or the process ends; the work's future tells which."""
        while (line := self._next_line()) is not None:
            logger.log(*line)

    def _next_line(self) -> tuple[int, str] | None:
        """The level and the text of the next log record; None at the end of the work or of the process."""
        try:
            line: tuple[int, str] | None = self._records.recv()
        except (EOFError, OSError):
            return None
        return line


class BranchProcesses:
    """Processes for branches; each piece of work has an idle one, or else a new one, for itself.

    There are as many processes as threads that call `do`. They end with the `with` block.
    """

    def __init__(self) -> None:
        self._all: list[BranchProcess] = []
        self._idle: list[BranchProcess] = []
        self._stopped = threading.Event()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._all:
            process.close()

    @property
    def has_idle(self) -> bool:
        """Whether a process is idle; then another one starts soon, too, because TensorFlow has been imported."""
        return bool(self._idle)

    def do(self, work: Callable[..., Outcome], *arguments: Any, logger: Logger, seconds: float | None) -> Outcome:
        """Do work in a process, as `BranchProcess.do` does.

        Raises:
            BrokenProcessPool: the process ended before the work did.
            TimeLimitError: the work took longer than `seconds`.
            KeyboardInterrupt: the processes were stopped.
        """
        process: BranchProcess | None = None
        try:
            process = self._idle_or_new(logger.getEffectiveLevel())
            return process.do(work, *arguments, logger=logger, seconds=seconds)
        except BrokenProcessPool:
            if process:
                process.kill()  # Its end is also reported when only the fork server was killed.
            if self._stopped.is_set():
                raise KeyboardInterrupt(STOPPED) from None
            raise
        finally:
            if process and process.is_usable:
                self._idle.append(process)

    def stop(self) -> None:
        """Kill all processes, and let none start any more."""
        with self._lock:
            self._stopped.set()
            for process in self._all:
                process.kill()

    def _idle_or_new(self, level: int) -> BranchProcess:
        with contextlib.suppress(IndexError):
            return self._idle.pop()
        if self._stopped.is_set():
            raise KeyboardInterrupt(STOPPED)
        process = BranchProcess(level)
        with self._lock:
            self._all.append(process)
            if self._stopped.is_set():
                process.kill()
        return process


def end_fork_server() -> None:
    """Kill the fork server: while it imports modules, it does not notice that the run has ended."""
    for child in psutil.Process().children():
        # `multiprocessing` reaps its server itself: now or, when a process starts in another thread, earlier.
        with contextlib.suppress(psutil.Error, ChildProcessError):
            if "multiprocessing.forkserver" in " ".join(child.cmdline()):
                child.kill()
                os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)


@contextlib.contextmanager
def ending_fork_server() -> Iterator[None]:
    """End the fork server with the block."""
    try:
        yield
    finally:
        end_fork_server()


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


class _PipeHandler(QueueHandler):
    """Sends log records, as levels and messages, through a pipe; without a reader, they are lost."""

    def __init__(self, pipe: Connection) -> None:
        super().__init__(cast(Any, pipe))
        self._pipe = pipe

    def prepare(self, record: logging.LogRecord) -> tuple[int, str]:
        """Leave out the record's other attributes, which may be objects that cannot be sent."""
        return record.levelno, self.format(record)

    def enqueue(self, line: tuple[int, str] | None) -> None:  # type: ignore[override]
        """Send a line; None marks the end of a piece of work."""
        with self.lock or contextlib.nullcontext(), contextlib.suppress(OSError):
            self._pipe.send(line)


_HANDLER: _PipeHandler  # Set in branch processes only.


def _start(pipe: Connection, level: int) -> None:
    """Prepare a new branch process: leave Ctrl-C to the parent, end with it, and send it the log."""
    global _HANDLER
    _HANDLER = _PipeHandler(pipe)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    quick_exit()
    logging.basicConfig(level=logging.WARNING, handlers=[_HANDLER], format="%(message)s", force=True)
    LOGGER.setLevel(level)


def _do(work: Callable[..., Outcome], arguments: tuple[Any, ...]) -> Outcome:
    """Do work in a branch process; mark the end of its log records."""
    try:
        return work(*arguments)
    except Exception as error:
        fault = _sendable(error)
    finally:
        _HANDLER.enqueue(None)
    raise fault


def _sendable(error: Exception) -> Exception:
    """An error that the parent can read; of any other, the executor would say that the process died.

    An error is sent with its causes. If one of them cannot be sent, the error goes alone; if it cannot be sent itself,
    one that says the same takes its place.
    """
    if _can_be_sent(error):
        return error
    told = "".join(traceback.format_exception(error))
    error.__cause__ = error.__context__ = None
    sent = error if _can_be_sent(error) else RuntimeError(f"{type(error).__name__}: {error}")
    sent.add_note(told)
    return sent


def _can_be_sent(error: Exception) -> bool:
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 -- pickled here
    except Exception:
        return False
    return True
