from dataclasses import replace

import pytest

from artifacts.wording import verdict as wording
from tasks.results.comparison import Comparison
from tasks.results.verdict import Pair, Verdict
from tests.artifacts import examples
from tests.artifacts.examples import estimate


@pytest.fixture
def c() -> Comparison:
    """Two models with a seed each."""
    return examples.comparison()


def test_with_one_seed_the_verdict_says_first_that_nothing_follows_about_the_kinds(c: Comparison) -> None:
    first, kept, last, between = wording.verdicts(c)
    assert first.startswith("One seed says nothing about the kinds of network")
    assert kept == (
        "The networks to keep, each at its best validation epoch: this lstm is right more often than this simple_rnn "
        "on the same 100 test reviews, by 2.0 points (95% interval +1.0 to +3.0, p < 0.001)."
    )
    assert last.startswith("As in the tutorial, each at its last epoch: this lstm is right more often")
    assert "by 6.0 points (95% interval +4.0 to +8.0, p < 0.001)" in last
    assert between == (
        "Between the two: from epoch 4 to 10 the validation loss of simple_rnn goes from 0.36 to 0.63 and its test "
        "accuracy changes by -4.0 points; lstm is best at its last epoch. So +4.0 of the +6.0 points by which lstm "
        "leads at the last epoch arise after the best epochs."
    )


def with_pair(c: Comparison, pair: Pair) -> Comparison:
    """The comparison with another pair at the last epoch."""
    return replace(c, evidence=replace(c.evidence, pairs=(pair,)))


def test_over_seeds_the_verdict_is_about_the_kinds_of_network() -> None:
    c = examples.comparison(3)
    kept, last, _ = wording.verdicts(c)
    assert kept.endswith("; lstm is ahead with 3 of 3 seeds.")
    assert (
        "over 3 seeds and 100 test reviews, lstm is better than simple_rnn by 6.0 points of test accuracy (95% "
        "interval +4.0 to +8.0, p < 0.001)"
    ) in last


def test_the_better_model_comes_first_in_the_sentence() -> None:
    c = examples.comparison(3)
    text = wording.verdicts(with_pair(c, examples.pair(3, estimate(-0.06, 0.02))))[1]
    assert "simple_rnn is better than lstm by 6.0 points of test accuracy (95% interval +4.0 to +8.0" in text
    assert "simple_rnn is ahead with 0 of 3 seeds" in text


def test_a_difference_that_may_be_chance_is_not_called_one(c: Comparison) -> None:
    text = wording.verdicts(with_pair(c, examples.pair(difference=estimate(0.01, 0.03), p=0.2)))[2]
    assert "no difference is shown between this lstm and this simple_rnn: by 1.0 points" in text
    assert "interval -2.0 to +4.0, p = 0.200" in text


def test_two_seeds_are_too_few_for_an_interval() -> None:
    text = wording.verdicts(examples.comparison(2))[1]
    assert "over two seeds, by 6.0 points (+4.0 and +8.0); two seeds are too few for an interval." in text


def test_three_models_are_one_ranking_with_groups(c: Comparison) -> None:
    verdict = Verdict("last", (examples.pair(),) * 3, (("lstm", "gru"), ("simple_rnn",)))
    assert wording.verdict(c, verdict).startswith("lstm and gru lead, then simple_rnn (networks named together cannot")
    alike = replace(verdict, ranking=(("lstm", "gru", "simple_rnn"),))
    assert wording.verdict(c, alike).startswith("lstm, gru and simple_rnn cannot be told apart (")


def test_a_smoke_run_claims_nothing(c: Comparison) -> None:
    smoke = replace(c, settings={**c.settings, "run": {"smoke": True}})
    assert wording.verdicts(smoke) == [
        "A smoke run: its networks have hardly been trained, so their scores show nothing."
    ]


def test_networks_that_guess_claim_nothing(c: Comparison) -> None:
    guessing = replace(c, evidence=replace(c.evidence, chance=0.95))
    assert wording.verdicts(guessing)[0].startswith(
        "No network is reliably better than always giving the more frequent"
    )
    assert len(wording.verdicts(guessing)) == 1
