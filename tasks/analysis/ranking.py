"""Which model is better, and how sure that is."""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.analysis.crossed import MIN_SEEDS, crossed_accuracy, crossed_difference
from tasks.analysis.predictions import Predictions
from tasks.analysis.statistics import holm, mcnemar
from tasks.results.evaluation import Estimate, Evaluation, Point
from tasks.results.training import Branch
from tasks.results.verdict import Basis, ModelSummary, Overfitting, Pair, SeedTest, Verdict


def verdict(predictions: Predictions, point: Point) -> Verdict:
    """Every pair of models, and their ranking, at one epoch of each network."""
    pairs = compare_pairs(predictions)
    return Verdict(point, pairs, rank(predictions.models, pairs))


def summarize_models(predictions: Predictions, evaluations: Sequence[Evaluation]) -> tuple[ModelSummary, ...]:
    """Each model over its seeds, best first."""
    return tuple(_summarize(predictions, model, evaluations) for model in predictions.models)


def _summarize(predictions: Predictions, model: str, evaluations: Sequence[Evaluation]) -> ModelSummary:
    scores = [evaluation.last for evaluation in evaluations if evaluation.name == model]
    auc = float(np.mean([score.auc for score in scores]))
    accuracies = [score.accuracy for score in scores]
    basis = basis_of(len(scores))
    if basis == "reviews":
        return ModelSummary(model, 1, scores[0].accuracy_estimate, basis, None, auc)
    deviation = float(np.std(accuracies, ddof=1))
    right = np.stack([predictions.right(model, seed) for seed in predictions.probabilities[model]])
    accuracy = crossed_accuracy(right) if basis == "seeds_and_reviews" else _range(accuracies)
    return ModelSummary(model, len(scores), accuracy, basis, deviation, auc)


def basis_of(seeds: int) -> Basis:
    """What an interval covers, with that many seeds: with two, nothing but what was seen."""
    if seeds == 1:
        return "reviews"
    return "seeds_and_reviews" if seeds >= MIN_SEEDS else "range"


def _range(values: Sequence[float]) -> Estimate:
    """The mean, between the lowest and the highest value."""
    return Estimate(float(np.mean(values)), min(values), max(values))


class _Uncorrected(NamedTuple):
    """A pair of models before the correction for the number of pairs; p is None where nothing can be tested."""

    first: str
    second: str
    tests: tuple[SeedTest, ...]
    difference: Estimate
    basis: Basis
    p: float | None


def compare_pairs(predictions: Predictions) -> tuple[Pair, ...]:
    """Every two models on the same reviews and seeds, the better one first, corrected for their number (Holm).

    Two models without a seed in common, which happens where networks failed, are not compared.
    """
    pairs = [
        _compare(predictions, first, second)
        for first, second in combinations(predictions.models, 2)
        if _common_seeds(predictions, first, second)
    ]
    corrected = iter(holm([pair.p for pair in pairs if pair.p is not None]))
    return tuple(Pair(*pair, None if pair.p is None else next(corrected)) for pair in pairs)


def _compare(predictions: Predictions, first: str, second: str) -> _Uncorrected:
    seeds = _common_seeds(predictions, first, second)
    tests = tuple(mcnemar(predictions.right(first, seed), predictions.right(second, seed), seed) for seed in seeds)
    basis = basis_of(len(seeds))
    if basis == "reviews":
        return _Uncorrected(first, second, tests, tests[0].difference, basis, tests[0].p)
    if basis == "range":
        return _Uncorrected(first, second, tests, _range([test.difference.value for test in tests]), basis, None)
    right = [_right(predictions, model, seeds) for model in (first, second)]
    difference = crossed_difference(*right)
    return _Uncorrected(first, second, tests, difference.estimate, basis, difference.p)


def _right(predictions: Predictions, model: str, seeds: Sequence[int]) -> NDArray[np.bool_]:
    """Whether each seed's network is right on each review, shape (seeds, reviews)."""
    return np.stack([predictions.right(model, seed) for seed in seeds])


def _common_seeds(predictions: Predictions, first: str, second: str) -> list[int]:
    return sorted(set(predictions.probabilities[first]) & set(predictions.probabilities[second]))


def rank(models: Sequence[str], pairs: Sequence[Pair]) -> tuple[tuple[str, ...], ...]:
    """Models in groups, best first: a group's models cannot be told apart from its best one.

    Args:
        models: best first.
        pairs: of these models.
    """
    different = {frozenset((pair.first, pair.second)) for pair in pairs if pair.is_different}
    groups: list[list[str]] = []
    for model in models:
        if groups and frozenset((groups[-1][0], model)) not in different:
            groups[-1].append(model)
        else:
            groups.append([model])
    return tuple(tuple(group) for group in groups)


def overfitting(branches: Sequence[Branch], evaluations: Sequence[Evaluation]) -> dict[str, Overfitting]:
    """By model, what happens between the best validation epoch and the last one, mean over seeds."""
    names = dict.fromkeys(branch.name for branch in branches)
    return {name: _overfitting(name, branches, evaluations) for name in names}


def _overfitting(name: str, branches: Sequence[Branch], evaluations: Sequence[Evaluation]) -> Overfitting:
    ours = [branch for branch in branches if branch.name == name]
    scores = [evaluation for evaluation in evaluations if evaluation.name == name]
    return Overfitting(
        best_epochs=tuple(branch.best_epoch for branch in ours),
        last_epoch=len(ours[0].history),
        validation_loss_best=float(np.mean([branch.history[branch.best_epoch - 1].val_loss for branch in ours])),
        validation_loss_last=float(np.mean([branch.history[-1].val_loss for branch in ours])),
        test_accuracy_best=float(np.mean([evaluation.best.accuracy for evaluation in scores])),
        test_accuracy_last=float(np.mean([evaluation.last.accuracy for evaluation in scores])),
    )
