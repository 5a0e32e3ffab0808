import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flows.operate.run_log import SHOWN, show_differences, show_history
from tasks.results.errors import DataError
from tasks.results.run_log import RunSummary
from tasks.storage.run_log import append_to_run_log


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
    return RunSummary(run, 1.0, data, "f", 1, accuracies, {}, 3.5, {}, {}, {}, "python flows/main.py")


def write_run(outputs: Path, name: str, settings: dict[str, Any], accuracy: dict[str, float]) -> None:
    """A run's folder."""
    metrics = {
        "settings": settings,
        "dataset": {"fingerprint": "f", "source": {"sha256": "s"}},
        "branches": [{"name": "lstm", "machine": {"versions": {}}, "history": [{"val_accuracy": 0.5}]}],
        "evidence": {
            "models": [{"name": name, "accuracy": {"value": value}, "auc": 0.5} for name, value in accuracy.items()]
        },
        "durations": {"train": 2.0},
    }
    metrics["branches"] = [metrics["branches"][0] | {"name": name} for name in accuracy]
    folder = outputs / "runs" / name
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text(json.dumps(metrics))


def test_history_has_a_row_for_each_run_with_a_line_for_each_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    append_to_run_log(tmp_path, replace(summary("1", {"lstm": 0.9}), seeds=3))
    append_to_run_log(tmp_path, summary("2", {"gru": 0.8, "lstm": 0.7}, data="own file [red]x.npz"))
    assert show_history(tmp_path) == 0
    assert cells(capsys) == [
        ["2", "own file [red]x.npz, 1 seed", "0.8000 gru", "4"],
        ["", "", "0.7000 lstm", ""],
        ["1", "bundled sample, 3 seeds", "0.9000 lstm", "4"],
    ]


def test_history_shows_the_newest_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(SHOWN + 2):
        append_to_run_log(tmp_path, summary(str(number), {"lstm": 0.9}))
    show_history(tmp_path)
    assert [row[0] for row in cells(capsys)] == [str(number) for number in range(SHOWN + 1, 1, -1)]


def test_history_shows_the_settings_that_differ(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for run, epochs, smoke in (("1", 3, True), ("2", 10, False)):
        settings = {"training": {"epochs": epochs, "batch_size": 128}, "run": {"smoke": smoke, "outputs": run}}
        append_to_run_log(tmp_path, replace(summary(run, {"lstm": 0.9}), settings=settings))
    show_history(tmp_path)
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
    show_history(tmp_path)
    printed = capsys.readouterr().out
    assert all(line[-1] in "│┃┓┩┤┘" for line in printed.splitlines()[1:]), printed
    assert all(text in printed for text in ("20261128-100746-6e0c38c9", "0.6000", "0.5000", "epochs", "max_length"))


def test_differences_name_their_direction_and_show_intervals(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (("1", 0.7), ("2", 0.6)):
        write_run(tmp_path, name, {}, {"lstm": value})
        path = tmp_path / "runs" / name / "metrics.json"
        metrics = json.loads(path.read_text())
        metrics["evidence"]["models"][0]["accuracy"] |= {"low": value - 0.03, "high": value + 0.04}
        path.write_text(json.dumps(metrics))
    show_differences(tmp_path, "1", "2")
    printed = capsys.readouterr().out
    assert "second minus first" in printed
    # MOVER: -0.1 - sqrt(0.03² + 0.04²) and -0.1 + sqrt(0.04² + 0.03²).
    assert "0.7000 (0.6700 to 0.7400)" in printed
    assert "-0.1000 (-0.1500 to -0.0500)" in printed


def test_history_without_runs_says_how_to_start_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert show_history(tmp_path) == 0
    assert capsys.readouterr().out == f"{tmp_path}: no runs yet; start one with `uv run flows/main.py --smoke`\n"


def test_differences_show_inputs_that_changed_and_how_results_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path, "1", {"training": {"epochs": 3}}, {"lstm": 0.7, "gru": 0.5})
    write_run(tmp_path, "2", {"training": {"epochs": 5}}, {"lstm": 0.6})
    assert show_differences(tmp_path, "1", "2") == 0
    rows = cells(capsys)
    assert rows[0] == ["training.epochs", "3", "5"]
    assert ["lstm: test accuracy", "0.7000", "0.6000", "-0.1000"] in rows
    assert ["gru: test accuracy", "0.5000", "", ""] in rows


def test_equal_inputs_are_stated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("1", "2"):
        write_run(tmp_path, name, {}, {"lstm": 0.7})
    show_differences(tmp_path, "1", "2")
    assert capsys.readouterr().out.startswith("Settings, data and versions are the same.")


def test_an_unknown_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="run 1: 0 runs in"):
        show_differences(tmp_path, "1", "2")
