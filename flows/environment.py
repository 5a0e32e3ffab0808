"""A run's surroundings: environment variables, Prefect's import and its log, output that may be closed, signals."""

import asyncio
import atexit
import contextlib
import gc
import importlib
import io
import logging
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from pydantic import ValidationError

from tasks.errors import PipelineError, one_line, printable, shortened

if TYPE_CHECKING:
    from rich.console import Console

LOOPBACK = ("127.0.0.1", "localhost", "::1")
# A run uses one Keras backend and draws without a window.
OURS = {"KERAS_BACKEND": "tensorflow", "MPLBACKEND": "agg"}
# Prefect's notice about usage data would break the progress bars; Dask reports each worker that comes and goes.
QUIET = {"DO_NOT_TRACK": "1", "DASK_LOGGING__DISTRIBUTED": "error"}
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
# The path of a socket has about 100 characters on every system; `multiprocessing` adds up to 32 to that of TMPDIR.
LONGEST_TMPDIR = 70
FIRST_YEAR = 1980  # ZIP archives, such as Keras's files, know no earlier one.
# Open files: a run with two branches has about 100. Address space: TensorFlow reserves more than it uses.
FILES, FEWEST_FILES, ADDRESS_SPACE = 4096, 256, 8 << 30
PROXIES = {"ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY"}
DOT_ENV = Path(".env")
HOME_BYTES = 64 << 10
# Lines of Prefect that say nothing new: the end of each task, and what the command line's last line says.
ENDS = ("Finished in state Failed", "Finished in state Completed", "Finished in state Cached")
ABORTED = ("aborted by an interrupt signal", "aborted by a termination signal")
LONGEST_LINE = 1_000  # Characters of a line of the log in the terminal; Prefect writes whole events.


def quick_exit() -> None:
    """Skip the garbage collection at exit, which takes up to a second once TensorFlow is loaded."""
    atexit.register(gc.freeze)


def prepare_environment() -> None:
    """Set the environment variables for a run and its processes; call this before Prefect is imported.

    Raises:
        PipelineError: a variable has an unusable value, or this is a notebook.
    """
    if _has_event_loop():
        raise PipelineError("found an event loop, as in a notebook; use `from flows.notebook import run; run()`")
    os.environ |= OURS
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    # A proxy cannot reach this machine's own addresses; other traffic still uses it.
    for name in ("NO_PROXY", "no_proxy"):
        listed = [host for host in os.environ.get(name, "").split(",") if host]
        os.environ[name] = ",".join(dict.fromkeys([*listed, *LOOPBACK]))
    checks = (
        _check_clock,
        _check_limits,
        _check_pipes,
        _check_proxies,
        _check_certificates,
        _check_sockets,
        _check_log_level,
    )
    for check in checks:
        check()


def _check_clock() -> None:
    if datetime.now().year < FIRST_YEAR:
        raise PipelineError(f"the clock says {datetime.now():%Y}; set it: archives and certificates need the date")


def _check_limits() -> None:
    """Allow this process as many open files as it may have, and check the limits that a shell or a service sets."""
    try:
        import resource
    except ImportError:
        return
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = FILES if most == resource.RLIM_INFINITY else min(FILES, most)
    if files != resource.RLIM_INFINITY and files < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))
    if allowed < FEWEST_FILES:
        raise PipelineError(f"ulimit -n {allowed}: too few open files for a run; expected at least {FEWEST_FILES}")
    size = resource.getrlimit(resource.RLIMIT_AS)[0]
    if size != resource.RLIM_INFINITY and size < ADDRESS_SPACE:
        raise PipelineError(
            f"ulimit -v {size >> 10}: too little address space for TensorFlow; expected at least {ADDRESS_SPACE >> 10}"
        )


def _check_pipes() -> None:
    """Check that Prefect will not wait for the end of a pipe: it opens these files without looking what they are."""
    home = prefect_home()
    profiles = os.environ.get("PREFECT_PROFILES_PATH") or home / "profiles.toml"
    for path in (DOT_ENV, Path("prefect.toml"), Path("pyproject.toml"), Path(profiles), home / "prefect.db"):
        with contextlib.suppress(OSError):
            if path.is_fifo():
                raise PipelineError(f"{path}: found a pipe, expected a file or nothing; move it away")


