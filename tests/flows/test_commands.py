import os
import pty
import subprocess
import sys
from pathlib import Path

from tests.end_to_end.harness import ROOT, environment

REFUSED = {"PREFECT_API_REQUEST_TIMEOUT": "soon"}  # Ends the run as soon as Prefect is imported.
STARTING = "Starting: the first imports take a few seconds"


def start(home: Path, errors: int) -> subprocess.Popen[bytes]:
    """A run that Prefect refuses, its errors written to a file descriptor."""
    command = [sys.executable, ROOT / "flows" / "main.py", "--smoke"]
    return subprocess.Popen(command, env=environment(home, **REFUSED), stderr=errors)


def test_a_terminal_shows_that_the_run_starts_before_the_slow_imports(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    with start(tmp_path, theirs) as run, os.fdopen(ours, "rb") as terminal:
        os.close(theirs)
        lines = [terminal.readline().decode().strip(), terminal.readline().decode().strip()]
    assert lines[0] == STARTING
    assert lines[1].startswith("Error: Prefect's settings: ")
    assert run.returncode == 1


def test_a_pipe_gets_no_more_than_the_error(tmp_path: Path) -> None:
    with start(tmp_path, subprocess.PIPE) as run:
        assert run.stderr
        errors = run.stderr.read().decode()
    assert errors.startswith("Error: Prefect's settings: ")
    assert errors.count("\n") == 1
