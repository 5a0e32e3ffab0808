"""What is said where one label is rare."""

from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len

from artifacts import tables
from artifacts.terminal import SUMMARY_WIDTH, show_history, summary
from artifacts.wording import uneven, verdict, yardstick
from tasks.results.comparison import Comparison
from tasks.results.training import Estimate, LabelScores
from tasks.storage.run_log import append_to_run_log, read_run_log, summarize
from tasks.storage.runs import write_run
from tests.artifacts import examples


def uneven_run(seeds: int = 1, low: float = 0.6) -> Comparison:
    """A run on 100 + 100 reviews, of which 10 are labelled rare; the balanced accuracies are surely above `low`."""
    c = examples.with_yardstick(examples.comparison(seeds), *[-0.01] * 2 * seeds)
    split = replace(c.dataset.train, positive=5)
    scores = LabelScores(Estimate(0.7, low, 0.8), 0.41, 0.52)
    models = tuple(replace(model, by_label=scores) for model in c.evidence.models)
    evaluations = tuple(
        replace(each, last=replace(each.last, by_label=scores), best=replace(each.best, by_label=scores))
        for each in c.evaluations
    )
    dataset = replace(c.dataset, train=split, test=split, labels=("common", "rare"))
    return replace(
        c, dataset=dataset, evidence=replace(c.evidence, models=models, chance=0.95), evaluations=evaluations
    )


def test_balanced_accuracy_leads_beside_always_the_more_frequent_label() -> None:
    first = verdict.verdicts(uneven_run())[0]
    assert first == (
        "5% of the reviews are labelled “rare”, so accuracy says little. At the best epoch, balanced accuracy, the "
        "mean of both labels' recalls, is 70.0% for SimpleRNN (60.0% to 80.0%) and 70.0% for LSTM (60.0% to 80.0%) "
        "(95% interval); always “common” gets 50.0%."
    )
    assert "means and bounds over seeds" in verdict.verdicts(uneven_run(3))[0]


def test_a_network_with_less_accuracy_than_always_one_label_may_still_find_the_rare_one() -> None:
    assert verdict.nothing_shown(uneven_run()) is None
    guessing = uneven_run(low=0.45)
    assert "always predicting the more frequent label (balanced accuracy 50.0%)" in str(verdict.nothing_shown(guessing))


def test_tests_are_said_to_be_about_accuracy_and_advice_is_given_once() -> None:
    c = uneven_run()
    assert uneven.about_tests(c).endswith("With --class-weight balanced, both labels weigh the same in training.")
    weighed = replace(c, settings={"training": {"class_weight": "balanced"}})
    assert "--class-weight" not in uneven.about_tests(weighed)
    assert str(yardstick.yardstick(c)).startswith(
        "A bag of words, which counts words and ignores their order, has a ba"
    )
    assert "McNemar" not in str(yardstick.yardstick(c))


@pytest.mark.parametrize("seeds", [1, 3])
def test_tables_lead_with_what_says_more(seeds: int) -> None:
    c = uneven_run(seeds)
    table = tables.answer(c)
    heads = [column.head for column in table.columns if column.head != "Seeds"]
    bounds = "95%" if seeds == 1 else "lowest to highest seed"
    assert heads == ["Network", f"Balanced accuracy ({bounds})", "F1 (rarer)", "PR area", "Accuracy", "CPU s"]
    always, bag = ([cell.text for cell in row if cell.text] for row in table.cells_apart())
    assert always == ["always “common”", "0.500", "0.000", "0.050", "0.950"]
    assert bag[0] == "bag of words"
    assert len(tables.overview(c).cells_apart()) == 2
    assert max(map(len, summary(c).splitlines())) <= SUMMARY_WIDTH


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(
    ("more_frequent", "shown"),
    [("recommended", "“recommended”"), ("a" * 60, "“aaaaaaaaaaa…”"), ("素晴らしい映画" * 2, "“素晴らしい…”")],
)
def test_long_names_of_labels_break_no_name_and_no_number_of_the_summary(
    seeds: int, more_frequent: str, shown: str
) -> None:
    c = uneven_run(seeds)
    c = replace(c, dataset=replace(c.dataset, labels=(more_frequent, "not " + more_frequent)))
    lines = summary(c).splitlines()
    table = lines[2 : lines.index("", lines.index("", 2) + 1)]  # Networks, an empty line, and what is no network.
    assert max(map(cell_len, table)) <= SUMMARY_WIDTH
    rows = {line.split()[0]: line.split() for line in table if line}
    assert rows["LSTM"][-6:] == ["to", "0.800)", "0.410", "0.520", "0.900", "30.0"]
    assert rows["always"][-4:] == ["0.500", "0.000", "0.050", "0.950"]
    assert shown in " ".join(table).split()  # Perhaps on a line of its own.
    assert "F1 of “not " in " ".join(column.head for column in tables.overview(c).columns)


def test_even_labels_are_shown_as_before() -> None:
    assert "Balanced" not in " ".join(column.head for column in tables.answer(examples.comparison()).columns)


def test_the_history_leads_with_the_same_scores_beside_those_of_always_one_label(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    append_to_run_log(tmp_path, summarize(write_run(tmp_path / "runs" / "uneven", uneven_run()), 1.0))
    even = write_run(tmp_path / "runs" / "even", replace(examples.comparison(), run="even"))
    runs = append_to_run_log(tmp_path, summarize(even, 2.0))
    assert read_run_log(tmp_path) == runs
    show_history(tmp_path, runs)
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    note, even, uneven_lines = printed.split("\n\n")
    assert "“always” is what always giving the more frequent label gets" in " ".join(note.split())
    assert "always" not in even
    assert uneven_lines.splitlines()[1:5] == [
        "  balanced accuracy: SimpleRNN 0.7000, LSTM 0.7000; always 0.5000",
        "  F1 of the rarer label: SimpleRNN 0.4100, LSTM 0.4100; always 0.0000",
        "  area under precision-recall: SimpleRNN 0.5200, LSTM 0.5200; always 0.0500",
        "  accuracy, last epoch: SimpleRNN 0.8200, LSTM 0.8800",
    ]
    first, second = tables.history(runs).records()
    measures = [name for name in first if "accuracy" in name or "F1" in name or "area" in name]
    assert [first[name] for name in measures] == [0.7, 0.7, 0.5, 0.41, 0.41, 0.0, 0.52, 0.52, 0.05, 0.82, 0.88]
    assert [name for name in second if "accuracy" in name] == measures[-2:]
