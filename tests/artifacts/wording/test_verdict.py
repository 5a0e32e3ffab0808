from dataclasses import replace

import pytest

from artifacts.wording import verdict as wording
from tasks.results.comparison import Comparison, ModelRanking, Overfitting, Pair
from tests.artifacts import examples
from tests.artifacts.examples import estimate


@pytest.fixture
def c() -> Comparison:
    """Two models with a seed each."""
    return examples.comparison()


def test_the_verdict_is_one_sentence_and_with_one_seed_the_next_says_that_nothing_follows_about_the_kinds(
    c: Comparison,
) -> None:
    kept, caution, last, between = wording.verdicts(c)
    assert caution.startswith("One seed says nothing about the kinds of network")
    assert kept == (
        "Each at its best epoch by validation, this LSTM is right more often than this SimpleRNN "
        "on the same 100 test reviews, by 2.0 points (95% interval +1.0 to +3.0, p < 0.001)."
    )
    assert last.startswith("Each at its last epoch, as in the tutorial, this LSTM is right more often")
    assert "by 6.0 points (95% interval +4.0 to +8.0, p < 0.001)" in last
    assert between == (
        "Between the two: from its best epoch (4) to its last (10), SimpleRNN's validation loss rises from 0.36 to "
        "0.63 and its test accuracy falls from 86.0% to 82.0%; LSTM is best at its last epoch. So LSTM is ahead by 2.0 "
        "points at the best epochs and by 6.0 at the last: 4.0 of these 6.0 points (67%) come only from training past "
        "the best epochs."
    )


def between(c: Comparison, models: dict[str, Overfitting]) -> str:
    """The sentence on what lies between the two verdicts."""
    return wording.verdicts(replace(c, evidence=replace(c.evidence, overfitting=models)))[-1]


def test_what_looks_the_same_stays_and_does_not_go_from_itself_to_itself(c: Comparison) -> None:
    text = between(c, {"simple_rnn": Overfitting((7,), 10, 0.441, 0.444, 0.8601, 0.8602)})
    assert "SimpleRNN's validation loss stays at 0.44 and its test accuracy stays at 86.0%" in text


def test_networks_that_are_best_at_the_end_have_nothing_between_their_verdicts(c: Comparison) -> None:
    model = Overfitting((10,), 10, 0.4, 0.4, 0.88, 0.88)
    assert between(c, {"simple_rnn": model, "lstm": model}) == (
        "Both verdicts are about the same networks: SimpleRNN and LSTM are best at their last epoch."
    )


def test_with_several_seeds_every_best_epoch_and_the_means_are_named() -> None:
    text = between(examples.comparison(3), {"lstm": Overfitting((2, 3, 2), 3, 0.36, 0.4, 0.86, 0.85)})
    assert "From its best epochs (2, 3 and 2, by seed) to its last (3), LSTM's mean validation loss rises" in text


@pytest.mark.parametrize(
    ("last", "said"),
    [
        (0.01, "So LSTM is ahead by 2.0 points at the best epochs and by only 1.0 at the last."),
        (0.02, "So LSTM is ahead by 2.0 points at the best epochs and by as much at the last."),
        (-0.01, "So LSTM is ahead by 2.0 points at the best epochs, SimpleRNN by 1.0 at the last."),
        (0.0002, "So LSTM is ahead by 2.0 points at the best epochs, and both are level at the last."),
        (-0.0002, "So LSTM is ahead by 2.0 points at the best epochs, and both are level at the last."),
    ],
)
def test_the_leads_at_both_epochs_are_told(c: Comparison, last: float, said: str) -> None:
    assert wording.verdicts(with_pair(c, examples.pair(difference=estimate(last, 0.02))))[-1].endswith(said)


def with_pair(c: Comparison, pair: Pair) -> Comparison:
    """The comparison with another pair at the last epoch."""
    return replace(c, evidence=replace(c.evidence, pairs=(pair,)))


def test_over_seeds_the_verdict_is_about_the_kinds_of_network() -> None:
    c = examples.comparison(3)
    kept, last, _ = wording.verdicts(c)
    assert kept.endswith("; it is ahead with 3 of 3 seeds.")
    assert (
        "over 3 seeds and 100 test reviews, LSTM is better than SimpleRNN by 6.0 points of test accuracy (95% "
        "interval +4.0 to +8.0, p < 0.001)"
    ) in last


def test_the_better_model_comes_first_in_the_sentence() -> None:
    c = examples.comparison(3)
    text = wording.verdicts(with_pair(c, examples.pair(3, estimate(-0.06, 0.02))))[1]
    assert "SimpleRNN is better than LSTM by 6.0 points of test accuracy (95% interval +4.0 to +8.0" in text
    assert "it is ahead with 0 of 3 seeds" in text


