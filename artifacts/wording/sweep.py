"""Sentences about a sweep: what it found, how much of that was luck, and how it was made.

None claims more than its test shows: only validation chooses, and only the finalists' tests say that settings are
better.
"""

from collections.abc import Mapping
from typing import cast

from artifacts.blocks import Code, Spans
from artifacts.formats import join_names, network_name, plural, setting
from artifacts.markup import one_line
from artifacts.wording.verdict import SMOKE_RUN, p_text
from tasks.results.sweep import Dimension, Finalist, FinalistTest, PrunerName, SamplerName, Sweep, Trial, Value

ABOUT_VALIDATION = (
    "Validation is balanced accuracy on the validation reviews at a network's best epoch: it chooses the best epochs, "
    "the finalists and the winner."
)
ABOUT_STATES = (
    "A pruned trial was worse than half of the earlier trials after as many epochs; a stopped one ran out of time. "
    "Both are marked, because their validation is that of fewer epochs."
)
ABOUT_IMPORTANCE = (
    "Importance is the share of the differences in validation between the trials that a setting alone explains, by "
    "functional ANOVA of a random forest (Hutter et al. 2014). Bars are medians, and lines contain 90% of the "
    "bootstrap samples of trials."
)
IMPORTANCE_AT_THE_END = "How much each setting matters is computed at the end of the sweep."
NO_IMPORTANCE = "There are too few trials to say which settings matter."
ABOUT_PARALLEL = (
    "Each line is a trial: its settings are on the left, its validation is on the right. Trials that completed no "
    "epoch are left out. The best ones are thick; pruned ones are dashed."
)
SAMPLERS: dict[SamplerName, str] = {
    "tpe": "TPE (tree-structured Parzen estimators, Bergstra et al. 2011)",
    "random": "random",
    "grid": "grid: every combination",
}
PRUNERS: dict[PrunerName, str] = {
    "median": "median: a trial ends where it is worse than half of the earlier ones",
    "none": "none: every trial completes its epochs",
}


def setting_name(name: str) -> str:
    """A searched setting as people read it: "learning rate"."""
    return one_line(name.rpartition(".")[2].replace("_", " "))


def setting_value(name: str, value: Value) -> str:
    """A value as people read it: "GRU", "10,000", "0.00342". The command line has all digits."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        text = one_line(setting(value))
        return network_name(text) if name.rpartition(".")[2] == "cell" else text
    return f"{value:,}" if isinstance(value, int) else f"{value:.3g}"


def settings_text(s: Sweep, trial: Trial) -> str:
    """The searched settings of a trial: "GRU, units 64, learning rate 0.00342"."""
    given = [(each.name, trial.settings[each.name]) for each in s.dimensions if each.name in trial.settings]
    return ", ".join(
        setting_value(name, value) if name == "cell" else f"{setting_name(name)} {setting_value(name, value)}"
        for name, value in given
    )


def trial_name(trial: Trial) -> str:
    """A trial within a sentence."""
    return f"trial {trial.number}" if trial.number else "the present settings"


def _start(trial: Trial) -> str:
    """A trial at the start of a sentence."""
    return f"Trial {trial.number}" if trial.number else "The present settings"


def title(s: Sweep) -> str:
    """The title of the page."""
    return f"Sweep of {join_names([setting_name(each.name) for each in s.dimensions])} on the {s.dataset.title}"


def accuracy(s: Sweep) -> str:
    """What a finalist's score on the test reviews is."""
    return "balanced test accuracy" if s.dataset.is_uneven else "test accuracy"


def caution(s: Sweep) -> str | None:
    """Why the scores of a sweep show nothing; None if they may show something."""
    if cast(Mapping[str, object], s.settings.get("run", {})).get("smoke"):
        return SMOKE_RUN
    scores = [evaluation.best for finalist in s.finalists for evaluation in finalist.evaluations]
    if s.dataset.is_uneven:
        better = [each for each in scores if each.by_label.balanced.low > 0.5]
    else:
        better = [each for each in scores if each.low > max(s.dataset.rarer_test_share, 1 - s.dataset.rarer_test_share)]
    if scores and not better:
        return (
            "No finalist is reliably better than always predicting the more frequent label, so their differences show "
            "nothing."
        )
    return None


