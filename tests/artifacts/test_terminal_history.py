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


def blocks(capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    """The printed lines of each run."""
    _, *runs = capsys.readouterr().out.strip().split("\n\n")
    return [[line.strip() for line in run.splitlines()] for run in runs]


def summary(run: str, accuracies: dict[str, float], data: str = "bundled sample") -> RunSummary:
    """A run of the log."""
    return RunSummary(run, 1.0, data, "f", 1, accuracies, 3.5, {}, {}, {}, "python flows/main.py")


def show(outputs: Path) -> None:
    """Print the log of the runs in a folder."""
    show_history(outputs, read_run_log(outputs))


def test_history_has_three_lines_for_each_run_with_accuracies_before_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    append_to_run_log(tmp_path, replace(summary("1", {"lstm": 0.9}), seeds=3))
    append_to_run_log(tmp_path, summary("2", {"gru": 0.8, "lstm": 0.7}, data="own file [red]x.npz"))
    show(tmp_path)
    assert blocks(capsys) == [
        ["2  own file [red]x.npz", "GRU 0.8000, LSTM 0.7000", "1 seed, 4 s"],
        ["1  bundled sample", "LSTM 0.9000", "3 seeds, 4 s"],
    ]


def test_history_shows_the_newest_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(HISTORY_RUNS + 2):
        append_to_run_log(tmp_path, summary(str(number), {"lstm": 0.9}))
    show(tmp_path)
    names = [lines[0].split()[0] for lines in blocks(capsys)]
    assert names == [str(number) for number in range(HISTORY_RUNS + 1, 1, -1)]


def test_history_shows_the_settings_that_differ(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for run, epochs, smoke in (("1", 3, True), ("2", 10, False)):
        settings = {"training": {"epochs": epochs, "batch_size": 128}, "run": {"smoke": smoke, "outputs": run}}
        append_to_run_log(tmp_path, replace(summary(run, {"lstm": 0.9}), settings=settings))
    show(tmp_path)
    assert [lines[2] for lines in blocks(capsys)] == [
        "1 seed, 4 s, epochs 10, smoke no",
        "1 seed, 4 s, epochs 3, smoke yes",
    ]


@pytest.mark.parametrize("columns", [80, 120])
def test_history_fits_the_terminal_and_breaks_no_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    accuracies = {"simple_rnn": 0.9, "lstm": 0.8, "stacked_simple_rnn": 0.7, "bidirectional_lstm": 0.6, "a" * 40: 0.5}
    for run, spec in (("20261128-100746-6e0c38c8", []), ("20261128-100746-6e0c38c9", [{"name": "deep"}])):
        settings = {"data": {"max_length": len(spec)}, "models": {"spec": spec}, "training": {"epochs": len(spec)}}
        append_to_run_log(tmp_path, replace(summary(run, accuracies), settings=settings))
    show(tmp_path)
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= columns
    words = printed.replace(",", " ").split()
    assert {"20261128-100746-6e0c38c9", "0.6000", "SimpleRNN", "a" * 40, "epochs", "max_length"} <= set(words)


def test_history_without_runs_says_how_to_start_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show(tmp_path)
    assert capsys.readouterr().out == f"{tmp_path}: no runs yet; start one with `uv run flows/main.py --smoke`\n"


def test_differences_show_inputs_results_and_their_direction(capsys: pytest.CaptureFixture[str]) -> None:
    inputs = [RunDifference("training.epochs", 3, 5)]
    results = [
        RunDifference(
            "LSTM: test accuracy",
            Estimate(0.7, 0.67, 0.74),
            Estimate(0.6, 0.57, 0.64),
            Estimate(-0.1, -0.15, -0.05),
        ),
        RunDifference("GRU: AUC", 0.5, None),
        RunDifference("seconds: train", 2.0, 3.0, 1.0),
    ]
    show_differences(RunComparison(("1", "2"), inputs, results))
    printed = capsys.readouterr().out
    assert "second minus first" in printed
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in printed.splitlines() if line.startswith("│")]
    assert rows == [
        ["training.epochs", "3", "5"],
        [
            "LSTM: test accuracy",
            "0.7000 (0.6700 to 0.7400)",
            "0.6000 (0.5700 to 0.6400)",
            "-0.1000 (-0.1500 to -0.0500)",
        ],
        ["GRU: AUC", "0.5000", "", ""],
        ["seconds: train", "2.0000", "3.0000", "+1.0000"],
    ]


def test_equal_inputs_are_stated(capsys: pytest.CaptureFixture[str]) -> None:
    show_differences(RunComparison(("1", "2"), [], [RunDifference("seconds: train", 2.0, 2.0, 0.0)]))
    assert capsys.readouterr().out.startswith("Settings, data and versions are the same.")
