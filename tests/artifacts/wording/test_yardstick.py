from dataclasses import replace

import pytest

from artifacts.wording.yardstick import about, suspect, suspects, yardstick
from tasks.results.comparison import Comparison, YardstickTest
from tests.artifacts import examples

BAG = (
    "A bag of words, which counts words and ignores their order, is right on 88.7% of the same 100 test reviews after "
    "1.8 s of processor time."
)


@pytest.fixture
def c() -> Comparison:
    """Two models with a seed each."""
    return examples.comparison()


def test_networks_that_are_worse_gain_nothing_by_order_and_no_more_than_that_is_said(c: Comparison) -> None:
    assert yardstick(examples.with_yardstick(c, -0.032, -0.007)) == (
        f"{BAG} Each at its best epoch, SimpleRNN and LSTM are right less often, by 0.7 to 3.2 points (McNemar's exact "
        "test at 5%, corrected for 2 networks). On these reviews, reading in order gains these networks nothing over "
        "counting words. That does not mean that order carries no information, or that recurrent networks are useless: "
        "other networks, settings or data may use it."
    )


def test_a_network_that_is_better_uses_something_that_counting_lacks(c: Comparison) -> None:
    text = yardstick(examples.with_yardstick(c, -0.032, 0.02)) or ""
    assert "LSTM is right more often, by 2.0 points; SimpleRNN is right less often, by 3.2 points (McNemar" in text
    assert text.endswith(
        "So LSTM uses something that counting words lacks: word order, perhaps, though the test cannot say what it is."
    )
    both = yardstick(examples.with_yardstick(c, 0.02, 0.02)) or ""
    assert "SimpleRNN and LSTM are right more often, by 2.0 points (" in both
    assert "So SimpleRNN and LSTM use something" in both


def test_a_test_that_leaves_it_open_is_said_to(c: Comparison) -> None:
    text = yardstick(examples.with_yardstick(c, -0.002, 0.002, p=0.3)) or ""
    assert "SimpleRNN and LSTM cannot be told apart from it (McNemar's exact test at 5%, corrected for 2" in text
    assert text.endswith(
        "So it is not shown that reading in order gains these networks anything over counting words, nor that order "
        "carries no information."
    )


def test_one_network_needs_no_correction(c: Comparison) -> None:
    alone = replace(c, branches=c.branches[:1], evaluations=c.evaluations[:1])
    text = yardstick(examples.with_yardstick(alone, -0.03)) or ""
    assert "At its best epoch, SimpleRNN is right less often, by 3.0 points (McNemar's exact test at 5%)." in text
    assert "gains this network nothing" in text


def test_seeds_are_named_where_they_differ() -> None:
    c = examples.with_yardstick(examples.comparison(3), *[-0.02] * 6)
    assert c.yardstick
    assert "SimpleRNN (3 seeds) and LSTM (3 seeds) are right less often" in (yardstick(c) or "")
    tests = tuple(opened(test) if (test.name, test.test.seed) == ("lstm", 2) else test for test in c.yardstick.best)
    text = yardstick(replace(c, yardstick=replace(c.yardstick, best=tests))) or ""
    assert "SimpleRNN (3 seeds) and LSTM with seeds 1 and 3 are right less often" in text
    assert "; LSTM with seed 2 cannot be told apart from it" in text
    assert "So it is not shown" in text


def opened(test: YardstickTest) -> YardstickTest:
    """The same difference, which may be chance."""
    return replace(test, p_holm=0.5)


def test_a_smoke_run_claims_nothing_beside_the_bag_of_words(c: Comparison) -> None:
    smoke = replace(examples.with_yardstick(c, -0.3, -0.3), settings={**c.settings, "run": {"smoke": True}})
    assert yardstick(smoke) == BAG


def test_a_bag_of_words_that_guesses_is_said_to(c: Comparison) -> None:
    text = yardstick(examples.with_yardstick(c, 0.3, 0.3, accuracy=0.505)) or ""
    assert "processor time, not reliably more than always predicting the more frequent label (50.0%)." in text


def test_without_a_yardstick_nothing_is_said_of_it(c: Comparison) -> None:
    assert yardstick(c) is None
    assert about(c) is None


def test_how_it_is_made_has_its_numbers(c: Comparison) -> None:
    text = about(examples.with_yardstick(c, -0.03, -0.01)) or ""
    assert "weighs 9,996 words" in text
    assert "on 80 training reviews" in text
    assert "C = 3, of 1, 3 and 10 the best" in text
    assert "balanced accuracy is 0.8869 and its AUC 0.9550" in text


def test_labels_that_may_be_wrong_are_candidates(c: Comparison) -> None:
    found = examples.with_suspects(c)
    text = suspects(found) or ""
    assert text.startswith(
        "All judges contradict the labels of 15 of 200 reviews. The 15 that they contradict most surely are in "
        "suspects.parquet: candidates to look at, not errors"
    )
    assert found.suspects
    lines = [suspect(found, review) for review in found.suspects.first]
    assert lines == [
        "test review 7, r.csv, row 12, label: negative",
        "training review 3, r.csv, row 1004, label: positive",
    ]
    none = replace(found, suspects=replace(found.suspects, contradicted=0, written=0, first=()))
    assert suspects(none) == "No label of the 200 reviews is contradicted by all judges."
    assert suspects(c) is None