def answer(s: Sweep) -> list[str]:
    """First, in one sentence, whether something better was found; then what limits that, and how much was luck."""
    winner = s.winner
    if winner is None:
        return _unconfirmed(s)
    first, *further = _present_won(s, winner) if winner.test is None else _verdict(s, winner, winner.test)
    found = [first, *further, _others(s, winner), luck(winner), _lead(s, winner), used_once(s)]
    return [sentence for sentence in found if sentence]


def _unconfirmed(s: Sweep) -> list[str]:
    """What can be said before the best trials are trained again."""
    best = s.best
    if best is None:
        ended = f"{len(s.trials)} of {plural(s.planned, 'trial')} ended"
        return [f"No trial is complete{' yet' if s.end == 'running' else ''}: {ended}."]
    so_far = f"{trial_name(best)} with validation {best.quality:.4f} ({settings_text(s, best)})"
    if s.end == "running":
        return [
            f"Nothing is confirmed yet; the best so far is {so_far}.",
            "The best trials will be trained again with other seeds, which shows how much of that is luck; only then "
            "are the test reviews used.",
        ]
    more = ", with more --minutes or without" if s.end == "minutes" else ""
    return [
        f"Nothing is confirmed; the best trial is {so_far}.",
        "The sweep ended before its best trials were trained again with other seeds, so nothing is known about luck, "
        f"and nothing was compared on the test reviews. The same command resumes{more}.",
    ]


def _present_won(s: Sweep, winner: Finalist) -> list[str]:
    """What is said if no trial has a better mean over its re-runs than the present settings."""
    if winner.trial.number:
        return [f"{_start(winner.trial)} is the best on validation; the present settings could not be trained again."]
    others = [each for each in s.finalists if each is not winner]
    if not others:
        return [
            "Whether anything beats the present settings is not known: no other trial that completed its epochs was "
            "trained again."
        ]
    second = others[0]
    return [
        f"Nothing found beats the present settings: trained again with {_seeds(winner)}, their mean validation is "
        f"{winner.validation:.4f}, and that of the best other, {trial_name(second.trial)}, is {second.validation:.4f}."
    ]


def _verdict(s: Sweep, winner: Finalist, test: FinalistTest) -> list[str]:
    """Whether the winner is better than the present settings on the test reviews, as far as its test shows."""
    who, reviews = trial_name(winner.trial), plural(s.dataset.test.reviews, "test review")
    low, high = (f"{100 * bound:+.1f}" for bound in (test.difference.low, test.difference.high))
    further = [
        f"Its mean validation, {winner.validation:.4f}, is the best of all: {settings_text(s, winner.trial)}.",
    ]
    if test.p_holm is None:
        return [
            f"Whether {who} is better than the present settings is not known: two seeds are too few for a test, and "
            f"its mean {accuracy(s)} is {_by(test)} ({low} points with one seed, {high} with the other).",
            *further,
        ]
    corrected = f", {_corrected(s)}" if sum(each.test is not None for each in s.finalists) > 1 else ""
    found = f"its {accuracy(s)} is {_by(test)} (95% interval {low} to {high}, {p_text(test.p_holm)}{corrected})"
    if test.basis == "reviews":
        than = f"than that of the present settings on the same {reviews}"
        first = {
            "better": f"With one seed, the network of {who} is better {than}: {found}.",
            "worse": f"With one seed, the network of {who} is worse {than}: {found}.",
            "open": f"With one seed, the network of {who} is not shown to be better {than}: {found}.",
        }[test.answer]
        return [first, "One seed says nothing about settings; --replicates 3 would.", *further]
    over = f"over {_seeds(winner, other=False)} and {reviews}, {found}"
    first = {
        "better": f"{_start(winner.trial)} is better than the present settings: {over}.",
        "worse": f"{_start(winner.trial)} is the best on validation, but worse than the present settings: {over}.",
        "open": f"{_start(winner.trial)} cannot be told apart from the present settings: {over}.",
    }[test.answer]
    return [first, *further]


def _by(test: FinalistTest) -> str:
    """The difference to the present settings, in words."""
    points = 100 * test.difference.value
    if round(points, 1) == 0:
        return "the same within 0.1 points"
    return f"{abs(points):.1f} points {'higher' if points > 0 else 'lower'}"


def _corrected(s: Sweep) -> str:
    tests = sum(finalist.test is not None for finalist in s.finalists)
    return f"corrected for {plural(tests, 'finalist')}"


def _seeds(finalist: Finalist, other: bool = True) -> str:
    return plural(len(finalist.branches), "other seed" if other else "seed")


