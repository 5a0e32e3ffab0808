"""The best trials trained again with other seeds: how they do on the test reviews, and against the present settings."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.analysis.comparison import holm
from tasks.analysis.intervals import accuracy_with_interval, balanced_values, mean_with_interval
from tasks.models.learner import is_right
from tasks.results.sweep import Finalist, FinalistTest, Trial, best_first
from tasks.results.training import Branch, Evaluation, best_epoch


class Rerun(NamedTuple):
    """A trial, and its networks with other seeds; `command` trains them with the same bits."""

    trial: Trial
    branches: tuple[Branch, ...]
    evaluations: tuple[Evaluation, ...]
    command: str


def choose(trials: Sequence[Trial], count: int) -> list[Trial]:
    """Trial 0, the present settings, with which all others are compared, and the best complete trials by validation."""
    best = [trial for trial in best_first(trials) if trial.state == "complete"][:count]
    return [*trials[:1], *(trial for trial in best if trial.number)]


def judge(reruns: Sequence[Rerun], is_uneven: bool) -> tuple[Finalist, ...]:
    """The finalists, the best mean validation over their seeds first; each is tested against trial 0.

    Validation alone decides which trials become finalists and which of them is first. The tests use networks with
    other seeds than the trials, and Holm's correction covers that the first of several finalists is the best.

    Args:
        reruns: the finalists, all with the same seeds; without trial 0, none is tested.
        is_uneven: whether balanced accuracy takes the place of accuracy, because one label is rare.
    """
    scores = {rerun.trial.number: scores_of(rerun.evaluations, is_uneven) for rerun in reruns}
    tests = compare_with_present(scores)
    finalists = [
        _finalist(rerun, scores[rerun.trial.number], tests.get(rerun.trial.number), is_uneven) for rerun in reruns
    ]
    return tuple(sorted(finalists, key=lambda finalist: (-finalist.validation, finalist.trial.number)))


def _finalist(rerun: Rerun, scores: NDArray[np.floating], test: FinalistTest | None, is_uneven: bool) -> Finalist:
    accuracy = mean_with_interval(scores)
    return Finalist(
        trial=rerun.trial,
        branches=rerun.branches,
        evaluations=rerun.evaluations,
        validation=float(np.mean([best_epoch(branch.history).quality for branch in rerun.branches])),
        accuracy=accuracy.estimate if is_uneven else accuracy_with_interval(scores.astype(bool)),
        basis=accuracy.basis,
        test=test,
        command=rerun.command,
    )


def scores_of(evaluations: Sequence[Evaluation], is_uneven: bool) -> NDArray[np.floating]:
    """Scores of test reviews whose mean is the accuracy of a network's best epoch, shape (seeds, reviews).

    It is balanced accuracy if labels are uneven.
    """
    frames = [pd.read_parquet(evaluation.predictions) for evaluation in evaluations]
    labels = frames[0]["label"].to_numpy()
    right = np.stack([is_right(frame["probability_best"].to_numpy(), labels) for frame in frames])
    return balanced_values(right, labels) if is_uneven else right.astype(np.float64)


def compare_with_present(scores: dict[int, NDArray[np.floating]]) -> dict[int, FinalistTest]:
    """Test each finalist against trial 0 on the same seeds and reviews; p-values are corrected by Holm's method.

    Args:
        scores: `scores_of` by the number of the trial.
    """
    if 0 not in scores:
        return {}
    means = {number: mean_with_interval(its - scores[0]) for number, its in scores.items() if number != 0}
    corrected = iter(holm([mean.p for mean in means.values() if mean.p is not None]))
    return {
        number: FinalistTest(mean.estimate, mean.basis, None if mean.p is None else next(corrected))
        for number, mean in means.items()
    }
