"""Accuracy by the length of the review, and how a lead changes with it."""

from collections.abc import Sequence

import numpy as np

from tasks.analysis.means import mean_with_interval, slope_with_interval
from tasks.analysis.predictions import Predictions
from tasks.analysis.ranking import basis_of
from tasks.analysis.statistics import proportion
from tasks.results.evidence import LengthBin
from tasks.results.findings import LengthTrend

LENGTH_BINS = 10
WORDS = 100  # The slope is that per so many words.


def accuracy_by_length(predictions: Predictions, model: str) -> tuple[LengthBin, ...]:
    """Mean accuracy over seeds in bins of equal counts by length; the interval is that of the bin's reviews."""
    lengths = predictions.lengths
    edges = np.unique(np.quantile(lengths, np.linspace(0, 1, LENGTH_BINS + 1)))
    numbers = np.clip(np.searchsorted(edges, lengths, side="right") - 1, 0, max(len(edges) - 2, 0))
    # Shape (seeds, reviews) -> (reviews,): the share of seeds that are right on each review.
    share = np.mean([predictions.right(model, seed) for seed in predictions.probabilities[model]], axis=0)
    bins = []
    for number in np.unique(numbers):
        inside = numbers == number
        reviews = int(inside.sum())
        accuracy = proportion(float(share[inside].sum()), reviews)
        bins.append(LengthBin(int(lengths[inside].min()), int(lengths[inside].max()), reviews, accuracy))
    return tuple(bins)


def length_trend(
    predictions: Predictions, first: str, second: str, seeds: Sequence[int], max_length: int
) -> LengthTrend:
    """How the first model's lead over the second changes with length.

    Args:
        predictions: at one epoch of each network.
        first, second: the models.
        seeds: those that both were trained with.
        max_length: reviews with more words are cut, so they stay out of the slope.
    """
    # Shape (seeds, reviews): 1 where only the first model is right, -1 where only the second is.
    lead = np.stack([
        predictions.right(first, seed).astype(float) - predictions.right(second, seed) for seed in seeds
    ])  # fmt: skip
    cut = predictions.lengths > max_length
    slope = slope_with_interval(predictions.lengths[~cut] / WORDS, lead[:, ~cut])
    cut_lead = mean_with_interval(lead[:, cut]).estimate if cut.any() else None
    return LengthTrend(
        first=first,
        second=second,
        slope=slope.estimate if slope else None,
        basis=basis_of(len(seeds)),
        reviews=int((~cut).sum()),
        cut=cut_lead,
        cut_reviews=int(cut.sum()),
    )
