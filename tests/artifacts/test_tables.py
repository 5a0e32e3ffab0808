import json
from dataclasses import replace
from typing import Any

import pytest

from artifacts import data_tables, tables
from artifacts.blocks import Table
from tasks.results.comparison import Comparison, Reproduction
from tasks.results.run_summary import RunSummary
from tests.artifacts import examples


@pytest.fixture
def c() -> Comparison:
    """Two models with a seed each."""
    return examples.comparison()


def heads(table: Table[Any]) -> list[str]:
    """The heads of a table."""
    return [column.head for column in table.columns]


def texts(table: Table[Any]) -> list[list[str]]:
    """The texts of a table's cells."""
    return [[cell.text for cell in row] for row in table.cells()]


def test_networks_have_the_order_of_the_settings(c: Comparison) -> None:
    assert texts(tables.accuracy(c)) == [
        ["SimpleRNN", "0.8200 (0.7700 to 0.8700)", "0.9000", "1", "0.8800 (0.8600 to 0.9000)", "322,113"],
        ["LSTM", "0.8800 (0.8300 to 0.9300)", "0.9000", "1", "0.9400 (0.9200 to 0.9600)", "322,113"],
    ]
    assert [model.name for model in c.evidence.models] == ["lstm", "simple_rnn"]  # The order of the accuracies.


def test_the_overview_has_the_tutorials_accuracy_beside_ours(c: Comparison) -> None:
    assert heads(tables.overview(c)) == [
        "Network", "Test accuracy (95% interval)", "At the best epoch", "Validation accuracy", "Parameters",
        "Processor time (s)",
    ]  # fmt: skip
    card = replace(c, reproduction=(Reproduction("lstm", 0.884, 0.88, 0.03),))
    assert texts(tables.overview(card)) == [
        ["SimpleRNN", "0.8200 (0.8100 to 0.8300)", "0.9000", "0.8000", "", "322,113", "30.0"],
        ["LSTM", "0.8800 (0.8700 to 0.8900)", "0.9000", "0.8000", "0.884", "322,113", "30.0"],
    ]


def test_the_bag_of_words_is_apart_from_the_networks_in_their_columns(c: Comparison) -> None:
    beside = examples.with_yardstick(replace(c, reproduction=(Reproduction("lstm", 0.884, 0.88, 0.03),)), -0.03, -0.007)
    shown = [cell.text for cell in tables.overview(beside).cells_apart()[0]]
    assert shown == ["bag of words", "0.8870 (0.8770 to 0.8970)", "", "0.8928", "", "9,997", "1.8"]
    assert len(tables.overview(beside).rows) == 2
    several = examples.with_yardstick(examples.comparison(3), *[-0.01] * 6)
    shown = [cell.text for cell in tables.answer(several).cells_apart()[0]]
    assert shown == ["bag of words", "", "0.8870 (0.8770 to 0.8970)", "", "1.8"]
    assert tables.answer(c).cells_apart() == []


def test_every_network_has_a_row_beside_the_bag_of_words(c: Comparison) -> None:
    beside = tables.yardstick(examples.with_yardstick(c, -0.03, 0.007, p=0.04))
    assert texts(beside)[:2] == [
        ["best", "SimpleRNN", "10", "4", "-3.00 (-4.00 to -2.00)", "0.020", "0.040"],
        ["best", "LSTM", "10", "4", "+0.70 (-0.30 to +1.70)", "0.020", "0.040"],
    ]
    assert [row[0] for row in texts(beside)] == ["best", "best", "last", "last"]
    assert tables.yardstick(c).rows == []


def test_suspects_have_what_each_judge_says_and_the_way_back_to_the_users_file(c: Comparison) -> None:
    found = data_tables.suspects(examples.with_suspects(c))
    assert heads(found)[:6] == ["Part", "Review", "File", "Row", "Label", "Score"]
    assert texts(found) == [
        ["test", "7", "r.csv", "12", "negative", "0.9500", "0.9500", "0.9900", "0.9700"],
        ["training", "3", "r.csv", "1,004", "positive", "0.9000", "0.1000", "", ""],
    ]
    assert data_tables.suspects(c).rows == ()


def test_with_several_seeds_means_come_first_and_then_each_seed() -> None:
    c = examples.comparison(3)
    assert heads(tables.answer(c)) == ["Network", "Seeds", "Mean test accuracy (95%)", "At best epoch", "CPU s"]
    assert [row[0] for row in texts(tables.answer(c))] == ["SimpleRNN", "LSTM"]
    assert [row[:2] for row in texts(tables.seeds(c))] == [[n, s] for n in ("SimpleRNN", "LSTM") for s in "123"]
    assert tables.seeds(examples.comparison()).rows == ()


