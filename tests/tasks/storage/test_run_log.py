import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from tasks.results.errors import DataError
from tasks.results.run_log import RunSummary
from tasks.storage.run_log import Difference, append_to_run_log, compare_runs, find_run, read_run_log


def summary(run: str, **changes: Any) -> RunSummary:
    """A run of the log."""
    values = {
        "run": run,
        "ended": 1.0,
        "data": "bundled sample",
        "fingerprint": "f",
        "seeds": 1,
        "accuracies": {"lstm": 0.9},
        "aucs": {"lstm": 0.95},
        "seconds": 3.5,
        "durations": {"train": 3.5},
        "settings": {"training": {"epochs": 1}},
        "versions": {"keras": "3"},
        "command": "python flows/main.py",
    }
    return RunSummary(**(values | changes))


def test_runs_come_back_as_they_were_appended(tmp_path: Path) -> None:
    runs = [summary("1"), summary("2", accuracies={"gru": 0.8, "lstm": 0.7}, data='{"a": "{"')]
    assert [append_to_run_log(tmp_path, run) for run in runs] == [runs[:1], runs]
    assert read_run_log(tmp_path) == runs


def test_the_columns_have_types(tmp_path: Path) -> None:
    append_to_run_log(tmp_path, summary("1"))
    schema = pq.read_schema(tmp_path / "history.parquet")
    assert str(schema.field("ended").type) == "timestamp[us, tz=UTC]"
    assert str(schema.field("accuracies").type).startswith("map<string, double")
    assert str(schema.field("seeds").type) == "int64"


def test_a_log_of_an_earlier_version_is_read_and_extended(tmp_path: Path) -> None:
    earlier = vars(summary("1"))
    as_json = {name: json.dumps(value) for name, value in earlier.items() if isinstance(value, dict)}
    pd.DataFrame([earlier | as_json]).to_parquet(tmp_path / "history.parquet", index=False)
    assert read_run_log(tmp_path) == [summary("1")]
    assert append_to_run_log(tmp_path, summary("2")) == read_run_log(tmp_path) == [summary("1"), summary("2")]


def test_concurrent_runs_are_all_recorded(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: append_to_run_log(tmp_path, summary(str(number))), range(24)))
    assert sorted(int(run.run) for run in read_run_log(tmp_path)) == list(range(24))


def test_without_a_log_there_are_no_runs(tmp_path: Path) -> None:
    assert read_run_log(tmp_path) == []


def test_a_damaged_log_is_named(tmp_path: Path) -> None:
    (tmp_path / "history.parquet").write_bytes(b"broken")
    with pytest.raises(DataError, match="history.parquet: not a readable log of runs"):
        read_run_log(tmp_path)


def write_run(outputs: Path, name: str, settings: dict[str, Any], accuracy: float) -> Path:
    """A run's folder."""
    metrics = {
        "settings": settings,
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


def training(epochs: int) -> dict[str, Any]:
    """The settings of a run."""
    return {"training": {"epochs": epochs, "seed": 1}}


def test_only_inputs_that_differ_are_listed_but_all_results(tmp_path: Path) -> None:
    first, second = write_run(tmp_path, "a", training(3), 0.7), write_run(tmp_path, "b", training(5), 0.8)
    comparison = compare_runs(first, second)
    assert comparison.inputs == [Difference("training.epochs", first=3, second=5)]
    assert Difference("lstm: test accuracy", first=0.7, second=0.8) in comparison.results
    assert Difference("lstm: AUC", first=0.9, second=0.9) in comparison.results


def test_a_setting_that_one_run_lacks_is_none(tmp_path: Path) -> None:
    first = write_run(tmp_path, "a", {"run": {}}, 0.7)
    second = write_run(tmp_path, "b", {"run": {"keep": 3}}, 0.7)
    assert compare_runs(first, second).inputs == [Difference("run.keep", first=None, second=3)]


def test_former_names_of_settings_are_no_differences(tmp_path: Path) -> None:
    former = write_run(tmp_path, "a", {"data": {"words": 99, "steps": 30}}, 0.7)
    today = write_run(tmp_path, "b", {"data": {"vocabulary_size": 99, "max_length": 40}}, 0.7)
    assert compare_runs(former, today).inputs == [Difference("data.max_length", first=30, second=40)]


def test_a_run_is_given_by_the_start_of_its_name(tmp_path: Path) -> None:
    first = write_run(tmp_path, "20260101-a", training(1), 0.5)
    write_run(tmp_path, "20260102-b", training(1), 0.5)
    assert find_run(tmp_path, "20260101") == first
    for name in ("2026", "x"):
        with pytest.raises(DataError, match="the newest are: 20260101-a, 20260102-b"):
            find_run(tmp_path, name)


def test_latest_is_the_run_that_the_link_points_to(tmp_path: Path) -> None:
    first = write_run(tmp_path, "20260101-a", training(1), 0.5)
    write_run(tmp_path, "20260102-b", training(1), 0.5)
    (tmp_path / "latest").symlink_to(first)
    assert find_run(tmp_path, "latest") == first.resolve()


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "{}", '{"settings": 1}', '{"settings": {}, "dataset": []}'])
def test_damaged_metrics_are_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text(content)
    with pytest.raises(DataError, match="metrics.json: no readable description of a run"):
        compare_runs(tmp_path, tmp_path)
