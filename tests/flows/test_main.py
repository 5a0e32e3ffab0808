import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from flows import main
from flows.environment import stopped_by_signals
from flows.main import run_command_line
from tasks.errors import DataError
from tests.fixtures.runs import write_run


def test_a_wrong_setting_is_one_line_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["--epochs", "0"]) == 2
    assert capsys.readouterr().err == "Error: --epochs: found '0'; it should be greater than or equal to 1\n"


def test_a_user_error_is_one_line_and_status_1(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run_command_line(["diff", "latest", "x", "--outputs", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("Error: run latest: 0 runs in ")
    assert error.count("\n") == 1


def test_an_unexpected_error_is_one_line_and_its_traceback_is_in_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("a \x1b[31m fault\nof ours")

    monkeypatch.setattr("artifacts.terminal.show_history", fail)
    assert run_command_line(["history"]) == 1
    line = capsys.readouterr().err
    found = re.fullmatch(r"Error: unexpected ZeroDivisionError: a \ufffd\[31m fault; details in (\S+)\n", line)
    assert found, line
    details = Path(found[1])
    assert "ZeroDivisionError" in details.read_text()
    assert stat.S_IMODE(details.stat().st_mode) == 0o600
    details.unlink()


def test_a_signal_in_a_library_that_wraps_errors_is_a_stop(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def wrapped(*_: object) -> None:
        with stopped_by_signals():
            try:
                signal.raise_signal(signal.SIGTERM)
            except KeyboardInterrupt as stop:
                raise ValueError("could not serialize") from stop

    monkeypatch.setattr("artifacts.terminal.show_history", wrapped)
    assert run_command_line(["history"]) == 128 + signal.SIGTERM
    assert capsys.readouterr().err == "Stopped. Completed work is kept: the same command resumes.\n"


def test_ctrl_c_is_status_130_and_says_how_to_resume(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("artifacts.terminal.show_history", interrupt)
    assert run_command_line(["history"]) == 130
    expected = "Stopped. Completed work is kept: the same command resumes.\n"
    assert capsys.readouterr().err == expected


def test_ctrl_c_during_the_imports_prints_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "cyclopts.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    command = [sys.executable, main.__file__, "--help"]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_a_damaged_run_log_is_a_user_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def fail(*_: object) -> None:
        raise DataError("history.parquet is damaged")

    monkeypatch.setattr("artifacts.terminal.show_history", fail)
    assert run_command_line(["history", "--outputs", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "Error: history.parquet is damaged\n"


def test_diff_compares_two_runs_by_the_start_of_their_names(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for name, accuracy in (("20260101-a", 0.5), ("20260102-b", 0.75)):
        write_run(tmp_path, name, lstm=accuracy)
    assert run_command_line(["diff", "20260101", "20260102", "--outputs", str(tmp_path)]) == 0
    assert "+0.2500" in capsys.readouterr().out


def test_the_environment_sets_the_outputs_of_every_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("RNN_OUTPUTS", str(tmp_path))
    assert run_command_line(["history"]) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path}: no runs yet")


@pytest.mark.parametrize("spec", ["[" * 100_000, '{"name":' * 100_000, '{"units": ' + "9" * 5_000 + "}"])
def test_json_that_python_cannot_hold_is_one_line(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["--spec", spec]) == 2
    error = capsys.readouterr().err
    assert error.startswith("Error: --spec: found JSON that is too deep or too long (")
    assert error.count("\n") == 1


def test_a_value_that_is_too_long_is_cut_in_its_message(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["--spec", '{"name": "' + "a" * 100_000 + '", "cell": "gru"}']) == 2
    assert len(capsys.readouterr().err) < 400


def test_an_entry_to_return_to_is_not_rounded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("flows.commands.run_flow", None)
    assert run_command_line(["rollback", "--to", "1.5"]) == 2
    assert "1.5" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["--data", "n\udcff.npz"], ["score", "n\udcff.csv"], ["history", "--outputs", "\udcff"]]
)
def test_a_name_that_is_not_utf_8_is_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(arguments) == 2
    error = capsys.readouterr().err
    assert "\\udcff" in error
    assert error.endswith("which is not UTF-8; rename the file\n")


def test_a_name_in_the_environment_that_is_not_utf_8_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RNN_OUTPUTS", "\udcff")
    assert run_command_line(["history"]) == 2
    assert "not UTF-8" in capsys.readouterr().err
