from dataclasses import replace

import pytest

from artifacts.wording import sweep as wording
from tasks.results.sweep import Dimension, Importance, Sweep
from tasks.results.training import Estimate
from tests.artifacts import examples
from tests.fixtures import sweeps


def said(s: Sweep) -> str:
    """All sentences of the answer."""
    return " ".join(wording.answer(s))


OVER = "over 3 seeds and 100 test reviews, its test accuracy is"


@pytest.mark.parametrize(
    ("difference", "p", "start", "numbers"),
    [
        (0.012, 0.011, "is better than", "1.2 points higher (95% interval +0.4 to +2.0, p = 0.011"),
        (0.012, 0.051, "cannot be told apart from", "1.2 points higher (95% interval +0.4 to +2.0, p = 0.051"),
        (-0.012, 0.3, "cannot be told apart from", "1.2 points lower (95% interval -2.0 to -0.4, p = 0.300"),
        (
            -0.012,
            0.0,
            "is the best on validation, but worse than",
            "1.2 points lower (95% interval -2.0 to -0.4, p < 0.001",
        ),
        (0.0004, 0.9, "cannot be told apart from", "the same within 0.1 points (95% interval -0.8 to +0.8, p = 0.900"),
    ],
)
def test_the_answer_says_no_more_than_the_test(difference: float, p: float, start: str, numbers: str) -> None:
    first = wording.answer(sweeps.confirmed(difference, p))[0]
    assert first == f"Trial 2 {start} the present settings: {OVER} {numbers}, corrected for 2 finalists)."


def test_one_seed_says_nothing_about_settings() -> None:
    first, second, *further = wording.answer(sweeps.confirmed(seeds=1))
    assert first.startswith("With one seed, the network of trial 2 is better than that of the present settings")
    assert second.startswith("One seed says nothing about settings")
    assert not any("other finalists" in sentence for sentence in further)


def test_two_seeds_are_no_test() -> None:
    first = wording.answer(sweeps.confirmed(seeds=2))[0]
    assert first.startswith("Whether trial 2 is better than the present settings is not known: two seeds are too few")
    assert "(+0.4 points with one seed, +2.0 with the other)" in first
    assert "p =" not in said(sweeps.confirmed(seeds=2))


def test_the_present_settings_may_win() -> None:
    first = wording.answer(sweeps.present_won())[0]
    assert first == (
        "Nothing found beats the present settings: trained again with 3 other seeds, their mean validation is 0.8720, "
        "and that of the best other, trial 2, is 0.8690."
    )
    assert "The present settings had 0.8700 in the sweep" in said(sweeps.present_won())


def test_without_another_finalist_nothing_is_known_of_other_settings() -> None:
    s = sweeps.present_won()
    alone = replace(s, finalists=tuple(finalist for finalist in s.finalists if finalist is s.present))
    assert wording.answer(alone)[0].startswith("Whether anything beats the present settings is not known")


def test_a_single_test_is_not_corrected() -> None:
    s = sweeps.confirmed()
    assert "corrected for" not in said(replace(s, finalists=(s.finalists[0], s.finalists[-1])))


@pytest.mark.parametrize(
    ("validation", "end"),
    [
        (0.8745, "3 seeds can tell, 0.7 points of its validation accuracy were luck."),
        (
            0.8810,
            "3 seeds can tell, less than 0.1 points of its validation accuracy were luck.",
        ),
        (0.8842, "3 seeds can tell, the sweep's value was 0.3 points too low by chance."),
    ],
)
def test_luck_is_the_sweeps_validation_less_that_of_the_re_runs(validation: float, end: str) -> None:
    finalist = sweeps.finalist(sweeps.trial(2, 0.8812), validation, 0.01)
    luck = wording.luck(finalist)
    assert luck
    assert luck.startswith(f"Trial 2 had 0.8812 in the sweep and {validation:.4f} on average over ")
    assert luck.endswith(end)


def test_the_lead_in_the_sweep_is_beside_that_of_the_re_runs() -> None:
    s = sweeps.confirmed()
    ahead = "In the sweep, its validation was 3.1 points ahead of the present settings; with the other seeds, "
    assert f"{ahead}2.3 points ahead of them." in said(s)
    winner, *others, present = s.finalists
    behind = replace(present, trial=sweeps.trial(0, 0.9))
    assert "was 1.9 points behind the present settings" in said(replace(s, finalists=(winner, *others, behind)))


def test_other_finalists_have_their_own_tests() -> None:
    s = sweeps.confirmed()
    winner, other, present = s.finalists
    better = sweeps.finalist(other.trial, other.validation, 0.03, 0.001)
    assert "trial 3 is not shown to differ from the present settings." in said(s)
    assert "trial 3 is shown to be better than the present settings." in said(
        replace(s, finalists=(winner, better, present))
    )


def test_test_reviews_are_used_once() -> None:
    s = sweeps.confirmed()
    used = "The 100 test reviews were used once, and only for the "
    assert f"{used}2 finalists and the present settings; no trial saw them." in said(s)
    assert wording.used_once(replace(s, finalists=s.finalists[-1:])) == f"{used}present settings; no trial saw them."
    assert wording.used_once(replace(s, finalists=s.finalists[:1])) == f"{used}1 finalist; no trial saw them."


