"""The command `score`: what it refuses at once, and a sentence."""

import io
import sys
from pathlib import Path
from typing import Any

import pytest

from flows.main import run_command_line
from tests.tasks.test_score import Trained


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Trained once for all tests here."""
    return Trained(tmp_path_factory.mktemp("trained"))


def failed(capsys: pytest.CaptureFixture[str], *arguments: "str | Path") -> tuple[int, str]:
    """Exit status and the one line of a command that fails."""
    status = run_command_line(["score", *map(str, arguments)])
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return status, error


def test_an_input_or_a_sentence_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    assert failed(capsys) == (2, "Error: score: found neither; give an INPUT, or --text with a sentence\n")
    assert failed(capsys, "a.csv", "--text", "film")[1].startswith("Error: score: found both")
    assert failed(capsys, "--outptu") == (
        2,
        "Error: found '--outptu', which is not an option; --help lists the options\n",
    )
    status, error = failed(capsys, "a.csv", "--max-rejects", "2")
    assert (status, "--max-rejects" in error) == (2, True)


def test_what_cannot_work_is_said_without_a_server(
    trained: Trained, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.commands.run_flow", None)
    model = ("--model", trained.branch.folder, "--outputs", tmp_path)
    assert failed(capsys, tmp_path / "none.csv", *model)[1].startswith(f"Error: {tmp_path}/none.csv: no such file")
    (tmp_path / "t.txt").write_text("w1\n")
    assert "expected one of .parquet" in failed(capsys, tmp_path / "t.txt", *model, "--output", "o.xls")[1]
    status, error = failed(capsys, tmp_path / "t.txt", "--model", "gone", "--outputs", tmp_path)
    assert (status, error.startswith("Error: --model gone: no such network")) == (1, True)


def test_standard_input_is_scored_as_lines(
    trained: Trained, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs: list[Any] = []

    def run_flow(_: Any, *given: Any, **__: Any) -> Any:
        inputs.extend(given)
        raise KeyboardInterrupt

    monkeypatch.setattr("flows.commands.run_flow", run_flow)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"w1 w2\nw3\n")))
    status = run_command_line(["score", "-", "--model", str(trained.branch.folder), "--outputs", str(tmp_path)])
    assert status == 130
    assert Path(inputs[0]).parent == tmp_path / "scores"
    assert Path(inputs[0]).read_bytes() == b"w1 w2\nw3\n"
    capsys.readouterr()


def test_closed_standard_input_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    status, error = failed(capsys, "-", "--outputs", tmp_path)
    assert (status, error) == (2, "Error: score -: standard input is closed; give an INPUT\n")


def test_empty_standard_input_is_one_line_and_leaves_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    status, error = failed(capsys, "-", "--outputs", tmp_path)
    assert (status, error) == (2, "Error: score -: standard input is empty; expected a review per line\n")
    assert list((tmp_path / "scores").iterdir()) == []


def test_a_sentence_is_answered_at_once(
    trained: Trained, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("flows.commands.run_flow", None)
    arguments = ["score", "--text", "W3, unheard w4!", "--model", str(trained.branch.folder)]
    assert run_command_line([*arguments, "--outputs", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines[:3]] == ["w3", "unheard", "w4"]
    assert lines[1].endswith("(unknown)")
    assert "by lstm seed 1" in lines[3]
    assert not list(tmp_path.iterdir())
