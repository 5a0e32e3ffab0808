"""Accuracy by length of the review, how a lead changes with length, and the check of the textbook's claims."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.analysis.comparison import Predictions
from tasks.analysis.intervals import Mean, basis_of, mean_with_interval, proportion, slope_with_interval
from tasks.analysis.reading import near_words
from tasks.results.comparison import Answer, Claim, Finding, Findings, LengthBin, LengthTrend, Measure
from tasks.results.training import Branch, Explanation
from tasks.storage.layout import MEMORY, REACH

LENGTH_BINS = 10
SLOPE_WORDS = 100  # The slope is the change per this many words.


def accuracy_by_length(predictions: Predictions, model: str) -> tuple[LengthBin, ...]:
    """Mean accuracy over seeds in bins of equal counts by length; the intervals account for the choice of reviews."""
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
        predictions: predictions at one epoch of each network.
        first, second: the models.
        seeds: the seeds that both were trained with.
        max_length: reviews with more words are truncated, so the slope excludes them.
    """
    # Shape (seeds, reviews): 1 where only the first model is right, -1 where only the second is.
    lead = np.stack([
        predictions.right(first, seed).astype(float) - predictions.right(second, seed) for seed in seeds
    ])  # fmt: skip
    cut = predictions.lengths > max_length
    slope = slope_with_interval(predictions.lengths[~cut] / SLOPE_WORDS, lead[:, ~cut])
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


REACH_MEASURES: tuple[Measure, ...] = ("initial", "first", "last", "jacobian")
GATED = ("lstm", "gru")
Frames = list[pd.DataFrame]


class ModelPair(NamedTuple):
    """A simple and a gated model, and the seeds that both were trained with."""

    simple: str
    gated: str
    seeds: tuple[int, ...]


def textbook_pair(branches: Sequence[Branch]) -> ModelPair | None:
    """The simple and the gated model to check against the textbook; None if there is no such pair with a common seed.

    One-layer networks that read in one direction are preferred, because the textbook is about them.
    """
    simple = _models(branches, ("simple_rnn",))
    gated = _models(branches, GATED)
    for pair in ((one, other) for one in simple for other in gated):
        seeds = [{branch.seed for branch in branches if branch.name == name} for name in pair]
        if common := sorted(seeds[0] & seeds[1]):
            return ModelPair(*pair, tuple(common))
    return None


def _models(branches: Sequence[Branch], cells: Sequence[str]) -> list[str]:
    """The names of the models with these cells: one-layer networks that read in one direction come first."""
    ours = {branch.name: branch.spec for branch in branches if branch.spec["cell"] in cells}
    return sorted(ours, key=lambda name: not _is_plain(ours[name]))


def _is_plain(spec: dict[str, object]) -> bool:
    units = spec["units"]
    return isinstance(units, (list, tuple)) and len(units) == 1 and not spec["bidirectional"]


def findings(
    pair: ModelPair | None, explanations: Sequence[Explanation], trend: LengthTrend | None, max_length: int
) -> Findings:
    """Check all claims against the run; without a pair, every claim is open.

    Args:
        pair: the models to compare.
        explanations: the explanations of all branches.
        trend: how the gated model's lead over the simple one changes with length.
        max_length: length of a review, in words.
    """
    words = near_words(max_length)
    if pair is None:
        return Findings("", "", 0, words, {}, ())
    names = pair.simple, pair.gated
    simple, gated = ([_explanation(explanations, name, seed) for seed in pair.seeds] for name in names)
    gains = [_memory_gains(of_model, words) for of_model in (simple, gated)]
    reach = _reach_findings(_frames(simple, REACH), _frames(gated, REACH), words)
    known = zip(names, gains, strict=True)
    return Findings(
        simple=pair.simple,
        gated=pair.gated,
        seeds=len(pair.seeds),
        words=words,
        gains={name: mean_with_interval(gain).estimate for name, gain in known if gain.size},
        findings=(_paired("forgets", "memory", gains[1], gains[0]), *reach, _longer(trend)),
    )