def test_a_difference_that_may_be_chance_is_not_called_one(c: Comparison) -> None:
    text = wording.verdicts(with_pair(c, examples.pair(difference=estimate(0.01, 0.03), p=0.2)))[2]
    assert "no difference in accuracy is shown: this LSTM is ahead of this SimpleRNN by 1.0 points" in text
    assert "interval -2.0 to +4.0, p = 0.200" in text


@pytest.mark.parametrize(
    ("last", "said"),
    [
        (0.0, "So LSTM and SimpleRNN are level, at the best epochs and at the last."),
        (
            -0.03,
            "So LSTM and SimpleRNN are level at the best epochs; the 3.0 points by which SimpleRNN is ahead at the "
            "last come only from training past the best epochs.",
        ),
    ],
)
def test_level_at_the_best_epochs(c: Comparison, last: float, said: str) -> None:
    level = ModelRanking((examples.pair(difference=estimate(-0.0004, 0.02), p=1.0),), (("lstm", "simple_rnn"),))
    c = with_pair(c, examples.pair(difference=estimate(last, 0.02)))
    assert wording.verdicts(replace(c, evidence=replace(c.evidence, kept=level)))[-1].endswith(said)


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        (1, "no difference in accuracy is shown: this SimpleRNN and this LSTM are level (95% interval -2.0 to +2.0"),
        (2, "SimpleRNN and LSTM are level in mean test accuracy over two seeds (-2.0 and +2.0); two seeds are"),
        (3, "no difference in accuracy is shown: SimpleRNN and LSTM are level (95% interval -2.0 to +2.0, p = 0.900)"),
    ],
)
def test_no_network_is_ahead_by_nothing(seeds: int, said: str) -> None:
    pair = examples.pair(seeds, estimate(-0.0002, 0.02), 0.9)
    text = wording.verdict(examples.comparison(seeds), ModelRanking((pair,), (("lstm", "simple_rnn"),)))
    assert said in text
    assert ("; SimpleRNN is ahead with 0 of 3 seeds." in text) == (seeds == 3)


def test_two_seeds_are_too_few_for_an_interval() -> None:
    text = wording.verdicts(examples.comparison(2))[1]
    assert "over two seeds, by 6.0 points (+4.0 and +8.0); two seeds are too few for an interval." in text


def test_three_models_are_one_ranking_with_groups(c: Comparison) -> None:
    verdict = ModelRanking((examples.pair(),) * 3, (("lstm", "gru"), ("simple_rnn",)))
    assert wording.verdict(c, verdict) == (
        "LSTM and GRU lead, then SimpleRNN. Networks joined by “and” cannot be told apart (tested at 5% over the test "
        "reviews, corrected for all pairs)."
    )
    apart = replace(verdict, ranking=(("lstm",), ("gru",), ("simple_rnn",)))
    assert wording.verdict(c, apart).startswith(
        "LSTM leads, then GRU, then SimpleRNN. Each differs from the one before it (tested"
    )
    alike = replace(verdict, ranking=(("lstm", "gru", "simple_rnn"),))
    assert wording.verdict(c, alike).startswith("LSTM, GRU and SimpleRNN cannot be told apart (")


def test_a_smoke_run_claims_nothing(c: Comparison) -> None:
    smoke = replace(c, settings={**c.settings, "run": {"smoke": True}})
    assert wording.verdicts(smoke) == [
        "A smoke run: its networks have hardly been trained, so their scores show nothing."
    ]


def test_a_lead_over_a_network_that_guesses_shows_only_that(c: Comparison) -> None:
    evaluations = tuple(replace(e, last=examples.scores(0.5), best=examples.scores(0.5)) for e in c.evaluations)
    assert evaluations[0].name == "simple_rnn"
    half = replace(c, evaluations=(evaluations[0], c.evaluations[1]), evidence=replace(c.evidence, chance=0.5))
    assert wording.verdicts(half)[1] == (
        "SimpleRNN is not reliably better than always predicting the more frequent label (50.0%): a lead over it "
        "shows only a lead over guessing."
    )
    assert len(wording.verdicts(half)) == len(wording.verdicts(c)) + 1


def test_networks_that_guess_claim_nothing(c: Comparison) -> None:
    guessing = replace(c, evidence=replace(c.evidence, chance=0.95))
    assert wording.verdicts(guessing)[0].startswith(
        "No network is reliably better than always predicting the more frequent"
    )
    assert len(wording.verdicts(guessing)) == 1
