"""A run's surroundings: environment variables, Prefect's import and its log, and output that may be closed."""

import atexit
import contextlib
import gc
import importlib
import io
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from tasks.errors import PipelineError, one_line, shortened

if TYPE_CHECKING:
    from rich.console import Console

LOOPBACK = ("127.0.0.1", "localhost", "::1")
# A run uses one Keras backend and draws without a window.
OURS = {"KERAS_BACKEND": "tensorflow", "MPLBACKEND": "agg"}
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def quick_exit() -> None:
    """Skip the garbage collection at exit, which takes up to a second once TensorFlow is loaded."""
    atexit.register(gc.freeze)


def prepare_environment() -> None:
    """Set the environment variables for a run and its processes; call this before Prefect is imported.

    Raises:
        PipelineError: a variable has an unusable value.
    """
    os.environ |= OURS
    # A proxy cannot reach this machine's own addresses; other traffic still uses it.
    for name in ("NO_PROXY", "no_proxy"):
        listed = [host for host in os.environ.get(name, "").split(",") if host]
        os.environ[name] = ",".join(dict.fromkeys([*listed, *LOOPBACK]))
    for name in CERTIFICATES:
        path = os.environ.get(name)
        if path and not Path(path).exists():
            raise PipelineError(f"{name} {path}: no such file; correct or unset it")
    level = os.environ.get("PREFECT_LOGGING_LEVEL")
    if level and not isinstance(logging.getLevelName(level.upper()), int):
        raise PipelineError(f"PREFECT_LOGGING_LEVEL {level}: expected DEBUG, INFO, WARNING, ERROR or CRITICAL")


def load_prefect() -> None:
    """Import Prefect, which reads its settings while it is being imported.

    Raises:
        PipelineError: Prefect rejects a setting.
    """
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
    """Leave errors that the user can fix, and Ctrl-C, to the command line's own line; the UI shows them, too."""
    from prefect.logging.configuration import setup_logging

    setup_logging()
    for handler in logging.getLogger().handlers:
        handler.addFilter(_is_no_user_error)


def _is_no_user_error(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    message = record.getMessage()
    is_of_user = message.startswith("Finished in state Failed") or "aborted by an interrupt signal" in message
    return one_line(error) is None and not is_of_user


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
        print(text, file=stream, flush=True)
    except BrokenPipeError:
        write_to_nowhere(stream.fileno())
