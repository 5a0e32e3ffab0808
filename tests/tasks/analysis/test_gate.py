"""The gate's statistics, checked against scipy and against simulated promotions."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from tasks.analysis import gate
from tasks.analysis.gate import ScoredNetwork
from tasks.results.promotion import BalancedAccuracies, Cost, GateLimits
from tasks.results.training import Estimate

COST = Cost(1_000, 50_000.0)
LIMITS = GateLimits()


def flags(both: int, b: int, c: int, neither: int) -> tuple[ScoredNetwork, ScoredNetwork]:
    """A candidate and a champion with these counts of reviews."""
    candidate = np.repeat([True, True, False, False], [both, b, c, neither])
    champion = np.repeat([True, False, True, False], [both, b, c, neither])
    return ScoredNetwork(candidate, COST), ScoredNetwork(champion, COST)


def test_p_is_that_of_the_exact_one_sided_test() -> None:
    for b, c in ((0, 0), (0, 5), (5, 0), (30, 18), (18, 30), (1_300, 1_100)):
        expected = binomtest(b, b + c, 0.5, alternative="greater").pvalue if b + c else 1.0
        assert gate.one_sided(b, c) == pytest.approx(expected, rel=1e-9)


def test_levels_are_equal_within_ten_looks_and_never_add_up_to_more_than_alpha() -> None:
    levels = [gate.level(look, 0.05) for look in range(1, 100_001)]
    assert levels[:10] == [pytest.approx(0.0025)] * 10
    assert levels[10] == pytest.approx(0.05 / 60)
    assert 0.0499 < sum(levels) < 0.05


def test_a_paired_difference_has_half_a_review_more_in_each_cell() -> None:
    """By hand, after Agresti & Min (2005), with 1.959964 the normal quantile of 0.975."""
    estimate = gate.paired_difference(10, 4, 100, 0.05)
    half = 1.959964 * (15 - 6**2 / 102) ** 0.5 / 102
    assert estimate.value == 0.06
    assert (estimate.low, estimate.high) == pytest.approx((6 / 102 - half, 6 / 102 + half), abs=1e-7)


def test_the_smallest_significant_difference_is_the_edge() -> None:
    for disagreements in (0, 4, 11, 200, 2_400):
        smallest = gate.smallest_significant(disagreements, 25_000, 0.0025)
        if smallest == 1.0:
            assert gate.one_sided(disagreements, 0) >= 0.0025
            continue
        b = round((smallest * 25_000 + disagreements) / 2)
        assert gate.one_sided(b, disagreements - b) < 0.0025 <= gate.one_sided(b - 1, disagreements - b + 1)


def test_the_detectable_difference_is_found_in_four_of_five_cases() -> None:
    random, reviews, rate = np.random.default_rng(1), 25_000, 0.1
    true = gate.detectable(2_500, reviews, 0.0025)
    counts = random.multinomial(reviews, [(rate + true) / 2, (rate - true) / 2, 1 - rate], 4_000)
    found = np.mean([gate.one_sided(int(b), int(c)) < 0.0025 for b, c, _ in counts])
    assert found == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize(
    ("counts", "limits", "verdict", "reason"),
    [
        ((800, 120, 20, 60), LIMITS, "PROMOTE", "better"),
        ((800, 20, 120, 60), LIMITS, "REJECT", "worse"),
        ((800, 72, 68, 60), LIMITS, "HOLD", "not shown"),
        ((80_000, 400, 200, 20_000), LIMITS, "HOLD", "less than the margin"),
        ((80_000, 400, 200, 20_000), replace(LIMITS, margin=0.0), "PROMOTE", "better"),
        ((8_000, 100, 100, 1_800), replace(LIMITS, non_inferior=0.01), "PROMOTE", "not inferior"),
        ((8_000, 100, 100, 1_800), replace(LIMITS, non_inferior=0.001), "HOLD", "not shown"),
        ((8_000, 100, 140, 1_800), replace(LIMITS, non_inferior=0.01), "PROMOTE", "not inferior"),
        ((8_000, 100, 400, 1_800), replace(LIMITS, non_inferior=0.01), "REJECT", "worse"),
    ],
)
def test_verdicts(counts: tuple[int, int, int, int], limits: GateLimits, verdict: str, reason: str) -> None:
    judged = gate.judge_candidate(*flags(*counts), {}, 1, limits)
    assert (judged.verdict, judged.reason) == (verdict, reason)
    assert judged.test is not None
    assert (judged.test.b, judged.test.c) == counts[1:3]
    assert judged.test.difference.value == pytest.approx((counts[1] - counts[2]) / sum(counts))


def test_what_is_promoted_at_the_first_look_may_be_held_at_a_later_one() -> None:
    scored = flags(9_000, 140, 90, 770)
    limits = replace(LIMITS, margin=0.0)
    assert gate.judge_candidate(*scored, {}, 1, limits).verdict == "PROMOTE"
    assert gate.judge_candidate(*scored, {}, 31, limits).verdict == "HOLD"


def test_a_slice_that_falls_for_sure_rejects_a_better_candidate() -> None:
    candidate, champion = flags(8_000, 400, 100, 1_500)
    falling = ~candidate.right & champion.right
    falling[:300] = True
    judged = gate.judge_candidate(candidate, champion, {"falling": falling, "other": ~falling}, 1, LIMITS)
    assert (judged.verdict, judged.reason, judged.failing_slices) == ("REJECT", "worse on a slice", ("falling",))
    assert judged.slices[0].reviews == 400
    assert judged.slices[0].difference.value == pytest.approx(-0.25)


def test_a_small_slice_that_may_have_fallen_by_chance_rejects_nothing() -> None:
    candidate, champion = flags(8_000, 400, 100, 1_500)
    few = np.zeros(10_000, bool)
    few[[0, 1, 2, 3, 8_400]] = True
    assert gate.judge_candidate(candidate, champion, {"few": few}, 1, LIMITS).verdict == "PROMOTE"


@pytest.mark.parametrize(
    ("right", "verdict"), [(900, "PROMOTE"), (640, "PROMOTE"), (610, "HOLD"), (600, "REJECT"), (500, "REJECT")]
)
def test_the_first_champion_must_exceed_the_floor(right: int, verdict: str) -> None:
    judged = gate.judge_first(ScoredNetwork(np.arange(1_000) < right, COST), LIMITS)
    assert judged.verdict == verdict
    assert judged.candidate.value == right / 1_000
    assert judged.test is None


def test_a_slice_that_fell_by_chance_among_many_rejects_nothing() -> None:
    """Twenty slices of 50 reviews: at 95 % each, one of them rejects every fifth candidate that is no worse."""
    random = np.random.default_rng(0)
    slices = {str(number): np.arange(1_000) // 50 == number for number in range(20)}
    failing = 0
    for _ in range(300):
        right = [ScoredNetwork(random.random(1_000) < 0.9, COST) for _ in range(2)]
        failing += bool(gate.judge_candidate(*right, slices, 1, LIMITS).failing_slices)
    assert failing <= 0.05 * 300


def interval(value: float, half: float = 0.05) -> Estimate:
    return Estimate(value, value - half, value + half)


@pytest.mark.parametrize(
    ("candidate", "champion", "by_accuracy", "verdict", "reason"),
    [
        (0.52, 0.70, "PROMOTE", "HOLD", "no better than one label"),
        (0.52, 0.70, "REJECT", "REJECT", "no better than one label"),
        (0.80, 0.50, "REJECT", "PROMOTE", "champion no better than one label"),
        (0.90, 0.70, "REJECT", "PROMOTE", "higher balanced accuracy"),
        (0.70, 0.75, "PROMOTE", "HOLD", "lower balanced accuracy"),
        (0.75, 0.70, "PROMOTE", "PROMOTE", "better"),
        (0.75, 0.70, "HOLD", "HOLD", "better"),
    ],
)
def test_where_one_label_is_rare_balanced_accuracies_correct_the_verdict(
    candidate: float, champion: float, by_accuracy: str, verdict: str, reason: str
) -> None:
    judged = gate.judge_candidate(*flags(80, 5, 1, 14), {}, 1, LIMITS)
    judged = replace(judged, verdict=by_accuracy, reason="better")
    balanced = BalancedAccuracies(interval(candidate), interval(champion))
    found = gate.judge_uneven(judged, balanced)
    assert (found.verdict, found.reason, found.balanced) == (verdict, reason, balanced)


def test_a_higher_balanced_accuracy_must_be_surer_the_more_often_the_reviews_were_looked_at() -> None:
    candidate, champion = interval(0.80), interval(0.70)
    assert gate.is_higher(candidate, champion, 0.0028)
    assert not gate.is_higher(candidate, champion, 0.0027)
    assert not gate.is_higher(champion, candidate, 0.5)
    assert not gate.is_higher(interval(0.8, 0), interval(0.8, 0), 0.5)


def test_a_first_champion_that_always_gives_one_label_is_below_the_floor() -> None:
    always = ScoredNetwork(np.arange(1_000) < 990, COST)
    assert gate.judge_first(always, LIMITS).verdict == "PROMOTE"
    assert gate.judge_first(always, LIMITS, BalancedAccuracies(interval(0.5))).verdict == "REJECT"
    assert gate.judge_first(always, LIMITS, BalancedAccuracies(interval(0.7))).verdict == "PROMOTE"
