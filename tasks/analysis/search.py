"""Which settings to try next, which trials to stop, and how much each setting matters: by Optuna's samplers.

Proposals are asked for in rounds of a fixed size, and results are told in the order of the trials' numbers. So the
trials depend only on the seed and on the results, never on how many of them run at a time or on which ends first.
"""

import math
import warnings
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from tasks.errors import PipelineError
from tasks.results.sweep import Dimension, Importance, SamplerName, Trial, Value
from tasks.results.training import Estimate

try:
    import optuna
    from optuna.storages.journal import JournalFileBackend
except ImportError:
    raise PipelineError("sweep: optuna is not installed; run `uv sync --extra sweep`") from None

ROUND = 8  # Trials of a round: enough for most machines' cores, few enough that most proposals know earlier results.
MAX_REPEATS = 100  # After as many proposals in a row that were tried before, an untried one is taken, if there is one.
MAX_COMBINATIONS = 100_000
# The median pruner needs some finished trials, and the first epoch says little.
MIN_TRIALS_TO_PRUNE, EPOCHS_WITHOUT_PRUNING = 5, 1
MIN_TRIALS_TO_WEIGH, BOOTSTRAPS, TREES = 10, 20, 16
STUDY = "sweep"
STATES = {
    "complete": optuna.trial.TrialState.COMPLETE,
    "pruned": optuna.trial.TrialState.PRUNED,
    "stopped": optuna.trial.TrialState.PRUNED,
    "failed": optuna.trial.TrialState.FAIL,
}
Settings = dict[str, Value]


def distributions_of(dimensions: Sequence[Dimension]) -> dict[str, Any]:
    """Optuna's distributions of the searched settings, by name."""
    return {dimension.name: _distribution(dimension) for dimension in dimensions}


def _distribution(dimension: Dimension) -> Any:
    if dimension.values:
        return optuna.distributions.CategoricalDistribution(dimension.values)
    if dimension.is_integer:
        return optuna.distributions.IntDistribution(int(dimension.low), int(dimension.high), log=dimension.is_log)
    return optuna.distributions.FloatDistribution(dimension.low, dimension.high, log=dimension.is_log)


class Proposals:
    """Proposals for the trials of a sweep.

    Attributes:
        repeated: how many proposals repeated an earlier one.
    """

    def __init__(self, dimensions: Sequence[Dimension], sampler: SamplerName, present: Settings, seed: int) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.repeated = 0
        self._dimensions = dimensions
        self._distributions = distributions_of(dimensions)
        self._tried = {_key(present)}
        self._random = np.random.default_rng(seed)
        self._untried = self._combinations()
        self._is_grid = sampler == "grid"
        self._study = optuna.create_study(direction="maximize", sampler=_sampler(sampler, seed))
        self._asked: dict[tuple[Value, ...], Any] = {}

    def next_round(self, most: int) -> list[Settings]:
        """The settings of the next trials, at most `most`; none if all combinations have been tried."""
        proposals = []
        for _ in range(min(most, ROUND)):
            settings = self._next_of_grid() if self._is_grid else self._next()
            if settings is None:
                break
            proposals.append(settings)
        return proposals

    def tell(self, trial: Trial) -> None:
        """Use a trial for the proposals of later rounds."""
        asked = self._asked.pop(_key(trial.settings), None)
        if asked is None:  # The present settings, which need not be among those that can be proposed.
            if is_proposable(trial, self._dimensions):
                self._study.add_trial(frozen(trial, self._dimensions))
            return
        for epoch in trial.history:
            asked.report(epoch.quality, epoch.epoch)
        is_complete = trial.state == "complete"
        self._study.tell(asked, trial.quality if is_complete else None, state=STATES[trial.state])

    def _next(self) -> Settings | None:
        for _ in range(MAX_REPEATS):
            if self._untried is not None and not self._untried:
                return None
            asked = self._study.ask(self._distributions)
            if _key(asked.params) not in self._tried:
                return self._taken(asked)
            self.repeated += 1
            self._study.tell(asked, state=optuna.trial.TrialState.FAIL)
        return self._next_of_grid()

    def _next_of_grid(self) -> Settings | None:
        """A combination that was not tried, chosen at random; None if there is none or the sweep has a range."""
        if not self._untried:
            return None
        keys = list(self._untried)
        settings = self._untried[keys[int(self._random.integers(len(keys)))]]
        self._study.enqueue_trial(settings)
        return self._taken(self._study.ask(self._distributions))

    def _taken(self, asked: Any) -> Settings:
        key = _key(asked.params)
        self._tried.add(key)
        self._asked[key] = asked
        if self._untried is not None:
            self._untried.pop(key, None)
        return dict(asked.params)

    def _combinations(self) -> dict[tuple[Value, ...], Settings] | None:
        """All combinations that were not tried, by their keys; None if there are too many to list."""
        choices = [_choices(dimension) for dimension in self._dimensions]
        if not all(choices) or math.prod(map(len, choices)) > MAX_COMBINATIONS:
            return None
        names = [dimension.name for dimension in self._dimensions]
        every = (dict(zip(names, values, strict=True)) for values in product(*choices))
        return {_key(settings): settings for settings in every if _key(settings) not in self._tried}


