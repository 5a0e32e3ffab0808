"""Records of a sweep: the searched settings, the trials, and the best of them trained again with other seeds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from tasks.results.comparison import Basis
from tasks.results.data import Dataset
from tasks.results.training import Branch, Epoch, Estimate, Evaluation, best_epoch

Value = str | int | float | bool
SamplerName = Literal["tpe", "random", "grid"]
PrunerName = Literal["median", "none"]


@dataclass(frozen=True)
class Dimension:
    """A searched setting: a list of values, or a range of numbers.

    Attributes:
        name: the setting, such as "learning_rate".
        values: the values to choose from; empty for a range.
        low, high: the bounds of a range, which are part of it.
        is_log: whether a range is searched on a logarithmic scale.
        is_integer: whether the numbers of a range are whole.
    """

    name: str
    values: tuple[Value, ...] = ()
    low: float = 0.0
    high: float = 0.0
    is_log: bool = False
    is_integer: bool = False

    @property
    def is_range(self) -> bool:
        """Whether this is a range of numbers."""
        return not self.values

    @property
    def is_numeric(self) -> bool:
        """Whether all values are numbers."""
        return not any(isinstance(value, (str, bool)) for value in self.values)

    def contains(self, value: Value) -> bool:
        """Whether a value can be proposed."""
        if self.values:
            return value in self.values
        return isinstance(value, (int, float)) and self.low <= value <= self.high


# complete: all epochs; pruned: worse than half of the earlier trials; stopped: time was up; failed: there is an error.
TrialState = Literal["complete", "pruned", "stopped", "failed"]


@dataclass(frozen=True)
class Trial:
    """One proposal, and what training with it gave. Trial 0 has the present settings.

    Attributes:
        number: its place in the sweep, from 0.
        settings: the values of the searched settings, by name.
        state: how it ended.
        reason: why it did not end all epochs, in one line; "" if it did.
        history: its completed epochs.
        folder: the network's folder; None if it failed.
        command: the command line that trains this network with the same bits.
        cpu_seconds: processor time of its training.
    """

    number: int
    settings: dict[str, Value]
    state: TrialState
    reason: str
    history: tuple[Epoch, ...]
    folder: Path | None
    command: str
    cpu_seconds: float

    @property
    def quality(self) -> float | None:
        """Balanced validation accuracy of the best epoch; None without a completed epoch."""
        return best_epoch(self.history).quality if self.history else None

    @property
    def is_ranked(self) -> bool:
        """Whether the trial completed an epoch and was not pruned, so that it can be the best."""
        return bool(self.history) and self.state in ("complete", "stopped")


@dataclass(frozen=True)
class FinalistTest:
    """A finalist against the present settings: the difference in test accuracy of their best epochs.

    Where labels are uneven, it is balanced accuracy.

    Attributes:
        difference: the finalist's accuracy minus that of the present settings, mean over seeds, with its 95 % interval.
        basis: what the interval accounts for; with "range" there is no test.
        p_holm: p-value of no difference, corrected by Holm's method for all finalists; None if there is no test.
    """

    difference: Estimate
    basis: Basis
    p_holm: float | None

    @property
    def answer(self) -> Literal["better", "worse", "open"]:
        """Whether the finalist is shown to be better or worse at 5 %."""
        if self.p_holm is None or self.p_holm >= 0.05:
            return "open"
        return "better" if self.difference.value > 0 else "worse"


@dataclass(frozen=True)
class Finalist:
    """The settings of a trial, trained again with seeds that no trial used, and tested.

    Attributes:
        trial: the trial; the present settings, which are always among the finalists, are trial 0.
        branches, evaluations: its networks, one for each seed.
        validation: balanced validation accuracy of the best epochs, mean over these seeds.
        accuracy: test accuracy of the best epochs, mean over these seeds; balanced if labels are uneven.
        basis: what the accuracy's interval accounts for.
        test: against the present settings; None for the present settings themselves.
        command: the command line that trains these networks with the same bits.
    """

    trial: Trial
    branches: tuple[Branch, ...]
    evaluations: tuple[Evaluation, ...]
    validation: float
    accuracy: Estimate
    basis: Basis
    test: FinalistTest | None
    command: str

    @property
    def luck(self) -> float:
        """How much better the trial's validation was than that of the same settings with other seeds."""
        return (self.trial.quality or 0.0) - self.validation


@dataclass(frozen=True)
class Importance:
    """How much of the variance of the trials' quality a setting explains, as a share of what all settings explain.

    Attributes:
        share: functional ANOVA of a random forest (Hutter et al. 2014): its median over bootstrap samples of trials;
            the interval contains 90 % of them.
    """

    name: str
    share: Estimate


# complete: all trials; minutes: `--minutes` were over; signal: Ctrl-C or another signal; exhausted: no other settings.
SweepEnd = Literal["running", "complete", "minutes", "signal", "exhausted"]


@dataclass(frozen=True)
class Sweep:
    """A sweep, finished or not.

    Attributes:
        run: the name of its folder.
        dataset: the reviews with the present settings.
        settings, command: its settings as nested JSON values, and the command line that repeats it.
        dimensions: the searched settings.
        planned: how many trials were asked for.
        trials: those that have ended, by number.
        repeated: how many proposals repeated an earlier one and were not trained.
        importances: of each searched setting, the most important first; none if there are too few trials.
        finalists: the best trials and the present settings, the best re-runs on validation first; none if the sweep
            ended before.
        end: why there are no more trials.
        durations: the wall time of each step, in seconds.
    """

    run: str
    dataset: Dataset
    settings: dict[str, object]
    command: str
    dimensions: tuple[Dimension, ...]
    planned: int
    sampler: SamplerName
    pruner: PrunerName
    trials: tuple[Trial, ...] = ()
    repeated: int = 0
    importances: tuple[Importance, ...] = ()
    finalists: tuple[Finalist, ...] = ()
    end: SweepEnd = "running"
    notes: tuple[str, ...] = ()
    durations: dict[str, float] = field(default_factory=dict)

    @property
    def winner(self) -> Finalist | None:
        """The finalist with the best validation over its re-runs; None if nothing was trained again."""
        return self.finalists[0] if self.finalists else None

    @property
    def present(self) -> Finalist | None:
        """The present settings, trained again; None if nothing was."""
        return next((finalist for finalist in self.finalists if finalist.trial.number == 0), None)

    @property
    def best(self) -> Trial | None:
        """The best trial so far; None if no trial completed an epoch."""
        ranked = best_first(self.trials)
        return ranked[0] if ranked else None

    @cached_property
    def best_so_far(self) -> tuple[tuple[int, float], ...]:
        """The number of each trial that was better than all before it, and its quality; pruned ones do not count."""
        steps: list[tuple[int, float]] = []
        for trial in self.trials:
            if trial.is_ranked and trial.quality is not None and (not steps or trial.quality > steps[-1][1]):
                steps.append((trial.number, trial.quality))
        return tuple(steps)

    @property
    def present_trial(self) -> Trial | None:
        """The trial with the present settings; None if it has not ended."""
        return next((trial for trial in self.trials if trial.number == 0), None)


def best_first(trials: Sequence[Trial]) -> list[Trial]:
    """The trials that completed an epoch and were not pruned, the best validation first, then the lowest loss."""
    ranked = [trial for trial in trials if trial.is_ranked]
    return sorted(ranked, key=lambda trial: best_epoch(trial.history).rank, reverse=True)