def _check_proxies() -> None:
    if not any(name.upper() in PROXIES for name in os.environ):
        return
    import httpx

    try:
        httpx.Client().close()
    except (ValueError, ImportError, httpx.InvalidURL) as error:
        given = ", ".join(sorted(name for name in os.environ if name.upper() in PROXIES))
        raise PipelineError(f"{given}: not the address of a proxy ({shortened(error)}); correct or unset it") from None


def _check_certificates() -> None:
    for name in CERTIFICATES:
        path = os.environ.get(name)
        if path and not Path(path).exists():
            raise PipelineError(f"{name} {path}: no such file; correct or unset it")


def _check_sockets() -> None:
    if len(os.fsencode(tempfile.gettempdir())) > LONGEST_TMPDIR:
        raise PipelineError(
            f"TMPDIR {shortened(tempfile.gettempdir())}: too long for the sockets of branch processes; expected at "
            f"most {LONGEST_TMPDIR} characters"
        )


def _check_log_level() -> None:
    level = os.environ.get("PREFECT_LOGGING_LEVEL")
    if level and not isinstance(logging.getLevelName(level.upper()), int):
        raise PipelineError(f"PREFECT_LOGGING_LEVEL {level}: expected DEBUG, INFO, WARNING, ERROR or CRITICAL")


def prefect_home() -> Path:
    """The folder of Prefect's files, the database among them."""
    given = setting("PREFECT_HOME")
    return Path(given).expanduser() if given else Path.home() / ".prefect"


def check_prefect_home() -> None:
    """Check that Prefect can write its files, before it tries and ends without a reason.

    Raises:
        PipelineError: it cannot.
    """
    home = prefect_home()
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home) as probe:
            probe.write(bytes(HOME_BYTES))
    except OSError as error:
        name = f"PREFECT_HOME {home}" if setting("PREFECT_HOME") else f"Prefect's folder {home}"
        found = "found a file" if home.is_file() else error.strerror
        raise PipelineError(
            f"{name}: {found}; set PREFECT_HOME to a folder that can be written, with some free space"
        ) from None


def setting(name: str) -> str | None:
    """A setting of Prefect's from the environment or, like Prefect, from `.env` in the working folder."""
    if os.environ.get(name):
        return os.environ[name]
    from dotenv import dotenv_values

    try:
        return dotenv_values(DOT_ENV).get(name) if DOT_ENV.is_file() else None
    except (OSError, UnicodeDecodeError):
        return None


def _has_event_loop() -> bool:
    """Whether this code runs inside an event loop, in which Prefect's synchronous calls return coroutines."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def load_prefect() -> None:
    """Import Prefect, which reads its settings while it is being imported.

    Raises:
        PipelineError: Prefect rejects a setting, or cannot write its files.
    """
    check_prefect_home()
    printed = io.StringIO()  # Prefect prints the settings that it rejects, with their values.
    try:
        with contextlib.redirect_stderr(printed):
            importlib.import_module("prefect.context")
    except ValidationError as error:
        faults = "; ".join(": ".join([*map(str, fault["loc"]), fault["msg"]]) for fault in error.errors())
        raise PipelineError(f"Prefect's settings: {faults}; correct PREFECT_ variables, .env or profile") from None
    except ValueError as error:
        fault = shortened(error)
        raise PipelineError(f"Prefect's settings: {fault}; correct PREFECT_ variables, .env or profile") from None
    sys.stderr.write(printed.getvalue())


def report_user_errors_once() -> None:
    """Leave errors that the user can fix, and Ctrl-C, to the command line's own line; the UI shows every line."""
    from prefect.logging.configuration import setup_logging

    setup_logging()
    for handler in logging.getLogger().handlers:
        handler.addFilter(_is_news)
        handler.addFilter(_make_printable)