def _sampler(name: SamplerName, seed: int) -> Any:
    if name == "tpe":  # A lie about the trials in progress keeps the proposals of a round apart.
        return optuna.samplers.TPESampler(seed=seed, constant_liar=True)
    return optuna.samplers.RandomSampler(seed)


def _key(settings: Settings) -> tuple[Value, ...]:
    return tuple(settings[name] for name in sorted(settings))


def _choices(dimension: Dimension) -> Sequence[Value]:
    """All values of a searched setting; empty if there are too many to list."""
    if dimension.values:
        return dimension.values
    is_short = dimension.is_integer and dimension.high - dimension.low < MAX_COMBINATIONS
    return range(int(dimension.low), int(dimension.high) + 1) if is_short else ()


def required_quality(trials: Sequence[Trial], epochs: int) -> tuple[float, ...]:
    """What the best epoch of a trial must reach by each epoch, or it is pruned: the median of complete trials then.

    This is Optuna's median pruner (Golovin et al. 2017, "Google Vizier: a service for black-box optimization"), but all
    trials of a round are judged by the trials of earlier rounds.

    Args:
        trials: the trials of earlier rounds.
        epochs: the number of epochs of a trial.
    """
    complete = [trial.history for trial in trials if trial.state == "complete"]
    required = [0.0] * min(EPOCHS_WITHOUT_PRUNING, epochs)
    for number in range(len(required), epochs):
        then = [history[number].quality for history in complete if len(history) > number]
        if len(then) < MIN_TRIALS_TO_PRUNE:
            break
        required.append(float(np.median(then)))
    return tuple(required)


def importances(dimensions: Sequence[Dimension], trials: Sequence[Trial], seed: int) -> tuple[Importance, ...]:
    """How much of the variance of complete trials' quality each searched setting explains, the most important first.

    None if fewer than ten trials are complete, all have the same quality, or only one setting is searched.
    """
    usable = [trial for trial in trials if trial.state == "complete" and is_proposable(trial, dimensions)]
    if len(usable) < MIN_TRIALS_TO_WEIGH or len(dimensions) < 2:
        return ()
    random = np.random.default_rng(seed)
    shares = [
        each
        for _ in range(BOOTSTRAPS)
        if (each := _shares([usable[row] for row in random.integers(len(usable), size=len(usable))], dimensions))
    ]
    if not shares:
        return ()
    found = [
        Importance(each.name, _quantiles(np.array([sample.get(each.name, 0.0) for sample in shares])))
        for each in dimensions
    ]
    return tuple(sorted(found, key=lambda importance: -importance.share.value))


def is_proposable(trial: Trial, dimensions: Sequence[Dimension]) -> bool:
    """Whether a trial has settings that can be proposed; the present ones need not be among these."""
    return all(each.contains(trial.settings[each.name]) for each in dimensions)


def _shares(trials: Sequence[Trial], dimensions: Sequence[Dimension]) -> dict[str, float]:
    """Functional ANOVA of these trials; empty if they have all the same quality or the same settings."""
    if len({trial.quality for trial in trials}) < 2 or len({_key(trial.settings) for trial in trials}) < 2:
        return {}
    study = optuna.create_study(direction="maximize")
    study.add_trials([frozen(trial, dimensions) for trial in trials])
    evaluator = optuna.importance.FanovaImportanceEvaluator(n_trees=TREES, seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {name: float(share) for name, share in shares.items() if math.isfinite(share)}


def _quantiles(values: Any) -> Estimate:
    low, middle, high = np.quantile(values, (0.05, 0.5, 0.95))
    return Estimate(float(middle), float(low), float(high))


def frozen(trial: Trial, dimensions: Sequence[Dimension]) -> Any:
    """A trial as Optuna has it, without settings that cannot be proposed."""
    proposed = [each for each in dimensions if each.contains(trial.settings[each.name])]
    return optuna.trial.create_trial(
        state=STATES[trial.state],
        value=trial.quality if trial.state == "complete" else None,
        params={each.name: trial.settings[each.name] for each in proposed},
        distributions=distributions_of(proposed),
        intermediate_values={epoch.epoch: epoch.quality for epoch in trial.history},
        user_attrs={"trial": trial.number, "reason": trial.reason, "command": trial.command},
    )


class SweepJournal:
    """The file of a sweep that `optuna-dashboard` opens: all trials that have ended, in the order of their numbers."""

    def __init__(self, path: Path, dimensions: Sequence[Dimension]) -> None:
        self._path, self._dimensions = path, dimensions
        self._study: Any = None

    def add(self, trial: Trial) -> None:
        """Append a trial; the first one begins a new file."""
        if self._study is None:
            self._path.unlink(missing_ok=True)
            file = JournalFileBackend(str(self._path))
            storage = optuna.storages.JournalStorage(file)
            self._study = optuna.create_study(study_name=STUDY, storage=storage, direction="maximize")
        self._study.add_trial(frozen(trial, self._dimensions))
