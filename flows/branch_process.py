"""The processes in which branches run side by side; Prefect's tasks wait for them in threads.

Each process is a `ProcessPoolExecutor` of one worker, forked from a server that has imported TensorFlow. So a process
that overruns its time limit, or that is killed, takes no other branch with it. Branch processes need no Prefect, and
nothing here imports it.
"""

import contextlib
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
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


class TimeLimitError(TimeoutError):
    """Work in a branch process took longer than allowed."""


def branch_context() -> BaseContext:
    """How branch processes are started."""
    if not FORKS:
        return multiprocessing.get_context("spawn")
    multiprocessing.set_forkserver_preload(["flows.branch_imports"])
    return multiprocessing.get_context("forkserver")


class BranchProcess:
    """A running process that does one piece of work after another.

    Its log records come back through a pipe of its own. A queue has a lock, which a process that is killed while it
    writes would never release; a pipe simply ends.

    Raises:
        BrokenProcessPool: the process, or the server from which it is forked, was killed while it started.
    """

    def __init__(self, level: int) -> None:
        self._records, sender = multiprocessing.Pipe(duplex=False)
        self._executor = ProcessPoolExecutor(1, branch_context(), _start, (sender, level))
        try:
            self._process = psutil.Process(self._executor.submit(os.getpid).result())
        except (OSError, EOFError, psutil.Error) as error:
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
        deadline = time.monotonic() + seconds if seconds else None
        future = self._executor.submit(_do, work, arguments)
        if not self._log_until_done(logger, deadline):
            self.kill()
            raise TimeLimitError(f"not done within {seconds:g} s")
        return future.result()

    def kill(self) -> None:
        """Kill the process; the work that it does ends with BrokenProcessPool."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self._process.kill()

    def close(self) -> None:
        """End the process, which must be idle or killed, and wait for its end."""
        self._executor.shutdown()
        self._records.close()

    def _log_until_done(self, logger: Logger, deadline: float | None) -> bool:
        """Log the process's records until its work is done or the process ends; False if the deadline passes first."""
        try:
            while self._records.poll(None if deadline is None else max(0.0, deadline - time.monotonic())):
                record = self._records.recv()
                if record is None:
                    return True
                logger.log(record.levelno, record.getMessage())
        except (EOFError, OSError):  # The process ended; the future of its work reports that.
            return True
        return False


class BranchProcesses:
    """Processes for branches; each piece of work has an idle one, or else a new one, for itself.

    There are as many processes as threads that call `do`. They end with the `with` block.
    """

    def __init__(self) -> None:
        self._all: list[BranchProcess] = []
        self._idle: list[BranchProcess] = []
        self._is_stopped = False
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._all:
            process.close()

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
        except TimeLimitError:
            process = None
            raise
        except BrokenProcessPool:
            if process:
                process.kill()  # Its end is also reported when only the fork server was killed.
                process = None
            if self._is_stopped:
                raise KeyboardInterrupt("the run was stopped") from None
            raise
        finally:
            if process:
                self._idle.append(process)

    def stop(self) -> None:
        """Kill all processes, and let none start any more."""
        with self._lock:
            self._is_stopped = True
            for process in self._all:
                process.kill()

    def _idle_or_new(self, level: int) -> BranchProcess:
        with contextlib.suppress(IndexError):
            return self._idle.pop()
        process = BranchProcess(level)
        with self._lock:
            self._all.append(process)
            if self._is_stopped:
                process.kill()
        return process


def end_fork_server() -> None:
    """Kill the fork server: while it imports modules, it does not notice that the run has ended."""
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if "multiprocessing.forkserver" in " ".join(child.cmdline()):
                child.kill()
                # `multiprocessing` reaps its server itself.
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
    """Sends log records through a pipe; without a reader, they are lost."""

    def __init__(self, pipe: Connection) -> None:
        super().__init__(cast(Any, pipe))
        self._pipe = pipe

    def enqueue(self, record: logging.LogRecord | None) -> None:
        """Send a record; None marks the end of a piece of work."""
        with self.lock or contextlib.nullcontext(), contextlib.suppress(OSError):
            self._pipe.send(record)


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
    finally:
        _HANDLER.enqueue(None)
