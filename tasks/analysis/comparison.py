"""Which model is better, and how certain that is: paired tests of predictions, rankings, overfitting."""

import math
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.analysis.intervals import SMALLEST_P, Flags, accuracy_with_interval, basis_of, crossed_difference
from tasks.models.learner import is_right
from tasks.results.comparison import (
    Basis,
    ModelRanking,
    ModelSummary,
    Overfitting,
    Pair,
    SeedTest,
    YardstickComparison,
    YardstickTest,
)
from tasks.results.training import THRESHOLD, Branch, Estimate, Evaluation, LabelScores, Point
from tasks.results.yardstick import Yardstick
from tasks.storage.layout import BAG_OF_WORDS

Probabilities = NDArray[np.floating]
POINTS: tuple[Point, Point] = ("best", "last")


class Predictions(NamedTuple):
    """Test predictions at one epoch: `probabilities[model][seed]`, shape (reviews,), the best model first."""

    review_ids: NDArray[np.integer]
    labels: NDArray[np.integer]
    lengths: NDArray[np.integer]
    probabilities: dict[str, dict[int, Probabilities]]

    @property
    def models(self) -> list[str]:
        """Names of the models, the best mean accuracy first."""
        return list(self.probabilities)

    def right(self, model: str, seed: int) -> NDArray[np.bool_]:
        """Whether each review's probability is on the right side of 0.5, shape (reviews,)."""
        return is_right(self.probabilities[model][seed], self.labels)

    def first_seed(self) -> dict[str, Probabilities]:
        """Each model's probabilities with its first seed."""
        return {model: seeds[min(seeds)] for model, seeds in self.probabilities.items()}

    def confidence(self, model: str) -> Probabilities:
        """Distance of the first seed's probability from 0.5 towards the label, shape (reviews,): above 0 if right."""
        sign = np.where(self.labels == 1, 1.0, -1.0)
        value: Probabilities = sign * (self.first_seed()[model] - THRESHOLD)
        return value


def read_predictions(evaluations: Sequence[Evaluation], point: Point = "last") -> Predictions:
    """Read the predictions of all branches at the last or the best epoch; rows are in the order of the test split."""
    frames = [pd.read_parquet(evaluation.predictions) for evaluation in evaluations]
    probabilities: dict[str, dict[int, Probabilities]] = {name: {} for name in _best_first(evaluations, point)}
    for evaluation, frame in zip(evaluations, frames, strict=True):
        probabilities[evaluation.name][evaluation.seed] = frame[f"probability_{point}"].to_numpy()
    reviews = frames[0]
    return Predictions(
        reviews["review_id"].to_numpy(), reviews["label"].to_numpy(), reviews["length"].to_numpy(), probabilities
    )


def _best_first(evaluations: Sequence[Evaluation], point: Point) -> list[str]:
    """Names of the models, the best mean accuracy over seeds first."""
    accuracies: dict[str, list[float]] = {}
    for evaluation in evaluations:
        accuracies.setdefault(evaluation.name, []).append(evaluation.at(point).accuracy)
    return sorted(accuracies, key=lambda name: -float(np.mean(accuracies[name])))


