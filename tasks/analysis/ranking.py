"""Which model is better, and how sure that is."""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from tasks.analysis.predictions import Predictions
from tasks.analysis.statistics import Difference, holm, mcnemar, mean, mean_difference
from tasks.results.evaluation import Evaluation
from tasks.results.evidence import ModelSummary, Pair, SeedTest


def summarize_models(predictions: Predictions, evaluations: Sequence[Evaluation]) -> tuple[ModelSummary, ...]:
    """Each model over its seeds, best first. With one seed the interval is that of the reviews (Wilson)."""
    return tuple(_summarize(model, evaluations) for model in predictions.models)


def _summarize(model: str, evaluations: Sequence[Evaluation]) -> ModelSummary:
    scores = [evaluation.last for evaluation in evaluations if evaluation.name == model]
    auc = float(np.mean([score.auc for score in scores]))
    if len(scores) == 1:
        return ModelSummary(model, 1, scores[0].accuracy_estimate, None, auc)
    accuracies = [score.accuracy for score in scores]
    return ModelSummary(model, len(scores), mean(accuracies), float(np.std(accuracies, ddof=1)), auc)


class _Uncorrected(NamedTuple):
    """A pair of models before the correction for the number of pairs."""

    first: str
    second: str
    tests: tuple[SeedTest, ...]
    difference: Difference


def compare_pairs(predictions: Predictions) -> tuple[Pair, ...]:
    """Every two models on the same reviews and seeds, the better one first, corrected for their number (Holm).

    Two models without a seed in common, which happens where networks failed, are not compared.
    """
    pairs = [
        _compare(predictions, first, second)
        for first, second in combinations(predictions.models, 2)
        if _common_seeds(predictions, first, second)
    ]
    corrected = holm([pair.difference.p for pair in pairs])
    return tuple(
        Pair(pair.first, pair.second, pair.tests, pair.difference.estimate, pair.difference.p, p_holm)
        for pair, p_holm in zip(pairs, corrected, strict=True)
    )


def _compare(predictions: Predictions, first: str, second: str) -> _Uncorrected:
    seeds = _common_seeds(predictions, first, second)
    tests = tuple(mcnemar(predictions.right(first, seed), predictions.right(second, seed), seed) for seed in seeds)
    if len(seeds) == 1:
        return _Uncorrected(first, second, tests, Difference(tests[0].difference, tests[0].p))
    accuracies = [[float(predictions.right(model, seed).mean()) for seed in seeds] for model in (first, second)]
    return _Uncorrected(first, second, tests, mean_difference(*accuracies))


def _common_seeds(predictions: Predictions, first: str, second: str) -> list[int]:
    return sorted(set(predictions.probabilities[first]) & set(predictions.probabilities[second]))