def _longer(trend: LengthTrend | None) -> Finding:
    """Whether the gated model's lead grows with length."""
    if trend is None or trend.slope is None:
        return Finding("longer", "length", "open", None, None, 0)
    answer = _answer(Mean(trend.slope, trend.basis), 0)
    return Finding("longer", "length", answer, trend.slope, trend.basis, trend.reviews)


def _explanation(explanations: Sequence[Explanation], name: str, seed: int) -> Explanation:
    return next(e for e in explanations if (e.name, e.seed) == (name, seed))


def _frames(explanations: Sequence[Explanation], file: str) -> Frames:
    return [pd.read_parquet(explanation.folder / file) for explanation in explanations]


def _memory_gains(explanations: Sequence[Explanation], words: int | None) -> NDArray[np.float64]:
    """Correctness with all words minus correctness with only the last `words`, shape (seeds, reviews).

    Reviews of at most `words` words are left out.
    """
    frames = _frames(explanations, MEMORY)
    if words is None:
        return np.zeros((len(frames), 0))
    longer = frames[0]["length"].to_numpy() > words
    whole = frames[0].columns[-1]
    return np.stack([(frame[whole].astype(float) - frame[f"right_{words}"]).to_numpy()[longer] for frame in frames])


def _reach_findings(simple: Frames, gated: Frames, words: int | None) -> Iterator[Finding]:
    """How far gradients reach in the simple network, in the gated one, and the difference, gated minus simple."""
    for measure in REACH_MEASURES:
        of_simple, of_gated = _words_reached(simple, gated, measure, words)
        yield _finding("vanishes", measure, of_simple, limit=words, is_above=False)
        yield _finding("survives", measure, of_gated, limit=words)
        yield _paired("farther", measure, of_gated, of_simple)


def _words_reached(
    simple: Frames, gated: Frames, measure: Measure, words: int | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How many words each review's gradient reaches, for both models, shape (seeds, reviews).

    Only reviews longer than `words` whose reach is known for all networks of both models count; if there are none,
    each model is measured on those whose reach is known for all networks of that model.
    """
    counts = [np.stack([frame[measure].to_numpy(np.float64) for frame in frames]) for frames in (simple, gated)]
    longer = simple[0]["words"].to_numpy() > (words or 0)
    known = [longer & (count >= 0).all(axis=0) for count in counts]
    both = known[0] & known[1]
    rows = [both, both] if both.any() else known
    return counts[0][:, rows[0]], counts[1][:, rows[1]]


def _paired(claim: Claim, measure: Measure, gated: NDArray[np.float64], simple: NDArray[np.float64]) -> Finding:
    """Check the claim that the gated model's values exceed the simple one's on average."""
    difference = gated - simple if gated.shape == simple.shape else np.zeros((1, 0))
    return _finding(claim, measure, difference)


def _finding(
    claim: Claim, measure: Measure, values: NDArray[np.float64], limit: int | None = 0, is_above: bool = True
) -> Finding:
    """Check the claim that the mean of `values`, shape (seeds, reviews), is above (or below) a limit."""
    if values.size == 0 or limit is None:
        return Finding(claim, measure, "open", None, None, 0)
    mean = mean_with_interval(values)
    answer = _answer(mean, limit, is_above)
    # Values with a limit other than 0 are counts of words, which are never below 0; differences may be.
    estimate = replace(mean.estimate, low=max(mean.estimate.low, 0.0)) if limit else mean.estimate
    return Finding(claim, measure, answer, estimate, mean.basis, values.shape[1])


def _answer(mean: Mean, limit: float, is_above: bool = True) -> Answer:
    """Open unless the whole interval is on one side of the limit; always open with two seeds, which allow no test."""
    if mean.basis == "range" or mean.estimate.low <= limit <= mean.estimate.high:
        return "open"
    return "confirmed" if (mean.estimate.low > limit) == is_above else "refuted"
