"""The promotion gate: slices of the test reviews, the paired test and the verdict, and facts for the model card."""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.analysis.intervals import proportion
from tasks.data.parquet import read_column, read_tokens
from tasks.data.review_digests import column_of_test
from tasks.data.vocabulary import words_by_token, words_of
from tasks.models.learner import is_right
from tasks.results.data import Dataset
from tasks.results.promotion import (
    BalancedAccuracies,
    Cost,
    Gate,
    GateLimits,
    Mistake,
    PairedTest,
    Reason,
    Slice,
    SliceAccuracy,
    Verdict,
)
from tasks.results.training import Confusion, Estimate

CARD_MISTAKES, LAST_WORDS = 8, 40


def precision(confusion: Confusion) -> Estimate:
    """The share of positives among the reviews predicted as positive, with its interval."""
    hits = confusion.positive.positive
    return _proportion_or_unknown(hits, hits + confusion.negative.positive)


def recall(confusion: Confusion) -> Estimate:
    """The share of positive reviews that are predicted as positive, with its interval."""
    hits = confusion.positive.positive
    return _proportion_or_unknown(hits, hits + confusion.positive.negative)


def _proportion_or_unknown(hits: int, total: int) -> Estimate:
    return proportion(hits, total) if total else Estimate(0.0, 0.0, 1.0)


def confident_mistakes(test: Path, vocabulary: Path, probabilities: NDArray[np.floating]) -> tuple[Mistake, ...]:
    """A network's most confident mistakes, the worst first.

    Args:
        test: the prepared test reviews.
        vocabulary: word index of their tokens.
        probabilities: probabilities of "positive", shape (reviews,).
    """
    labels, review_ids = read_column(test, "label"), read_column(test, "review_id")
    error, wrong = np.abs(probabilities - labels), ~is_right(probabilities, labels)
    rows = [int(row) for row in np.argsort(-error, kind="stable")[:CARD_MISTAKES] if wrong[row]]
    tokens, by_token = read_tokens(test), words_by_token(vocabulary)
    return tuple(
        Mistake(
            review_id=int(review_ids[row]),
            label=int(labels[row]),
            probability=float(probabilities[row]),
            words=tuple(words_of(tokens.review(row).tolist(), by_token)[-LAST_WORDS:]),
        )
        for row in rows
    )


RANGES, MOST_VALUES, LONGEST_NAME = 5, 20, 60
Flags = NDArray[np.bool_]
Slices = dict[str, Flags]


def slices_of_test(dataset: Dataset, columns: Sequence[str]) -> Slices:
    """Slices of the test reviews by length and by columns of the user's texts, as flags in the order of the split.

    Raises:
        DataError: the data have no such column, or have changed.
    """
    slices = slices_by_length(read_column(dataset.test.path, "length"))
    for column in columns:
        slices |= slices_by_value(column, column_of_test(dataset, column))
    return slices


def slices_by_length(lengths: NDArray[np.integer]) -> Slices:
    """Up to five slices of the reviews by length, fewer if lengths repeat. `lengths` are in words, shape (reviews,)."""
    return {f"{lengths[rows].min()} to {lengths[rows].max()} words": rows for rows in _ranges(lengths)}


def slices_by_value(column: str, values: Sequence[str]) -> Slices:
    """A slice for each value, or fewer slices if there are more than 20 values.

    Numbers are then divided into up to five ranges; of other values, the rarest share a slice.

    Args:
        column: name of the column.
        values: each review's value as written in the file; empty if the review has none.
    """
    written = np.array([_shown(value) for value in values], object)
    counts = Counter(written)
    if len(counts) <= MOST_VALUES:
        return {_named(column, value): written == value for value in sorted(counts)}
    numbers = _numbers(written)
    if numbers is not None:
        return {f"{column}: {numbers[rows].min():g} to {numbers[rows].max():g}": rows for rows in _ranges(numbers)}
    frequent = [value for value, _ in counts.most_common(MOST_VALUES - 1)]
    slices = {_named(column, value): written == value for value in sorted(frequent)}
    return slices | {f"{column}: {len(counts) - len(frequent)} rarer values": ~np.isin(written, frequent)}


def accuracy_of_slices(right: Flags, slices: Slices) -> tuple[SliceAccuracy, ...]:
    """A network's accuracy on each slice; `right`: whether the network is right per review, shape (reviews,)."""
    return tuple(
        SliceAccuracy(name, int(rows.sum()), proportion(int(right[rows].sum()), int(rows.sum())))
        for name, rows in slices.items()
    )


