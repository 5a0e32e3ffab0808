"""What sets the best model apart from the last: length of the reviews, memory, how single words move it."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from tasks.analysis.predictions import Predictions
from tasks.analysis.statistics import proportion
from tasks.results.evaluation import Estimate, Explanation
from tasks.results.evidence import Contrast, LengthBin, LengthLead, MemoryGain, Trace

LENGTH_BINS = 10


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


def contrast(
    lengths: Mapping[str, Sequence[LengthBin]], explanations: Sequence[Explanation], traces: Sequence[Trace]
) -> Contrast | None:
    """The best model against the last; None if there is one model.

    Args:
        lengths: accuracy by length of each model, best first.
        explanations: of all branches.
        traces: the reviews that are read word by word.
    """
    models = list(lengths)
    best, last = models[0], models[-1]
    if best == last:
        return None
    return Contrast(
        best=best,
        last=last,
        lengths=lead_by_length(lengths[best], lengths[last]),
        memory={model: memory_gain(explanations, model) for model in (best, last)},
        movement=movement(traces, (best, last)),
    )


def lead_by_length(best: Sequence[LengthBin], last: Sequence[LengthBin]) -> LengthLead | None:
    """The best model's lead on the shortest and on the longest reviews; None if these are equally long.

    The intervals are those of differences of independent proportions.
    """
    if best[-1].shortest <= best[0].longest:
        return None
    short = _difference(best[0].accuracy, last[0].accuracy)
    long = _difference(best[-1].accuracy, last[-1].accuracy)
    return LengthLead(best[0].longest, best[-1].shortest, short, long, _difference(long, short))


def _difference(first: Estimate, second: Estimate) -> Estimate:
    """first - second of two independent estimates with symmetric intervals."""
    value = first.value - second.value
    half = math.hypot((first.high - first.low) / 2, (second.high - second.low) / 2)
    return Estimate(value, value - half, value + half)


def memory_gain(explanations: Sequence[Explanation], model: str) -> MemoryGain:
    """Mean accuracy over seeds from the fewest last words, and what all words add to it."""
    memories = [explanation.memory for explanation in explanations if explanation.name == model]
    fewest = float(np.mean([memory[0].accuracy.value for memory in memories]))
    whole = float(np.mean([memory[-1].accuracy.value for memory in memories]))
    return MemoryGain(memories[0][0].words, fewest, whole - fewest)


def movement(traces: Sequence[Trace], models: Sequence[str]) -> dict[str, float]:
    """Mean change of each model's probability from one word to the next; empty if no review has two words."""
    changes = {model: [change for trace in traces for change in _changes(trace.lines[model])] for model in models}
    return {model: float(np.mean(values)) for model, values in changes.items()} if all(changes.values()) else {}


def _changes(line: Sequence[float]) -> list[float]:
    return [abs(before - after) for before, after in pairwise(line)]
