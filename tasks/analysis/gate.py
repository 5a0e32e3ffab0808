"""Whether a candidate may take the champion's place: the statistics of a promotion, computed from predictions alone.

Candidate and champion answer the same test reviews, so only reviews on which one of them alone is right tell them
apart: b for the candidate, c for the champion. The one-sided exact test of McNemar (1947) asks how often a fair coin
gives at least b heads in b + c throws.

A test set that is looked at again and again ends by promoting luck. So the k-th look must reach a level of its own, and
all levels together add up to no more than alpha, however many looks follow: alpha spending (Foster & Stine 2008,
"alpha-investing", in its form without earnings; Lan & DeMets 1983). Looks are spent in blocks of ten: the j-th block
gets alpha / (j (j + 1)), ten equal shares of it (Bonferroni). By the union bound the probability of any false promotion
is at most alpha, whatever the dependence of the looks. It holds, too, for somebody who chooses the next candidate by
the verdicts: until the first promotion there is a single history of verdicts. It no longer holds for somebody who tunes
on the printed numbers of this test set (Dwork et al. 2015): that needs new test reviews.
"""

import math
from bisect import bisect_left
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.analysis.statistics import proportion
from tasks.results.evaluation import Estimate
from tasks.results.promotion import Cost, Gate, GateLimits, PairedTest, Reason, Slice, Verdict

BLOCK = 10  # Looks that share a part of alpha equally.
POWER = 0.8
SLICES_ALPHA = 0.05  # Of all slices together (Bonferroni): with many small ones, some would fall by chance.
Flags = NDArray[np.bool_]


class Scored(NamedTuple):
    """A network on the test reviews: on which it is right, shape (reviews,), and what it costs."""

    right: Flags
    cost: Cost


def level(look: int, alpha: float) -> float:
    """What p must fall below at the `look`-th look at a test set, counted from 1; all levels add up to alpha."""
    block = -(-look // BLOCK)
    return alpha / (block * (block + 1)) / BLOCK


def judge_first(candidate: Scored, limits: GateLimits) -> Gate:
    """The gate where there is no champion yet: the accuracy's 95 % interval must lie above the floor."""
    accuracy = proportion(int(candidate.right.sum()), len(candidate.right))
    verdict: Verdict = "HOLD"
    reason: Reason = "not clearly above the floor"
    if accuracy.low > limits.floor:
        verdict, reason = "PROMOTE", "first champion"
    elif accuracy.value <= limits.floor:
        verdict, reason = "REJECT", "below the floor"
    return Gate(verdict, reason, limits, accuracy, candidate.cost)


def judge(candidate: Scored, champion: Scored, slices: Mapping[str, Flags], look: int, limits: GateLimits) -> Gate:
    """The gate between a candidate and the champion.

    Args:
        candidate, champion: both on the same reviews in the same order.
        slices: by name, which reviews belong to a slice; slices may overlap.
        look: how often this test set was looked at, this time included.
        limits: what the candidate must show.
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
    """The verdict and what decided it. A wrong rejection costs a look, not a champion: its interval is not corrected.

    Promotions by `non_inferior` add up: ten of them in a row may lose ten times as much.
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
    """Both networks on the same reviews: whether each is right, shape (reviews,)."""
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
    """Probability of at least `b` heads in b + c throws of a fair coin; 1 without a throw."""
    from scipy.special import bdtrc

    return float(bdtrc(b - 1, b + c, 0.5)) if b else 1.0


def paired_difference(b: int, c: int, reviews: int, alpha: float) -> Estimate:
    """(b - c) / reviews with its interval at confidence 1 - alpha, by Agresti & Min (2005).

    It is Wald's interval with half a review more in each of the four cells.
    """
    from scipy.special import ndtri

    b2, c2, n2 = b + 0.5, c + 0.5, reviews + 2
    centre = (b2 - c2) / n2
    half = -float(ndtri(alpha / 2)) * math.sqrt(b2 + c2 - (b2 - c2) ** 2 / n2) / n2
    return Estimate((b - c) / reviews, centre - half, centre + half)


def smallest_significant(disagreements: int, reviews: int, corrected: float) -> float:
    """The smallest observed difference whose p falls below the level, at this many disagreements; 1 if none does."""
    b = bisect_left(
        range(disagreements + 1), True, key=lambda heads: one_sided(heads, disagreements - heads) < corrected
    )
    return (2 * b - disagreements) / reviews if b <= disagreements else 1.0


def detectable(disagreements: int, reviews: int, corrected: float) -> float:
    """The true difference that is found in 80 % of all cases, at this rate of disagreement.

    Normal approximation (Connor 1987), with d the rate and n the reviews: (z_level + z_power) sqrt(d / n).
    """
    from scipy.special import ndtri

    rate = disagreements / reviews
    z = float(ndtri(POWER)) - float(ndtri(corrected))
    return min(1.0, z * math.sqrt(rate / reviews)) if disagreements else 1.0


def compare_slice(name: str, candidate: Flags, champion: Flags, alpha: float) -> Slice:
    """Both networks on a part of the reviews, which holds one at least; the interval has the confidence 1 - alpha."""
    b, c = int((candidate & ~champion).sum()), int((~candidate & champion).sum())
    difference = paired_difference(b, c, len(candidate), alpha)
    return Slice(name, len(candidate), float(candidate.mean()), float(champion.mean()), difference)