def _named(column: str, value: str) -> str:
    return f"{column}: {value or 'none'}"


def _shown(value: str) -> str:
    """A value for display: short, on one line."""
    return "".join(character if character.isprintable() else " " for character in value).strip()[:LONGEST_NAME]


def _numbers(values: NDArray[np.object_]) -> NDArray[np.float64] | None:
    """The values as numbers; None if one is not a finite number."""
    try:
        numbers = np.array([float(value) for value in values])
    except ValueError:
        return None
    return numbers if np.isfinite(numbers).all() else None


def _ranges(numbers: NDArray[np.integer] | NDArray[np.floating]) -> list[Flags]:
    """Up to five ranges of the numbers, fewer if numbers repeat; for each, the flags of its reviews."""
    edges = np.unique(np.quantile(numbers, np.linspace(0, 1, RANGES + 1)))
    bins = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, max(len(edges) - 2, 0))
    return [bins == number for number in np.unique(bins)]


BALANCED_CHANCE = 0.5  # What always giving one label gets.
BLOCK = 10  # The number of looks that share a part of alpha equally.
POWER = 0.8
SLICES_ALPHA = 0.05  # For all slices together (Bonferroni): with many small ones, some would fail by chance.


class ScoredNetwork(NamedTuple):
    """A network's result on the test reviews: whether it is right on each, shape (reviews,), and its cost."""

    right: Flags
    cost: Cost


