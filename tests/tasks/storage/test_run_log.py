import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tasks.results.errors import DataError
from tasks.results.run_log import RunSummary
from tasks.storage.run_log import Difference, append_to_run_log, compare_runs, find_run, read_run_log


def row(run: str, **more: Any) -> RunSummary:
    """A run of the history."""
    values = {
        "run": run, "ended": 1.0, "data": "bundled sample", "fingerprint": "f", "seeds": 1,
        "accuracies": {"lstm": 0.9}, "aucs": {"lstm": 0.95}, "seconds": 3.5, "durations": {"train": 3.5},
        "settings": {"training": {"epochs": 1}}, "versions": {"keras": "3"}, "command": "python flows/main.py",
    }  # fmt: skip
    return RunSummary(**(values | more))


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    rows = [row("1"), row("2", accuracies={"gru": 0.8, "lstm": 0.7}, data='{"a": "{"')]
    for one in rows:
        append_to_run_log(tmp_path, one)
    assert read_run_log(tmp_path) == rows


def test_runs_at_once_lose_no_row(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: append_to_run_log(tmp_path, row(str(number))), range(24)))
    assert sorted(int(one.run) for one in read_run_log(tmp_path)) == list(range(24))


def test_a_damaged_history_is_named(tmp_path: Path) -> None:
    (tmp_path / "history.parquet").write_bytes(b"broken")
    with pytest.raises(DataError, match="history.parquet: not a readable log of runs"):
        read_run_log(tmp_path)


def made(outputs: Path, name: str, epochs: int, accuracy: float) -> Path:
    """A run's folder."""
    metrics = {
        "settings": {"training": {"epochs": epochs, "seed": 1}},
        "dataset": {"fingerprint": "f", "source": {"sha256": "s"}},
        "branches": [
            {
                "name": "lstm",
                "seed": 1,
                "machine": {"versions": {"keras": "3"}},
                "history": [{"val_accuracy": accuracy}],
            }
        ],
        "evidence": {"models": [{"name": "lstm", "accuracy": {"value": accuracy}, "auc": 0.9}]},
        "durations": {"train": 1.0},
    }
    folder = outputs / "runs" / name
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text(json.dumps(metrics))
    return folder


def test_only_inputs_that_differ_are_listed(tmp_path: Path) -> None:
    comparison = compare_runs(made(tmp_path, "a", 3, 0.7), made(tmp_path, "b", 5, 0.8))
    assert comparison.inputs == [Difference("training.epochs", 3, 5)]
    assert Difference("lstm: test accuracy", 0.7, 0.8) in comparison.results


def test_a_run_is_found_by_the_start_of_its_name(tmp_path: Path) -> None:
    first = made(tmp_path, "20260101-a", 1, 0.5)
    made(tmp_path, "20260102-b", 1, 0.5)
    assert find_run(tmp_path, "20260101") == first
    for name in ("2026", "x"):
        with pytest.raises(DataError, match="the newest are: 20260101-a, 20260102-b"):
            find_run(tmp_path, name)
