"""What is said where one label is rare."""

from dataclasses import replace

import pytest

from artifacts import tables
from artifacts.terminal import SUMMARY_WIDTH, summary
from artifacts.wording import uneven, verdict, yardstick
from tasks.results.comparison import Comparison
from tasks.results.training import Estimate, LabelScores
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
    assert heads == ["Network", f"Balanced accuracy ({bounds})", "F1 of “rare”", "PR area", "Accuracy", "CPU s"]
    always, bag = ([cell.text for cell in row if cell.text] for row in table.cells_apart())
    assert always == ["always “common”", "0.500", "0.000", "0.050", "0.950"]
    assert bag[0] == "bag of words"
    assert len(tables.overview(c).cells_apart()) == 2
    assert max(map(len, summary(c).splitlines())) <= SUMMARY_WIDTH


def test_even_labels_are_shown_as_before() -> None:
    assert "Balanced" not in " ".join(column.head for column in tables.answer(examples.comparison()).columns)