def level(look: int, alpha: float) -> float:
    """The level that p must be below at the `look`-th look at a test set, counted from 1; all levels sum to alpha."""
    block = -(-look // BLOCK)
    return alpha / (block * (block + 1)) / BLOCK


def judge_first(candidate: ScoredNetwork, limits: GateLimits, balanced: BalancedAccuracies | None = None) -> Gate:
    """The gate without a champion: the 95 % interval of the accuracy must be above the floor.

    With `balanced`, which uneven labels have, it is that of the balanced accuracy.
    """
    accuracy = proportion(int(candidate.right.sum()), len(candidate.right))
    found = balanced.candidate if balanced else accuracy
    verdict: Verdict = "HOLD"
    reason: Reason = "not clearly above the floor"
    if found.low > limits.floor:
        verdict, reason = "PROMOTE", "first champion"
    elif found.value <= limits.floor:
        verdict, reason = "REJECT", "below the floor"
    return Gate(verdict, reason, limits, accuracy, candidate.cost, balanced=balanced)


def judge_uneven(gate: Gate, balanced: BalancedAccuracies) -> Gate:
    """Correct a verdict between candidate and champion by their balanced accuracies, if the labels are uneven.

    The paired test compares accuracies. By these, a network that always gives the more frequent label may win. So a
    candidate whose balanced accuracy is surely higher is promoted, and one with a lower value never is.
    """
    verdict, reason = gate.verdict, gate.reason
    candidate, champion = balanced.candidate, balanced.champion
    if candidate.low <= BALANCED_CHANCE:
        verdict, reason = "REJECT" if verdict == "REJECT" else "HOLD", "no better than one label"
    elif champion is not None and champion.low <= BALANCED_CHANCE:
        verdict, reason = "PROMOTE", "champion no better than one label"
    elif champion is not None and gate.test and is_higher(candidate, champion, gate.test.level):
        verdict, reason = "PROMOTE", "higher balanced accuracy"
    elif champion is not None and verdict == "PROMOTE" and candidate.value < champion.value:
        verdict, reason = "HOLD", "lower balanced accuracy"
    return replace(gate, verdict=verdict, reason=reason, balanced=balanced)


def is_higher(first: Estimate, second: Estimate, level: float) -> bool:
    """Whether the first value is higher at this level, one-sided, as if the 95 % intervals were independent and normal.

    Both networks read the same reviews, so that this is stricter than a paired test would be.
    """
    from scipy.special import ndtr

    error = math.hypot(first.value - first.low, second.high - second.value) / 1.959964
    return error > 0 and float(ndtr((second.value - first.value) / error)) < level


def judge_candidate(
    candidate: ScoredNetwork, champion: ScoredNetwork, slices: Mapping[str, Flags], look: int, limits: GateLimits
) -> Gate:
    """The gate between a candidate and the champion.

    Args:
        candidate, champion: results on the same reviews in the same order.
        slices: which reviews belong to each slice, by name; slices may overlap.
        look: number of looks at this test set, including this one.
        limits: the limits that the candidate must meet.
    """
    test = paired_test(candidate.right, champion.right, look, limits.alpha)
    alpha = SLICES_ALPHA / max(len(slices), 1)
    parts = tuple(
        compare_slice(name, candidate.right[rows], champion.right[rows], alpha) for name, rows in slices.items()
    )
    failing = tuple(part.name for part in parts if part.difference.high < -limits.slice_margin)
    verdict, reason = decide(test, bool(failing), limits)
    return Gate(
        verdict=verdict,
        reason=reason,
        limits=limits,
        candidate=proportion(int(candidate.right.sum()), test.reviews),
        candidate_cost=candidate.cost,
        champion=proportion(int(champion.right.sum()), test.reviews),
        champion_cost=champion.cost,
        test=test,
        slices=parts,
        failing_slices=failing,
    )


def decide(test: PairedTest, slice_fails: bool, limits: GateLimits) -> tuple[Verdict, Reason]:
    """The verdict and its reason. A wrong rejection costs only a look, so the interval behind it is not corrected.

    Losses that `non_inferior` allows add up: ten such promotions in a row may lose ten times as much.
    """
    tolerated = limits.non_inferior or 0.0
    if test.difference.high < -tolerated:
        return "REJECT", "worse"
    if slice_fails:
        return "REJECT", "worse on a slice"
    if test.p < test.level and test.difference.value >= limits.margin:
        return "PROMOTE", "better"
    if limits.non_inferior is not None and test.bound > -tolerated:
        return "PROMOTE", "not inferior"
    return "HOLD", "less than the margin" if test.p < test.level else "not shown"


def paired_test(candidate: Flags, champion: Flags, look: int, alpha: float) -> PairedTest:
    """A paired test of two networks; `candidate`, `champion`: whether each is right per review, shape (reviews,)."""
    reviews = len(candidate)
    b, c = int((candidate & ~champion).sum()), int((~candidate & champion).sum())
    corrected = level(look, alpha)
    return PairedTest(
        reviews=reviews,
        b=b,
        c=c,
        difference=paired_difference(b, c, reviews, 0.05),
        p=one_sided(b, c),
        look=look,
        level=corrected,
        bound=paired_difference(b, c, reviews, 2 * corrected).low,
        smallest_significant=smallest_significant(b + c, reviews, corrected),
        detectable=detectable(b + c, reviews, corrected),
    )


def one_sided(b: int, c: int) -> float:
    """Probability of at least `b` heads in b + c tosses of a fair coin; 1 without tosses."""
    from scipy.special import bdtrc

    return float(bdtrc(b - 1, b + c, 0.5)) if b else 1.0


def paired_difference(b: int, c: int, reviews: int, alpha: float) -> Estimate:
    """(b - c) / reviews with its interval at confidence 1 - alpha, by Agresti & Min (2005).

    It is Wald's interval with half a review added to each of the four cells.
    """
    from scipy.special import ndtri

    b2, c2, n2 = b + 0.5, c + 0.5, reviews + 2
    centre = (b2 - c2) / n2
    half = -float(ndtri(alpha / 2)) * math.sqrt(b2 + c2 - (b2 - c2) ** 2 / n2) / n2
    return Estimate((b - c) / reviews, centre - half, centre + half)


def smallest_significant(disagreements: int, reviews: int, corrected: float) -> float:
    """The smallest observed difference with p below the level at this many disagreements; 1 if there is none."""
    b = bisect_left(
        range(disagreements + 1), True, key=lambda heads: one_sided(heads, disagreements - heads) < corrected
    )
    return (2 * b - disagreements) / reviews if b <= disagreements else 1.0


def detectable(disagreements: int, reviews: int, corrected: float) -> float:
    """The true difference that is detected in 80 % of all cases, at this rate of disagreement.

    Normal approximation (Connor 1987), with d the rate and n the reviews: (z_level + z_power) sqrt(d / n).
    """
    from scipy.special import ndtri

    rate = disagreements / reviews
    z = float(ndtri(POWER)) - float(ndtri(corrected))
    return min(1.0, z * math.sqrt(rate / reviews)) if disagreements else 1.0


def compare_slice(name: str, candidate: Flags, champion: Flags, alpha: float) -> Slice:
    """Compare candidate and champion on a non-empty part of the reviews; the interval has the confidence 1 - alpha."""
    b, c = int((candidate & ~champion).sum()), int((~candidate & champion).sum())
    difference = paired_difference(b, c, len(candidate), alpha)
    return Slice(name, len(candidate), float(candidate.mean()), float(champion.mean()), difference)
