import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.errors import DataError
from tasks.results.run_summary import RunDifference, RunSummary
from tasks.results.sizes import SizeCurves, SizePoint
from tasks.results.training import Estimate
from tasks.storage.run_log import SCHEMA, append_to_run_log, compare_runs, read_run_log
from tasks.storage.runs import FinishedRun
from tests.fixtures.runs import branch_of, finished_run


def summary(run: str, **changes: Any) -> RunSummary:
    """A run of the log."""
    values = {
        "run": run,
        "ended": 1.0,
        "data": "bundled sample",
        "fingerprint": "f",
        "seeds": 1,
        "accuracies": {"lstm": 0.9},
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


def test_a_log_of_an_earlier_version_has_fewer_scores_of_uneven_labels(tmp_path: Path) -> None:
    append_to_run_log(tmp_path, summary("1", balanced={"lstm": 0.7}, f1={"lstm": 0.4}, rarer_test_share=0.1))
    path = tmp_path / "history.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["f1", "area", "rarer_test_share"]), path)
    old, new = append_to_run_log(tmp_path, summary("2", area={"lstm": 0.3}, rarer_test_share=0.2))
    assert [tuple(measure) for measure in old.measures()] == [("balanced accuracy", {"lstm": 0.7}, 0.5)]
    assert [tuple(measure) for measure in new.measures()] == [("area under precision-recall", {"lstm": 0.3}, 0.2)]
    assert read_run_log(tmp_path) == [old, new]


def test_the_columns_have_types(tmp_path: Path) -> None:
    append_to_run_log(tmp_path, summary("1"))
    schema = pq.read_schema(tmp_path / "history.parquet")
    assert str(schema.field("ended").type) == "timestamp[us, tz=UTC]"
    assert str(schema.field("accuracies").type).startswith("map<string, double")
    assert str(schema.field("seeds").type) == "int64"


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


def run(name: str, accuracy: float, settings: dict[str, Any]) -> FinishedRun:
    """A run of one network."""
    outputs = Path("outputs")
    return finished_run(outputs, name, [branch_of("lstm", outputs, accuracy)], settings=settings)


def test_only_inputs_that_differ_are_listed_but_all_results() -> None:
    first, second = (run(name, value, {"training": {"epochs": n}}) for name, value, n in (("a", 0.7, 3), ("b", 0.8, 5)))
    comparison = compare_runs(first, second)
    assert comparison.runs == ("a", "b")
    assert comparison.inputs == [RunDifference("training.epochs", first=3, second=5)]
    results = {result.name: result for result in comparison.results}
    assert set(results) == {"lstm: test accuracy", "lstm: AUC", "lstm: validation accuracy", "seconds: train"}
    assert results["lstm: AUC"] == RunDifference("lstm: AUC", 0.9, 0.9, 0.0)


def test_the_change_of_an_accuracy_has_the_interval_of_both() -> None:
    comparison = compare_runs(run("a", 0.7, {}), run("b", 0.6, {}))
    change = next(result.change for result in comparison.results if result.name == "lstm: test accuracy")
    # MOVER: -0.1 - sqrt(0.03² + 0.04²) and -0.1 + sqrt(0.04² + 0.03²).
    assert isinstance(change, Estimate)
    assert (change.value, change.low, change.high) == pytest.approx((-0.1, -0.15, -0.05))


def test_the_range_of_two_seeds_is_no_interval() -> None:
    first = run("a", 0.7, {})
    first = replace(first, models=(replace(first.models[0], basis="range"),))
    (result, *_) = compare_runs(first, run("b", 0.6, {})).results
    assert (result.first, result.change) == (0.7, pytest.approx(-0.1))


def test_accuracies_of_each_training_size_are_compared() -> None:
    point = SizePoint("lstm", 1_000, 3, Estimate(0.7, 0.67, 0.74), 1.0)
    curves = SizeCurves(False, "subset", (1, 1), (), (point,), (), (), (), ())
    less = replace(curves, points=(replace(point, seeds=2, accuracy=Estimate(0.6, 0.5, 0.7)),))
    first, second, third = (
        replace(run(name, 0.7, {}), sizes=sizes) for name, sizes in (("a", curves), ("b", less), ("c", None))
    )
    name = "lstm: test accuracy after training on 1,000 reviews, best epoch"
    for other, change in ((second, pytest.approx(-0.1)), (third, None)):
        (found,) = [each for each in compare_runs(first, other).results if each.name == name]
        assert (found.first, found.change) == (point.accuracy, change)


def test_further_networks_on_subsets_leave_runs_comparable() -> None:
    plain, sized = (
        {"data": {"reviews": None, **given}} for given in ({}, {"training_sizes": [10], "vocabulary_of": "all"})
    )
    assert summary("1", settings=plain).conditions == summary("2", settings=sized).conditions


def test_what_one_run_lacks_is_none() -> None:
    first, second = run("a", 0.7, {"run": {}}), run("b", 0.7, {"run": {"keep": 3}})
    second = replace(second, durations={})
    comparison = compare_runs(first, second)
    assert comparison.inputs == [RunDifference("run.keep", first=None, second=3)]
    assert comparison.results[-1] == RunDifference("seconds: train", first=1.0, second=None)


@pytest.mark.parametrize(
    ("column", "value"),
    [("ended", pa.array([2**62]).cast(SCHEMA.field("ended").type)), ("settings", pa.array(["[" * 900 + "]" * 900]))],
)
def test_a_log_with_an_impossible_value_is_named(tmp_path: Path, column: str, value: pa.Array) -> None:
    append_to_run_log(tmp_path, summary("1"))
    table = pq.read_table(tmp_path / "history.parquet")
    table = table.set_column(table.column_names.index(column), column, value)
    pq.write_table(table, tmp_path / "history.parquet")
    with pytest.raises(DataError, match="history.parquet: not a readable log of runs"):
        read_run_log(tmp_path)


def test_a_pipe_in_place_of_the_log_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "history.parquet")
    with pytest.raises(DataError, match="found a folder, a pipe or a device"):
        read_run_log(tmp_path)
