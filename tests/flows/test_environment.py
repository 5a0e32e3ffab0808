import asyncio
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.environment import LONGEST_TMPDIR, _is_no_user_error, _make_printable, prepare_environment
from tasks.errors import DataError, PipelineError
from tests.end_to_end.harness import ROOT, environment


@pytest.mark.parametrize(
    ("name", "value"),
    [("PREFECT_API_URL", "http://["), ("PREFECT_API_REQUEST_TIMEOUT", "soon"), ("PREFECT_CLIENT_CUSTOM_HEADERS", "{")],
)
def test_a_setting_that_prefect_refuses_is_one_line_without_passwords(
    name: str, value: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    secret = {"PREFECT_API_AUTH_STRING": "admin:verysecret", "PREFECT_API_KEY": "verysecret"}
    done = subprocess.run(
        [sys.executable, ROOT / "flows" / "main.py", "--smoke"],
        env=environment(tmp_path_factory.getbasetemp(), **{name: value}, **secret),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: Prefect's settings: ")
    assert done.stderr.count("\n") == 1
    assert "verysecret" not in done.stderr


def test_a_folder_too_deep_for_sockets_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / ("x" * LONGEST_TMPDIR)))
    with pytest.raises(PipelineError, match="TMPDIR .*: too long for the sockets of branch processes"):
        prepare_environment()


@pytest.mark.parametrize("name", [".env", "prefect.toml", "pyproject.toml", "home/profiles.toml", "home/prefect.db"])
def test_a_pipe_that_prefect_would_wait_for_is_one_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").mkdir()
    os.mkfifo(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFECT_HOME", "home")
    monkeypatch.delenv("PREFECT_PROFILES_PATH", raising=False)
    with pytest.raises(PipelineError, match=f"^{name}: found a pipe"):
        prepare_environment()


def record(message: str, error: BaseException | None = None) -> logging.LogRecord:
    """A line of the log."""
    info = (type(error), error, None) if error else None
    return logging.LogRecord("prefect", logging.ERROR, __file__, 1, message, (), info)


@pytest.mark.parametrize(
    ("message", "error", "is_logged"),
    [
        ("Encountered an exception", DataError("damaged"), False),
        ("Encountered an exception", ValueError("a bug"), True),
        ("Finished in state Failed('damaged')", None, False),
        ("Crash detected! Execution was aborted by an interrupt signal.", None, False),
        ("Crash detected! Execution was aborted by a termination signal.", None, False),
        ("Finished in state Completed()", None, True),
    ],
)
def test_only_errors_that_the_command_line_prints_are_left_out(
    message: str, error: Exception | None, is_logged: bool
) -> None:
    assert _is_no_user_error(record(message, error)) is is_logged


def test_a_printed_record_controls_no_terminal_and_has_no_traceback() -> None:
    line = record("file \x1b[2J%s", ValueError("a bug"))
    line.args = ("\x07",)
    assert _make_printable(line)
    assert line.getMessage() == "file \N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}"
    assert line.exc_info is None


def test_a_notebook_is_told_what_to_use() -> None:
    async def in_a_cell() -> None:
        prepare_environment()

    with pytest.raises(PipelineError, match="as in a notebook; use `!uv run flows/main.py"):
        asyncio.run(in_a_cell())


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_output_that_cannot_show_a_character_shows_another_one(encoding: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "flows" / "main.py", "history", "--outputs", tmp_path / "ausgänge—█"],
        env=environment(tmp_path, PYTHONIOENCODING=encoding),
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert b"?: no runs yet" in done.stdout


def test_closed_output_is_opened_on_the_null_device(tmp_path: Path) -> None:
    code = "from flows.environment import open_closed_streams as o; o(); print(1); import sys; sys.stderr.write('x')"
    command = f"exec {sys.executable} -c \"{code}; open('done', 'w').write(str(sys.stdin))\" <&- >&- 2>&-"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=environment(tmp_path, PYTHONPATH=str(ROOT)))
    assert done.returncode == 0
    assert (tmp_path / "done").read_text() == "None"