def _others(s: Sweep, winner: Finalist) -> str | None:
    """What the tests show of the other finalists; None if there are none, or no tests."""
    ends = {
        "better": "shown to be better than the present settings",
        "worse": "shown to be worse",
        "open": "not shown to differ from the present settings",
    }
    if winner.basis == "reviews":
        return None  # One seed says nothing about settings.
    parts = []
    for kind, end in ends.items():
        names = [
            trial_name(each.trial)
            for each in s.finalists
            if each is not winner and each.test and each.test.p_holm is not None and each.test.answer == kind
        ]
        if names:
            parts.append(f"{join_names(names)} {'is' if len(names) == 1 else 'are'} {end}")
    return f"Of the other finalists, {'; '.join(parts)}." if parts else None


def luck(finalist: Finalist) -> str | None:
    """How much of a finalist's validation in the sweep was luck; None if its trial has no validation."""
    if finalist.trial.quality is None:
        return None
    had = (
        f"{_start(finalist.trial)} had {finalist.trial.quality:.4f} in the sweep and {finalist.validation:.4f} on "
        f"average over {_seeds(finalist)}"
    )
    points, tell = 100 * finalist.luck, f"as far as {_seeds(finalist, other=False)} can tell"
    if round(points, 1) == 0:
        return f"{had}: {tell}, less than 0.1 points of its validation accuracy were luck."
    if points > 0:
        return f"{had}: {tell}, {points:.1f} points of its validation accuracy were luck."
    return f"{had}: {tell}, the sweep's value was {-points:.1f} points too low by chance."


def _lead(s: Sweep, winner: Finalist) -> str | None:
    """The winner's lead over the present settings in the sweep, and in the re-runs."""
    present, trial = s.present, winner.trial
    if present is None or present is winner or present.trial.quality is None or trial.quality is None:
        return None
    before, after = 100 * (trial.quality - present.trial.quality), 100 * (winner.validation - present.validation)
    sides = [f"{abs(points):.1f} points {'ahead of' if points >= 0 else 'behind'}" for points in (before, after)]
    return f"In the sweep, its validation was {sides[0]} the present settings; with the other seeds, {sides[1]} them."


def used_once(s: Sweep) -> str:
    """What the test reviews were used for."""
    others = sum(finalist is not s.present for finalist in s.finalists)
    whom = [f"the {plural(others, 'finalist')}"] if others else []
    whom += ["the present settings"] if s.present else []
    reviews = plural(s.dataset.test.reviews, "test review")
    return f"The {reviews} were used once, and only for {join_names(whom)}; no trial saw them."


def about_tests(s: Sweep) -> str | None:
    """How the finalists were compared; None if there is no test."""
    tests = [finalist.test for finalist in s.finalists if finalist.test]
    if not tests:
        return None
    how = {
        "reviews": "With one seed, the test covers the reviews only and is about these trained networks.",
        "range": "Two seeds are too few for a test; the bounds are the lower and the higher seed's difference.",
        "seeds_and_reviews": "The test covers seeds and reviews together; both settings have the same seeds.",
    }[tests[0].basis]
    p = f" p is {_corrected(s)} by Holm's method." if len(tests) > 1 and tests[0].basis != "range" else ""
    return (
        f"The difference is a finalist's {accuracy(s)} minus that of the present settings, at their best epochs. "
        f"{how}{p} The winner has the best mean of the finalists' re-runs, so that mean flatters it slightly; its test "
        "accuracy has no such advantage."
    )


def counts(s: Sweep) -> str:
    """How many trials ended in which way, and how many proposals were repeated."""
    states = ("complete", "pruned", "stopped", "failed")
    by_state = {state: sum(trial.state == state for trial in s.trials) for state in states}
    each = ", ".join(f"{count} {state}" for state, count in by_state.items() if count)
    repeated = f" Of all proposals, {s.repeated:,} repeated an earlier one and trained nothing."
    return f"{plural(len(s.trials), 'trial')}{f': {each}' if each else ''}.{repeated if s.repeated else ''}"


def ended(s: Sweep) -> str:
    """Why there are no more trials."""
    of = f"{len(s.trials)} of {plural(s.planned, 'trial')}"
    return {
        "running": f"The sweep is running: {of} so far.",
        "complete": f"The sweep is complete: {of}.",
        "minutes": f"--minutes were over after {of}; the same command with more --minutes, or without, goes on.",
        "signal": f"Ctrl-C or another signal ended the sweep after {of}; the same command resumes.",
        "exhausted": f"The sweep ended after {of}: there are no other settings to try.",
    }[s.end]