def test_before_the_re_runs_nothing_is_confirmed() -> None:
    trials = (sweeps.trial(0, 0.85), sweeps.trial(1, 0.88))
    running = said(sweeps.sweep(trials))
    assert running.startswith("Nothing is confirmed yet; the best so far is trial 1 with validation 0.8800 (SimpleRNN,")
    stopped = said(sweeps.sweep(trials, end="minutes"))
    assert "nothing is known about luck, and nothing was compared on the test reviews" in stopped
    assert stopped.endswith("The same command resumes, with more --minutes or without.")
    assert said(sweeps.sweep(trials, end="signal")).endswith("The same command resumes.")


def test_a_sweep_without_a_complete_trial_says_so() -> None:
    failed = (sweeps.trial(0, None, "failed", "x"),)
    assert said(sweeps.sweep(failed)) == "No trial is complete yet: 1 of 30 trials ended."
    assert said(sweeps.sweep(failed, end="signal")) == "No trial is complete: 1 of 30 trials ended."


def test_trials_are_counted_by_how_they_ended() -> None:
    trials = [sweeps.trial(n, 0.8, state) for n, state in enumerate(("complete", "complete", "pruned", "stopped"))]
    s = sweeps.sweep([*trials, sweeps.trial(4, None, "failed", "x")], repeated=2)
    assert wording.counts(s) == (
        "5 trials: 2 complete, 1 pruned, 1 stopped, 1 failed. Of all proposals, 2 repeated an earlier one and trained "
        "nothing."
    )
    assert wording.counts(sweeps.sweep([sweeps.trial(0)])) == "1 trial: 1 complete."


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("running", "is running: 1 of 30 trials so far"),
        ("complete", "is complete: 1 of 30 trials"),
        ("minutes", "--minutes were over after 1 of 30 trials"),
        ("signal", "Ctrl-C or another signal"),
        ("exhausted", "there are no other settings to try"),
    ],
)
def test_it_is_said_why_the_trials_ended(end: str, words: str) -> None:
    assert words in wording.ended(sweeps.sweep([sweeps.trial(0)], end=end))


def test_of_uneven_labels_accuracy_is_balanced_and_so_is_the_test() -> None:
    s = sweeps.confirmed()
    rare = replace(s.dataset.test, positive=10)
    uneven = replace(s, dataset=replace(s.dataset, train=rare, test=rare))
    assert wording.accuracy(uneven) == "balanced test accuracy"
    assert "its balanced test accuracy is" in said(uneven)


def test_caution_for_a_smoke_run_and_for_networks_that_guess() -> None:
    s = sweeps.confirmed()
    assert wording.caution(s) is None
    smoke = wording.caution(replace(s, settings={"run": {"smoke": True}}))
    assert smoke
    assert smoke.startswith("A smoke run")
    guessing = replace(examples.evaluation("gru"), best=examples.scores(0.52))
    finalists = tuple(replace(finalist, evaluations=(guessing,)) for finalist in s.finalists)
    assert "always predicting the more frequent label" in (wording.caution(replace(s, finalists=finalists)) or "")


def test_the_most_important_setting_is_certain_only_if_no_other_interval_reaches_its_own() -> None:
    def most(low: float) -> str | None:
        first, second = Estimate(0.6, low, 0.8), Estimate(0.3, 0.1, 0.5)
        shares = (Importance("learning_rate", first), Importance("cell", second))
        return wording.most_important(sweeps.sweep(importances=shares))

    assert most(0.55) == "Of the searched settings, learning rate explains most, 60% (90% interval 55% to 80%)."
    assert most(0.4) == (
        "Which setting explains most is not certain: learning rate has the largest share, 60% (90% interval 40% to "
        "80%), but the interval of cell overlaps with its own."
    )
    assert wording.most_important(sweeps.sweep()) is None


def test_values_are_written_as_people_read_them() -> None:
    values = {"cell": "gru", "vocabulary_size": 10_000, "learning_rate": 0.00341234, "bidirectional": True}
    shown = [wording.setting_value(name, value) for name, value in values.items()]
    assert shown == ["GRU", "10,000", "0.00341", "yes"]
    assert wording.setting_name("training.learning_rate") == "learning rate"


def test_ranges_and_lists_are_described() -> None:
    dimensions = (*sweeps.DIMENSIONS[2:4], Dimension("bidirectional", (False, True)))
    assert wording.searched(sweeps.sweep(dimensions=dimensions)) == [
        ("embedding: 8 to 64, whole numbers",),
        ("learning rate: 0.0001 to 0.01, on a log scale",),
        ("bidirectional: no, yes",),
    ]


def test_the_line_of_a_trial() -> None:
    gru = sweeps.PRESENT | {"cell": "gru", "units": 64}
    trials = (
        sweeps.trial(0, 0.87),
        sweeps.trial(1, 0.88, settings=gru),
        sweeps.trial(2, 0.7, "pruned", "worse than half"),
        sweeps.trial(3, None, "failed", "line one\nline \x1b[31mtwo"),
    )
    s = sweeps.sweep(trials)
    settings = "embedding 32, learning rate 0.001, batch size 128"
    assert wording.trial_line(s, trials[1]) == (
        f"Trial 1: GRU, units 64, {settings}: validation 0.8800; the best so far"
    )
    best = "best so far 0.8800 (trial 1)"
    assert wording.trial_line(s, trials[0]).endswith(f"units 32, {settings}: validation 0.8700; {best}")
    assert wording.trial_line(s, trials[2]).endswith(f": pruned at validation 0.7000 (worse than half); {best}")
    assert wording.trial_line(s, trials[3]).endswith(f": failed (line one line [31mtwo); {best}")
    assert wording.trial_line(sweeps.sweep(trials[3:]), trials[3]).endswith("[31mtwo)")