def test_scores_and_cost(c: Comparison) -> None:
    assert texts(tables.scores(c))[1] == ["LSTM", "0.4321", "0.8100", "0.7900", "0.8000"]
    assert texts(tables.cost(c))[1] == ["LSTM", "compiled loops", "2.00", "123,000", "30.0", "4.5", "1,007"]


def test_thresholds(c: Comparison) -> None:
    assert texts(tables.thresholds(c))[1] == [
        "LSTM",
        "0.0900",
        "0.460",
        "0.8700",
        "0.8600",
        "0.9000",
        "0.8500",
        "0.9000",
    ]


def test_seeds_have_a_column_where_there_are_several() -> None:
    one, three = examples.comparison(), examples.comparison(3)
    for table in (tables.accuracy, tables.scores, tables.cost, tables.thresholds):
        assert "Seed" not in heads(table(one))
        assert heads(table(three))[:2] == ["Network", "Seed"]
    assert tables.models(one).rows == ()
    assert texts(tables.models(three))[1] == ["LSTM", "3", "seeds and reviews", "0.0100", "0.9000"]


def test_pairs_are_corrected_where_there_are_several(c: Comparison) -> None:
    assert texts(tables.pairs(c)) == [
        ["best", "LSTM", "SimpleRNN", "1", "+2.00 (+1.00 to +3.00)", "reviews", "< 0.001"],
        ["last", "LSTM", "SimpleRNN", "1", "+6.00 (+4.00 to +8.00)", "reviews", "< 0.001"],
    ]
    many = replace(c, evidence=replace(c.evidence, pairs=(examples.pair(),) * 3))
    assert heads(tables.pairs(many))[-1] == "p (Holm)"


def test_each_seed_is_compared_review_by_review() -> None:
    rows = texts(tables.seed_tests(examples.comparison(2)))
    assert rows[1] == ["LSTM", "SimpleRNN", "2", "78", "10", "4", "8", "+6.00 (+4.00 to +8.00)", "0.020"]


def test_the_reproduction_card(c: Comparison) -> None:
    lines = (Reproduction("lstm", 0.884, 0.8512, 0.03), Reproduction("simple_rnn", 0.816, 0.83, 0.03))
    assert texts(tables.reproduction(replace(c, reproduction=lines))) == [
        ["LSTM", "0.884", "0.8512", "0.03", "no"],
        ["SimpleRNN", "0.816", "0.8300", "0.03", "yes"],
    ]


def test_data_time_and_settings(c: Comparison) -> None:
    assert texts(data_tables.splits(c))[0] == ["training", "100", "50", "174", "233.8", "1.23%"]
    assert texts(tables.durations(c)) == [["fetch", "1.0"], ["train", "12.3"]]
    reused = replace(c, made_in={"train": 40.0})
    assert texts(tables.durations(reused)) == [["fetch", "1.0", ""], ["train", "12.3", "40.0"]]
    assert texts(tables.settings(c)) == [["training.validation", "0.2"], ["training.epochs", "2"], ["data.data", ""]]
    listed = replace(c, settings={"models": ["simple_rnn", "lstm"], "smoke": True, "seed": 1, "units": []})
    assert [row[1] for row in texts(tables.settings(listed))] == ["simple_rnn, lstm", "yes", "1", ""]


def test_the_artifact_joins_the_tables_of_the_networks(c: Comparison) -> None:
    record = tables.networks(c).records()[1]
    assert record["network"] == "LSTM"
    assert record["test accuracy, last epoch, 95% low"] == 0.83
    assert record["AUC"] == 0.94
    assert record["processor s/epoch"] == 2.0
    assert record["expected calibration error"] == 0.09


def summary(run: str, **accuracies: float) -> RunSummary:
    """A run of the history."""
    return RunSummary(run, 1.0, "IMDB reviews", "f", 1, accuracies, 3.54, {}, {}, {}, "python flows/main.py")


def test_the_history_names_the_data_once_and_the_files_beside_it() -> None:
    settings: list[dict[str, object]] = [{"data": {"data": files}} for files in (["imdb.npz"], [])]
    rows = [replace(summary(str(number), lstm=0.9), settings=given) for number, given in enumerate(settings)]
    records = tables.history(rows).records()
    assert [record["data"] for record in records] == ["IMDB reviews"] * 2
    assert [record["data.data"] for record in records] == ["imdb.npz", ""]


def test_the_history_leaves_out_what_a_run_did_not_train() -> None:
    records = tables.history([summary("1", lstm=0.88), summary("2", gru=0.87654)]).records()
    assert [record["run"] for record in records] == ["1", "2"]
    assert (records[0]["test accuracy of LSTM"], records[0]["seconds"]) == (0.88, 3.5)
    assert "test accuracy of LSTM" not in records[1]
    assert records[1]["test accuracy of GRU"] == 0.8765


def test_records_are_plain_values(c: Comparison) -> None:
    for table in (tables.networks(c), tables.history([summary("1", lstm=0.88)])):
        assert json.loads(json.dumps(table.records())) == table.records()