def most_important(s: Sweep) -> str | None:
    """Which setting matters most, and whether that is certain; None if it is not known."""
    if not s.importances:
        return None
    first, *others = s.importances
    share = f"{first.share.value:.0%} (90% interval {first.share.low:.0%} to {first.share.high:.0%})"
    if not others:
        return None
    overlap = [setting_name(each.name) for each in others if each.share.high >= first.share.low]
    if not overlap:
        return f"Of the searched settings, {setting_name(first.name)} explains most, {share}."
    reach = "the interval of" if len(overlap) == 1 else "the intervals of"
    return (
        f"Which setting explains most is not certain: {setting_name(first.name)} has the largest share, {share}, but "
        f"{reach} {join_names(overlap)} overlap{'s' if len(overlap) == 1 else ''} with its own."
    )


def winner_command(s: Sweep) -> tuple[str, str] | None:
    """What the command line of the winner, or of the best trial so far, is good for, and that command line."""
    if s.winner:
        networks = plural(len(s.winner.branches), "network")
        about = (
            f"This command trains the winner's {networks} with the same bits. They are kept, so here it reuses them. "
            "score, promote and export take them like any others:"
        )
        return about, s.winner.command
    if s.best:
        about = f"This command trains the network of {trial_name(s.best)}, the best so far, with the same bits:"
        return about, s.best.command
    return None


def searched(s: Sweep) -> list[Spans]:
    """What was searched, setting by setting."""
    return [(f"{setting_name(each.name)}: {_values(each)}",) for each in s.dimensions]


def _values(dimension: Dimension) -> str:
    if not dimension.is_range:
        return ", ".join(setting_value(dimension.name, value) for value in dimension.values)
    bounds = [int(bound) if dimension.is_integer else bound for bound in (dimension.low, dimension.high)]
    low, high = (setting_value(dimension.name, bound) for bound in bounds)
    whole, log = (", whole numbers" if dimension.is_integer else ""), (", on a log scale" if dimension.is_log else "")
    return f"{low} to {high}{whole}{log}"


def how_made(s: Sweep) -> list[Spans]:
    """The sampler, the pruner, the seeds, the data, and what is reused."""
    training = cast(Mapping[str, object], s.settings.get("training", {}))
    trial_seed = f"Every trial has seed {training['seed']}." if "seed" in training else ""
    seeds = [str(branch.seed) for branch in s.winner.branches] if s.winner else []
    again = f" The finalists and the present settings have {_seed_names(seeds)}, which no trial used." if seeds else ""
    return [
        (f"Sampler: {SAMPLERS[s.sampler]}.",),
        (f"Pruner: {PRUNERS[s.pruner]}.",),
        (f"{trial_seed}{again} Trial 0 has the present settings.".strip(),),
        (
            "Proposals come in rounds of a fixed size, so that the same command proposes the same trials with any "
            "number of workers. A trial whose network is kept is not trained again.",
        ),
        (
            f"Dataset with the present settings: {s.dataset.title}, {s.dataset.train.reviews:,} training reviews and "
            f"{s.dataset.test.reviews:,} test reviews, ",
            Code(s.dataset.fingerprint),
        ),
        ("To repeat or resume the sweep: ", Code(s.command)),
    ]


def _seed_names(seeds: list[str]) -> str:
    return f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {join_names(seeds)}"


def trial_line(s: Sweep, trial: Trial) -> str:
    """What is logged when a trial ends: its settings, its validation or why it has none, and the best so far."""
    start = f"Trial {trial.number}: {settings_text(s, trial)}"
    reason = f" ({one_line(trial.reason)})" if trial.reason else ""
    if trial.quality is None:
        result = f"{trial.state}{reason}"
    elif trial.state == "complete":
        result = f"validation {trial.quality:.4f}"
    else:
        result = f"{trial.state} at validation {trial.quality:.4f}{reason}"
    if s.best is None:
        return f"{start}: {result}"
    best = (
        "the best so far"
        if s.best.number == trial.number
        else f"best so far {s.best.quality:.4f} (trial {s.best.number})"
    )
    return f"{start}: {result}; {best}"


def left_out(stem: str) -> str:
    """The replacement for a figure that this page does not have."""
    return f"(The figure {stem}.png is in the sweep's folder once the sweep has ended.)"
