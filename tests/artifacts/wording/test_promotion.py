"""Verdicts in words."""

import json
from dataclasses import replace

import pytest

from artifacts.wording.promotion import gate_rows, ledger, markdown, sentence
from tasks.results.training import Estimate
from tests.artifacts.promotions import ENTRY, GATE, entry_with


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "PROMOTE: lstm seed 1 of run 20261125-000000-abcdef01 is better than the champion: +0.80 points"),
        ({"verdict": "HOLD", "reason": "not shown"}, "the test could have shown a difference of 0.56 points."),
        ({"verdict": "HOLD", "reason": "less than the margin"}, "by less than the margin of 0.50 points"),
        ({"verdict": "HOLD", "reason": "already champion"}, "is already the champion."),
        ({"verdict": "REJECT", "reason": "worse"}, "is worse than the champion"),
        ({"verdict": "REJECT", "reason": "worse on a slice"}, "falls by more than 2.0 points on 10 to 90 words"),
        ({"reason": "not inferior"}, "less than the 1.00 allowed"),
    ],
)
def test_a_verdict_says_why(changes: dict, expected: str) -> None:
    assert expected in sentence(entry_with(**changes))


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("first champion", "is the first champion: 88.0% right (87.6% to 88.4%), above the floor of 60.0%."),
        ("below the floor", "does not reach the floor"),
        ("not clearly above the floor", "is not clearly above the floor"),
    ],
)
def test_without_a_champion_the_floor_decides(reason: str, expected: str) -> None:
    assert expected in sentence(entry_with(reason=reason, test=None, champion=None, champion_cost=None, slices=()))


def test_a_rollback_says_what_it_restored() -> None:
    entry = replace(ENTRY, action="rollback", gate=None, reason="restored")
    assert sentence(entry).startswith("ROLLBACK: lstm seed 1 of run 20261125-000000-abcdef01 is champion again")
    assert markdown(entry) == f"{sentence(entry)}\n"


def test_the_ledger_is_plain_rounded_values_the_newest_first() -> None:
    rows = ledger([ENTRY, replace(ENTRY, number=3, gate=None, action="rollback")])
    assert [row["entry"] for row in rows] == [3, 2]
    assert rows[1]["difference (points)"] == 0.8
    assert rows[1]["p"] == 2.4e-05
    json.dumps(rows, allow_nan=False)


def test_all_numbers_behind_a_verdict_are_shown() -> None:
    rows = dict(gate_rows(GATE))
    assert rows["only the candidate is right (b)"] == "1,300"
    assert rows["only the champion is right (c)"] == "1,100"
    assert rows["look at these test reviews (k)"] == "3"
    assert rows["corrected level"] == "0.0025"
    assert rows["smallest difference that this test could show"] == "0.56 points"
    assert rows["slice 10 to 90 words (5,000 reviews)"] == "90.0%, -1.00 points (95 % interval -2.00 to +0.10)"
    assert rows["cost of the champion"] == "322,113 parameters, 8,000,000 words/s"
    first = gate_rows(replace(GATE, champion=None, champion_cost=None, test=None, slices=()))
    assert [name for name, _ in first] == ["accuracy of the candidate", "cost of the candidate"]
    assert "| difference | +0.80 points" in markdown(ENTRY)


def test_the_interval_keeps_its_signs() -> None:
    test = replace(GATE.test, difference=Estimate(-0.01, -0.02, 0.0))
    assert "-1.00 points (95 % interval -2.00 to +0.00)" in sentence(entry_with(test=test))


def test_a_candidate_that_loses_nothing_has_no_negative_loss() -> None:
    test = replace(GATE.test, bound=0.001)
    assert "loses at most 0.00 points" in sentence(entry_with(reason="not inferior", test=test))


def test_names_of_slices_never_become_markup() -> None:
    part = replace(GATE.slices[0], name="genre: <b>|[x](y)")
    shown = markdown(entry_with(reason="worse on a slice", slices=(part,), failing_slices=(part.name,)))
    assert "<b>" not in shown
    assert "[x](y)" not in shown


def test_a_test_without_disagreements_could_show_nothing() -> None:
    test = replace(GATE.test, smallest_significant=1.0)
    assert "100" not in sentence(entry_with(verdict="HOLD", reason="not shown", test=test)).split("; ")[1]