def mcnemar(first_right: Flags, second_right: Flags, seed: int) -> SeedTest:
    """McNemar's exact test (1947) of two models on the same reviews, with their difference and its 95 % interval.

    The interval is Agresti & Min's (2005): Wald's, with half a review added to each of the four cells.

    Args:
        first_right, second_right: whether each model is right on each review, shape (reviews,).
        seed: the networks' seed.
    """
    from scipy.stats import binomtest

    both = int((first_right & second_right).sum())
    only_first, only_second = int((first_right & ~second_right).sum()), int((~first_right & second_right).sum())
    total, discordant = len(first_right), only_first + only_second
    p = max(float(binomtest(only_first, discordant, 0.5).pvalue), SMALLEST_P) if discordant else 1.0
    b, c, n = only_first + 0.5, only_second + 0.5, total + 2
    centre = (b - c) / n
    half = 1.959964 * math.sqrt(b + c - (b - c) ** 2 / n) / n
    return SeedTest(
        seed=seed,
        both_right=both,
        only_first=only_first,
        only_second=only_second,
        both_wrong=total - both - discordant,
        difference=Estimate((only_first - only_second) / total, centre - half, centre + half),
        p=p,
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct m p-values by Holm's method (1979): multiply the k-th smallest by m - k + 1, keep the order, cap at 1."""
    order = np.argsort(p_values, kind="stable")
    scaled = np.asarray(p_values)[order] * np.arange(len(p_values), 0, -1)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return [float(p) for p in corrected]


def beside_yardstick(yardstick: Yardstick, evaluations: Sequence[Evaluation]) -> YardstickComparison:
    """Compare every network, each seed by itself, with the yardstick on the same test reviews."""
    rows = pd.read_parquet(yardstick.folder / BAG_OF_WORDS)
    right = is_right(rows["probability"].to_numpy(), rows["label"].to_numpy())
    best, last = (_beside(right, evaluations, point) for point in POINTS)
    return YardstickComparison(yardstick, best, last)


def _beside(yardstick_right: Flags, evaluations: Sequence[Evaluation], point: Point) -> tuple[YardstickTest, ...]:
    predictions = read_predictions(evaluations, point)
    tests = [mcnemar(predictions.right(e.name, e.seed), yardstick_right, e.seed) for e in evaluations]
    corrected = holm([test.p for test in tests])
    return tuple(
        YardstickTest(evaluation.name, test, p)
        for evaluation, test, p in zip(evaluations, tests, corrected, strict=True)
    )


def rank_models(predictions: Predictions) -> ModelRanking:
    """Every pair of models, and their ranking, at one epoch of each network."""
    pairs = compare_pairs(predictions)
    return ModelRanking(pairs, rank(predictions.models, pairs))


def summarize_models(predictions: Predictions, evaluations: Sequence[Evaluation]) -> tuple[ModelSummary, ...]:
    """Summarize each model over its seeds, the best model first."""
    return tuple(_summarize(predictions, model, evaluations) for model in predictions.models)


def _summarize(predictions: Predictions, model: str, evaluations: Sequence[Evaluation]) -> ModelSummary:
    ours = [evaluation for evaluation in evaluations if evaluation.name == model]
    scores, by_label = [evaluation.last for evaluation in ours], _mean_label_scores(ours)
    auc = float(np.mean([score.auc for score in scores]))
    accuracies = [score.accuracy for score in scores]
    basis = basis_of(len(scores))
    if basis == "reviews":
        return ModelSummary(model, 1, scores[0].accuracy_estimate, basis, None, auc, by_label)
    deviation = float(np.std(accuracies, ddof=1))
    right = np.stack([predictions.right(model, seed) for seed in predictions.probabilities[model]])
    return ModelSummary(model, len(scores), accuracy_with_interval(right), basis, deviation, auc, by_label)


def _mean_label_scores(evaluations: Sequence[Evaluation]) -> LabelScores:
    """The scores by label of a model's networks at their best epochs; means over seeds."""
    scores = [evaluation.best.by_label for evaluation in evaluations]
    balanced = scores[0].balanced if len(scores) == 1 else _range([each.balanced.value for each in scores])
    return LabelScores(
        balanced, float(np.mean([each.f1 for each in scores])), float(np.mean([each.area for each in scores]))
    )


def _range(values: Sequence[float]) -> Estimate:
    """The mean, with the lowest and the highest value as its bounds."""
    return Estimate(float(np.mean(values)), min(values), max(values))


class _Uncorrected(NamedTuple):
    """A pair of models before the correction for the number of pairs; p is None if no test is possible."""

    first: str
    second: str
    tests: tuple[SeedTest, ...]
    difference: Estimate
    basis: Basis
    p: float | None


def compare_pairs(predictions: Predictions) -> tuple[Pair, ...]:
    """Compare every pair of models on the same reviews and seeds, the better one first, with Holm's correction.

    Models without a common seed, which can happen if networks failed, are not compared.
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
    """Group the models, best first: no model of a group is significantly different from the best of that group.

    Args:
        models: the models, best first.
        pairs: the pairs of these models.
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
    """The change in each model from the best validation epoch to the last one, as a mean over seeds."""

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
