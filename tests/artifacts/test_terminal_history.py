from dataclasses import replace
from pathlib import Path

import pytest

from artifacts.terminal import HISTORY_RUNS, show_differences, show_history
from tasks.results.run_summary import RunComparison, RunDifference, RunSummary
from tasks.results.training import Estimate
from tasks.storage.run_log import append_to_run_log, read_run_log


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that cuts nothing."""
    monkeypatch.setenv("COLUMNS", "200")


def cells(capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    """The rows of the printed tables, without their headings."""
    lines = capsys.readouterr().out.splitlines()
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if line.startswith("│")]


def summary(run: str, accuracies: dict[str, float], data: str = "bundled sample") -> RunSummary:
    """A run of the log."""
    return RunSummary(run, 1.0, data, "f", 1, accuracies, 3.5, {}, {}, {}, "python flows/main.py")


def show(outputs: Path) -> None:
    """Print the log of the runs in a folder."""
    show_history(outputs, read_run_log(outputs))


def test_history_has_a_row_for_each_run_with_a_line_for_each_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    append_to_run_log(tmp_path, replace(summary("1", {"lstm": 0.9}), seeds=3))
    append_to_run_log(tmp_path, summary("2", {"gru": 0.8, "lstm": 0.7}, data="own file [red]x.npz"))
    show(tmp_path)
    assert cells(capsys) == [
        ["2", "own file [red]x.npz, 1 seed", "0.8000 gru", "4"],
        ["", "", "0.7000 lstm", ""],
        ["1", "bundled sample, 3 seeds", "0.9000 lstm", "4"],
    ]


def test_history_shows_the_newest_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(HISTORY_RUNS + 2):
        append_to_run_log(tmp_path, summary(str(number), {"lstm": 0.9}))
    show(tmp_path)
    assert [row[0] for row in cells(capsys)] == [str(number) for number in range(HISTORY_RUNS + 1, 1, -1)]


def test_history_shows_the_settings_that_differ(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for run, epochs, smoke in (("1", 3, True), ("2", 10, False)):
        settings = {"training": {"epochs": epochs, "batch_size": 128}, "run": {"smoke": smoke, "outputs": run}}
        append_to_run_log(tmp_path, replace(summary(run, {"lstm": 0.9}), settings=settings))
    show(tmp_path)
    printed = capsys.readouterr().out
    assert "epochs" in printed
    assert "batch_size" not in printed
    assert "outputs" not in printed
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in printed.splitlines() if line.startswith("│")]
    assert [row[1] for row in rows] == [
        "bundled sample, 1 seed, epochs 10, smoke no",
        "bundled sample, 1 seed, epochs 3, smoke yes",
    ]


def test_on_a_narrow_terminal_history_cuts_no_run_accuracy_or_setting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for run, spec in (("20261128-100746-6e0c38c8", []), ("20261128-100746-6e0c38c9", [{"name": "deep"}])):
        settings = {"data": {"max_length": len(spec)}, "models": {"spec": spec}, "training": {"epochs": len(spec)}}
        accuracies = {
            "simple_rnn": 0.9,
            "lstm": 0.8,
            "stacked_simple_rnn": 0.7,
            "bidirectional_lstm": 0.6,
            "a" * 40: 0.5,
        }
        append_to_run_log(tmp_path, replace(summary(run, accuracies), settings=settings))
    show(tmp_path)
    printed = capsys.readouterr().out
    assert all(line[-1] in "│┃┓┩┤┘" for line in printed.splitlines()[1:]), printed
    assert all(text in printed for text in ("20261128-100746-6e0c38c9", "0.6000", "0.5000", "epochs", "max_length"))


def test_history_without_runs_says_how_to_start_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show(tmp_path)
    assert capsys.readouterr().out == f"{tmp_path}: no runs yet; start one with `uv run flows/main.py --smoke`\n"


def test_differences_show_inputs_results_and_their_direction(capsys: pytest.CaptureFixture[str]) -> None:
    inputs = [RunDifference("training.epochs", 3, 5)]
    results = [
        RunDifference(
            "lstm: test accuracy",
            Estimate(0.7, 0.67, 0.74),
            Estimate(0.6, 0.57, 0.64),
            Estimate(-0.1, -0.15, -0.05),
        ),
        RunDifference("gru: AUC", 0.5, None),
        RunDifference("seconds: train", 2.0, 3.0, 1.0),
    ]
    show_differences(RunComparison(("1", "2"), inputs, results))
    printed = capsys.readouterr().out
    assert "second minus first" in printed
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in printed.splitlines() if line.startswith("│")]
    assert rows == [
        ["training.epochs", "3", "5"],
        [
            "lstm: test accuracy",
            "0.7000 (0.6700 to 0.7400)",
            "0.6000 (0.5700 to 0.6400)",
            "-0.1000 (-0.1500 to -0.0500)",
        ],
        ["gru: AUC", "0.5000", "", ""],
        ["seconds: train", "2.0000", "3.0000", "+1.0000"],
    ]


def test_equal_inputs_are_stated(capsys: pytest.CaptureFixture[str]) -> None:
    show_differences(RunComparison(("1", "2"), [], [RunDifference("seconds: train", 2.0, 2.0, 0.0)]))
    assert capsys.readouterr().out.startswith("Settings, data and versions are the same.")
