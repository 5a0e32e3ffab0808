import asyncio
import logging
import os
import resource
import signal
import subprocess
import sys
from datetime import datetime, tzinfo
from pathlib import Path

import pytest

from flows import main
from flows.environment import (
    FILES,
    LONGEST_LINE,
    LONGEST_TMPDIR,
    STOPPED,
    _check_limits,
    _is_news,
    _make_printable,
    check_prefect_home,
    prefect_home,
    prepare_environment,
)
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


def main_in(tmp_path: Path, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """`python flows/main.py`, with a Prefect home of its own unless the variables name another."""
    command = [sys.executable, str(ROOT / "flows" / "main.py"), *arguments]
    return subprocess.run(
        command, env=environment(tmp_path / "home", **variables), cwd=tmp_path,
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("limit", "line"),
    [
        ("ulimit -n 64", "Error: ulimit -n 64: too few open files for a run; expected at least 256\n"),
        ("ulimit -v 2000000", "Error: ulimit -v 2000000: too little address space for TensorFlow; expected"),
    ],
)
def test_a_limit_of_the_shell_that_no_run_can_keep_is_one_line(limit: str, line: str, tmp_path: Path) -> None:
    command = f"{limit}; exec {sys.executable} {ROOT / 'flows' / 'main.py'} --smoke"
    done = subprocess.run(
        ["sh", "-c", command], env=environment(tmp_path / "home"), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1
    assert done.stderr.startswith(line)
    assert done.stderr.count("\n") == 1


def test_a_low_limit_of_open_files_is_raised_as_far_as_allowed() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, before[1]))
    try:
        _check_limits()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(FILES, before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize(("name", "value"), [("ALL_PROXY", "foo://x"), ("http_proxy", "http://[::1")])
def test_an_address_that_no_proxy_has_is_one_line(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(PipelineError, match=f"^{name}: not the address of a proxy .*; correct or unset it"):
        prepare_environment()


def test_a_socks_proxy_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    prepare_environment()


def test_a_clock_before_1980_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Clock":
            return cls(1975, 1, 1, tzinfo=tz)

    monkeypatch.setattr("flows.environment.datetime", Clock)
    with pytest.raises(PipelineError, match="the clock says 1975; set it"):
        prepare_environment()


@pytest.mark.parametrize("is_file", [True, False])
def test_a_home_that_prefect_cannot_write_is_named(
    is_file: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home" if is_file else Path("/proc/home")
    if is_file:
        home.touch()
    monkeypatch.setenv("PREFECT_HOME", str(home))
    found = "found a file" if is_file else "No such file or directory"
    with pytest.raises(PipelineError, match=f"^PREFECT_HOME {home}: {found}; set PREFECT_HOME to a folder"):
        check_prefect_home()


def test_a_home_in_the_file_of_settings_is_the_one_that_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PREFECT_HOME", raising=False)
    Path(".env").write_text("PREFECT_HOME=elsewhere\n")
    assert prefect_home() == Path("elsewhere")
    Path(".env").write_bytes(b"\xff\xfe")
    assert prefect_home() == Path.home() / ".prefect"


def test_a_working_folder_that_was_deleted_is_one_line(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    command = f"cd {gone}; rmdir {gone}; exec {sys.executable} {ROOT / 'flows' / 'main.py'} history"
    done = subprocess.run(["sh", "-c", command], env=environment(tmp_path), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: the working folder: No such file or directory; change to a folder that exists\n"


def test_windows_is_one_line_before_any_import() -> None:
    script = f"import sys, runpy; sys.platform = 'win32'; runpy.run_path({main.__file__!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: this is Windows, where runs cannot be stopped safely; use WSL, Linux or macOS\n"


def test_warnings_of_libraries_are_no_errors_even_where_they_are_asked_to_be(tmp_path: Path) -> None:
    (tmp_path / "cyclopts.py").write_text(
        "import os, warnings\nwarnings.warn('old')\nprint(os.environ.get('PYTHONWARNINGS'))\n"
    )
    done = main_in(tmp_path, "history", PYTHONWARNINGS="error", PYTHONPATH=str(tmp_path))
    assert done.stdout == "None\n"
    assert "UserWarning: old" in done.stderr


STOPPED_LATE = """
import signal, sys, time
from flows import environment
environment.LAST_SECONDS = 0.2
with environment.stopped_by_signals():
    try:
        signal.raise_signal(signal.SIGTERM)
    except KeyboardInterrupt:
        time.sleep(60)
"""


def test_a_stop_that_waits_for_a_server_has_an_end() -> None:
    done = subprocess.run([sys.executable, "-c", STOPPED_LATE], capture_output=True, text=True, timeout=30)
    assert done.returncode == 128 + signal.SIGTERM
    assert done.stderr == f"{STOPPED} The Prefect server did not answer, so it does not know.\n"


def test_a_line_names_the_flow_and_not_the_whole_run() -> None:
    line = record("epoch 1")
    line.flow_name, line.flow_run_name = "train", "imdb.npz, simple_rnn + lstm, 10 epochs, seed 1"
    assert _make_printable(line)
    assert line.flow_run_name == "train"


def test_a_line_as_long_as_an_event_is_cut() -> None:
    line = record("x" * 5_000)
    assert _make_printable(line)
    assert len(line.getMessage()) == LONGEST_LINE + 1


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
        ("Finished in state Completed()", None, False),
        ("Finished in state TimedOut()", None, True),
    ],
)
def test_only_what_says_nothing_new_is_left_out(message: str, error: Exception | None, is_logged: bool) -> None:
    assert _is_news(record(message, error)) is is_logged


def test_a_printed_record_controls_no_terminal_and_has_no_traceback() -> None:
    line = record("file \x1b[2J%s", ValueError("a bug"))
    line.args = ("\x07",)
    assert _make_printable(line)
    assert line.getMessage() == "file \N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}"
    assert line.exc_info is None


def test_a_notebook_is_told_what_to_use() -> None:
    async def in_a_cell() -> None:
        prepare_environment()

    with pytest.raises(PipelineError, match="as in a notebook; use `from flows.notebook import run"):
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
