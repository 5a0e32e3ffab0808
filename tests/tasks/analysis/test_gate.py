"""The gate's statistics, held against scipy and against simulated promotions."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binomtest

from tasks.analysis import gate
from tasks.analysis.gate import Scored
from tasks.analysis.slices import slices_by_length
from tasks.results.promotion import Cost, GateLimits

COST = Cost(1_000, 50_000.0)
LIMITS = GateLimits()
# Disagreement of the tutorial's two networks on the 25,000 IMDB test reviews, and the better one's accuracy.
DISAGREEMENT, ACCURACY = 0.096, 0.88


def flags(both: int, b: int, c: int, neither: int) -> tuple[Scored, Scored]:
    """A candidate and a champion with these counts of reviews."""
    candidate = np.repeat([True, True, False, False], [both, b, c, neither])
    champion = np.repeat([True, False, True, False], [both, b, c, neither])
    return Scored(candidate, COST), Scored(champion, COST)


def test_p_is_that_of_the_exact_one_sided_test() -> None:
    for b, c in ((0, 0), (0, 5), (5, 0), (30, 18), (18, 30), (1_300, 1_100)):
        expected = binomtest(b, b + c, 0.5, alternative="greater").pvalue if b + c else 1.0
        assert gate.one_sided(b, c) == pytest.approx(expected, rel=1e-9)


def test_levels_are_equal_within_ten_looks_and_never_add_up_to_more_than_alpha() -> None:
    levels = [gate.level(look, 0.05) for look in range(1, 100_001)]
    assert levels[:10] == [pytest.approx(0.0025)] * 10
    assert levels[10] == pytest.approx(0.05 / 60)
    assert 0.0499 < sum(levels) < 0.05


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
    judged = gate.judge(*flags(*counts), {}, 1, limits)
    assert (judged.verdict, judged.reason) == (verdict, reason)
    assert judged.test is not None
    assert (judged.test.b, judged.test.c) == counts[1:3]
    assert judged.test.difference.value == pytest.approx((counts[1] - counts[2]) / sum(counts))


def test_what_is_promoted_at_the_first_look_may_be_held_at_a_later_one() -> None:
    scored = flags(9_000, 140, 90, 770)
    limits = replace(LIMITS, margin=0.0)
    assert gate.judge(*scored, {}, 1, limits).verdict == "PROMOTE"
    assert gate.judge(*scored, {}, 31, limits).verdict == "HOLD"


def test_a_slice_that_falls_for_sure_rejects_a_better_candidate() -> None:
    candidate, champion = flags(8_000, 400, 100, 1_500)
    falling = ~candidate.right & champion.right
    falling[:300] = True
    judged = gate.judge(candidate, champion, {"falling": falling, "other": ~falling}, 1, LIMITS)
    assert (judged.verdict, judged.reason, judged.failing_slices) == ("REJECT", "worse on a slice", ("falling",))
    assert judged.slices[0].reviews == 400
    assert judged.slices[0].difference.value == pytest.approx(-0.25)


def test_a_small_slice_that_may_have_fallen_by_chance_rejects_nothing() -> None:
    candidate, champion = flags(8_000, 400, 100, 1_500)
    few = np.zeros(10_000, bool)
    few[[0, 1, 2, 3, 8_400]] = True
    assert gate.judge(candidate, champion, {"few": few}, 1, LIMITS).verdict == "PROMOTE"


@pytest.mark.parametrize(
    ("right", "verdict"), [(900, "PROMOTE"), (640, "PROMOTE"), (610, "HOLD"), (600, "REJECT"), (500, "REJECT")]
)
def test_the_first_champion_must_exceed_the_floor(right: int, verdict: str) -> None:
    judged = gate.judge_first(Scored(np.arange(1_000) < right, COST), LIMITS)
    assert judged.verdict == verdict
    assert judged.candidate.value == right / 1_000
    assert judged.test is None


def test_a_slice_that_fell_by_chance_among_many_rejects_nothing() -> None:
    """Twenty slices of 50 reviews: at 95 % each, one of them rejects every fifth candidate that is no worse."""
    random = np.random.default_rng(0)
    slices = {str(number): np.arange(1_000) // 50 == number for number in range(20)}
    failing = 0
    for _ in range(300):
        right = [Scored(random.random(1_000) < 0.9, COST) for _ in range(2)]
        failing += bool(gate.judge(*right, slices, 1, LIMITS).failing_slices)
    assert failing <= 0.05 * 300


def looks(
    random: np.random.Generator, reviews: int, gain: float, count: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """A champion and `count` candidates that are better by `gain`, on the same reviews."""
    champion = random.random(reviews, np.float32) < ACCURACY
    loses = random.random((count, reviews), np.float32) < (DISAGREEMENT - gain) / 2 / ACCURACY
    wins = random.random((count, reviews), np.float32) < (DISAGREEMENT + gain) / 2 / (1 - ACCURACY)
    return champion, np.where(champion, ~loses, wins)


def promotions(
    reviews: int, gain: float, simulations: int, limits: GateLimits, level: float | None = None
) -> list[int]:
    """How many of the simulated candidates are promoted in each simulation of ten looks."""
    random = np.random.default_rng([reviews, round(1e4 * gain)])
    lengths = random.integers(50, 1_000, reviews)
    slices = slices_by_length(lengths)
    counts = []
    for _ in range(simulations):
        champion, candidates = looks(random, reviews, gain, 10)
        verdicts = [
            gate.judge(Scored(candidate, COST), Scored(champion, COST), slices, look, limits)
            for look, candidate in enumerate(candidates, start=1)
        ]
        passed = [v.verdict == "PROMOTE" if level is None else v.test.p < level for v in verdicts]
        counts.append(sum(passed))
    return counts


@pytest.mark.parametrize("reviews", [1_000, 25_000])
def test_equal_models_are_promoted_in_at_most_a_twentieth_of_ten_looks(reviews: int) -> None:
    """1,000 simulations of ten looks each. The margin would help: it is off, so that the test alone must do it."""
    false = np.mean(np.array(promotions(reviews, 0.0, 1_000, replace(LIMITS, margin=0.0))) > 0)
    print(f"{reviews} reviews: {false:.1%} of 1,000 series of ten looks promote an equal model")
    assert false <= 0.05


def test_without_a_correction_equal_models_would_be_promoted_often() -> None:
    assert np.mean(np.array(promotions(1_000, 0.0, 100, LIMITS, level=0.05)) > 0) > 0.2


def test_models_a_point_better_are_promoted_in_four_of_five_cases() -> None:
    """1,000 candidates at the looks 1 to 10, all limits at their defaults."""
    found = np.sum(promotions(25_000, 0.01, 100, LIMITS)) / 1_000
    print(f"25,000 reviews: {found:.1%} of 1,000 models that are 1 point better are promoted")
    assert found >= 0.8
