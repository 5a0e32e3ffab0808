from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from tasks.analysis.search import (
    MIN_TRIALS_TO_PRUNE,
    ROUND,
    STUDY,
    Proposals,
    Settings,
    SweepJournal,
    importances,
    required_quality,
)
from tasks.results.sweep import Dimension, SamplerName, Trial, TrialState
from tasks.results.training import Epoch

CELL = Dimension("cell", ("simple_rnn", "lstm", "gru"))
UNITS = Dimension("units", low=16, high=64, is_log=True, is_integer=True)
RATE = Dimension("learning_rate", low=1e-4, high=1e-2, is_log=True)
PRESENT: Settings = {"cell": "simple_rnn", "units": 32, "learning_rate": 0.001}


def trial(number: int, settings: Settings, qualities: Sequence[float], state: TrialState = "complete") -> Trial:
    """A trial with made-up epochs."""
    history = tuple(Epoch(i, 0.5, 0.8, 0.5, quality, 1.0, 1.0, quality) for i, quality in enumerate(qualities, 1))
    return Trial(number, settings, state, "", history, None, "", 1.0)


def quality_of(settings: Settings) -> float:
    """What a network with these settings would reach; the rate matters most."""
    return 0.7 + 0.1 * (settings["cell"] == "lstm") + 3 * float(settings.get("learning_rate", 0))


def sweep(
    count: int,
    dimensions: Sequence[Dimension] = (CELL, UNITS, RATE),
    present: Settings = PRESENT,
    sampler: SamplerName = "tpe",
    seed: int = 1,
    quality: Callable[[Settings], float] = quality_of,
) -> tuple[list[Trial], Proposals]:
    """The trials of a made-up sweep."""
    proposals = Proposals(dimensions, sampler, present, seed)
    trials: list[Trial] = []
    while len(trials) < count:
        settings = [present] if not trials else []
        settings += proposals.next_round(min(ROUND, count - len(trials)) - len(settings))
        if not settings:
            break
        for each in settings:
            trials.append(trial(len(trials), each, [quality(each)]))
            proposals.tell(trials[-1])
    return trials, proposals


def values(trials: Sequence[Trial]) -> list[Settings]:
    return [each.settings for each in trials]


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_the_same_seed_and_results_give_the_same_trials(sampler: SamplerName) -> None:
    first, _ = sweep(30, sampler=sampler)
    assert values(first) == values(sweep(30, sampler=sampler)[0])
    assert values(first) != values(sweep(30, sampler=sampler, seed=2)[0])
    assert values(first)[0] == PRESENT
    assert all(each.contains(one.settings[each.name]) for one in first for each in (CELL, UNITS, RATE))


def test_proposals_learn_from_results() -> None:
    trials, _ = sweep(60)
    rates = [float(each.settings["learning_rate"]) for each in trials]
    assert sum(rates[-20:]) > 2 * sum(rates[1:21])


@pytest.mark.parametrize("sampler", ["tpe", "random", "grid"])
def test_no_settings_are_tried_twice_and_a_small_space_is_exhausted(sampler: SamplerName) -> None:
    dimensions = (
        CELL,
        Dimension("units", low=4, high=7, is_integer=True) if sampler != "grid" else Dimension("units", (4, 5, 6, 7)),
    )
    trials, proposals = sweep(50, dimensions, {"cell": "gru", "units": 5}, sampler)
    tried = [(one.settings["cell"], one.settings["units"]) for one in trials]
    assert sorted(tried) == sorted((cell, units) for cell in ("simple_rnn", "lstm", "gru") for units in (4, 5, 6, 7))
    assert proposals.repeated > 0 or sampler == "grid"


def test_present_settings_outside_the_search_are_trial_0_and_teach_nothing() -> None:
    trials, _ = sweep(12, present={"cell": "simple_rnn", "units": 128, "learning_rate": 0.5})
    assert trials[0].settings["units"] == 128
    assert all(one.settings["units"] <= 64 for one in trials[1:])


def test_a_trial_must_reach_the_median_of_complete_trials_after_the_first_epoch() -> None:
    complete = [trial(i, PRESENT, [0.5 + i / 100, 0.6 + i / 100, 0.7 + i / 100]) for i in range(MIN_TRIALS_TO_PRUNE)]
    bad = trial(9, PRESENT, [0.1, 0.1], "pruned")
    assert required_quality([*complete, bad], 3) == pytest.approx((0.0, 0.62, 0.72))
    assert required_quality([*complete, bad], 2) == pytest.approx((0.0, 0.62))
    assert required_quality(complete[1:], 3) == (0.0,)


def test_the_setting_that_decides_is_the_most_important_one() -> None:
    trials, _ = sweep(40, sampler="random", quality=lambda settings: 0.7 + 0.1 * (settings["cell"] == "lstm"))
    found = importances((CELL, UNITS, RATE), trials, 1)
    assert found[0].name == "cell"
    assert found[0].share.value > 0.8
    assert all(0 <= each.share.low <= each.share.value <= each.share.high <= 1 for each in found)


def test_nothing_is_important_without_enough_or_different_results() -> None:
    trials, _ = sweep(40, sampler="random")
    assert importances((CELL, UNITS, RATE), trials[:9], 1) == ()
    assert importances((CELL, UNITS, RATE), [trial(i, one.settings, [0.5]) for i, one in enumerate(trials)], 1) == ()


def test_optuna_reads_the_trials_with_their_numbers_states_and_curves(tmp_path: Path) -> None:
    path = tmp_path / "optuna.journal"
    outside = trial(0, {"cell": "simple_rnn", "units": 128, "learning_rate": 0.5}, [0.6, 0.7])
    ended = [
        outside,
        trial(1, PRESENT, [0.7, 0.8]),
        trial(2, PRESENT, [0.5], "pruned"),
        replace(trial(3, PRESENT, [], "failed"), reason="the loss diverged"),
    ]
    path.write_text("of a killed sweep")
    journal = SweepJournal(path, (CELL, UNITS, RATE))
    for each in ended:
        journal.add(each)
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
    study = optuna.load_study(study_name=STUDY, storage=storage)
    assert [each.state.name for each in study.trials] == ["COMPLETE", "COMPLETE", "PRUNED", "FAIL"]
    assert study.trials[0].params == {"cell": "simple_rnn"}
    assert study.trials[1].params == PRESENT
    assert study.trials[1].intermediate_values == {1: 0.7, 2: 0.8}
    assert study.trials[3].user_attrs["reason"] == "the loss diverged"
    assert study.best_trial.number == 1