def _is_news(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    message = record.getMessage()
    is_said_already = message.startswith(ENDS) or any(text in message for text in ABORTED)
    return one_line(error) is None and not is_said_already


def _make_printable(record: logging.LogRecord) -> bool:
    """Keep what data may have put into a record from controlling the terminal; shorten it; drop a traceback.

    The command line prints where the traceback of an unforeseen error is.
    """
    record.msg, record.args = _cut(printable(record.getMessage())), None
    record.exc_info = record.exc_text = None
    if flow := getattr(record, "flow_name", None):
        record.flow_run_name = flow  # The run's name is in its first line; in each line it takes half of the width.
    return True


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_LINE else f"{text[:LONGEST_LINE]}…"


def ignore_closed_output() -> None:
    """Keep running after the terminal, pipe or worker that reads the output is closed.

    Without this, the next line written would end the process: rich raises SystemExit in the thread that writes.
    """
    from rich.console import Console

    Console.on_broken_pipe = _discard_output  # type: ignore[assignment,method-assign]


def _discard_output(console: "Console") -> None:
    """Discard all further output of the console."""
    write_to_nowhere(console.file.fileno())


def write_to_nowhere(descriptor: int) -> None:
    """Redirect a file descriptor of this process to the null device."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def say(text: str, *, error: bool = False) -> None:
    """Print a line; do nothing if the output is closed."""
    stream = sys.stderr if error else sys.stdout
    try:
        print(printable(text), file=stream, flush=True)
    except OSError:  # A pipe without a reader, or a terminal that is gone.
        write_to_nowhere(stream.fileno())


def unexpected(error: Exception) -> str:
    """One line about an error that is not foreseen; its traceback is in a file that only this user can read."""
    line = f"unexpected {type(error).__name__}: {shortened(error)}"
    try:
        handle, name = tempfile.mkstemp(prefix="rnn-pipeline-", suffix=".log")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            traceback.print_exception(error, file=file)
    except OSError:
        return line
    return f"{line}; details in {name}"


def open_closed_streams() -> None:
    """Open what was closed before the start (`>&-`) on the null device; else files of the run would be the output."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # The lowest free descriptor, which is this one.
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 -- for the whole process
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def tolerate_any_encoding() -> None:
    """Replace what the output's encoding lacks, such as the bars of a chart in a terminal without UTF-8."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


STOPPING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
TIDYING_SECONDS, LAST_SECONDS = 5.0, 8.0
_allowed_seconds = LAST_SECONDS
STOPPED = "Stopped. Completed work is kept: the same command resumes."
_received: list[int] = []


class Stopped(KeyboardInterrupt):
    """A signal stopped the run, as Ctrl-C does."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal.Signals(signal_number).name)
        self.signal_number = signal_number


def stop_signal() -> int | None:
    """The signal that stopped the run of this process, asked for once; None if there was none."""
    return _received.pop() if _received else None


@contextlib.contextmanager
def ending_within(seconds: float) -> Iterator[None]:
    """A signal that stops the run within the block leaves it this long to end, because it writes what it has."""
    global _allowed_seconds
    before, _allowed_seconds = _allowed_seconds, seconds
    try:
        yield
    finally:
        _allowed_seconds = before


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Within the block, SIGINT (Ctrl-C), SIGTERM and SIGHUP raise `Stopped`.

    Branch processes ignore Ctrl-C. A signal that was already ignored, as under `nohup`, stays ignored. Those that come
    within `TIDYING_SECONDS` after another are ignored, too: the run is recording that it was stopped. If it has not
    ended `LAST_SECONDS` after the first signal, or what `ending_within` allows, because the server is gone, say, this
    process and its children end.
    """
    heeds_from = 0.0
    is_over = threading.Event()

    def stop(signal_number: int, _: object) -> None:
        nonlocal heeds_from
        if time.monotonic() >= heeds_from:
            heeds_from = time.monotonic() + TIDYING_SECONDS
            _received.append(signal_number)
            threading.Thread(target=_end_late, args=(signal_number, is_over), daemon=True, name="last-end").start()
            raise Stopped(signal_number)

    _received.clear()
    before = {number: signal.getsignal(number) for number in STOPPING}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, stop)
    try:
        yield
    finally:
        is_over.set()
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_late(signal_number: int, is_over: threading.Event) -> None:
    """End this process and its children, unless the run is over by then."""
    if is_over.wait(_allowed_seconds):
        return
    say(f"{STOPPED} The Prefect server did not answer, so it does not know.", error=True)
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            child.kill()
    os._exit(128 + signal_number)
