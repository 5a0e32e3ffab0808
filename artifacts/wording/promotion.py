"""Describes a promotion in words and tables: the verdict's sentence, the ledger, the numbers behind a verdict."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from artifacts.markup import escape_markdown as md
from tasks.results.promotion import Entry, Gate, PairedTest
from tasks.results.training import Estimate


def sentence(entry: Entry) -> str:
    """An entry of the ledger as a sentence, with its reason."""
    if entry.action == "rollback":
        return f"ROLLBACK: {entry.label} of run {entry.run} is champion again; its files and predictions are intact."
    if entry.gate is None:
        return f"{entry.verdict}: {entry.label} of run {entry.run}."
    return f"{entry.verdict}: {entry.label} of run {entry.run} {_because(entry.gate)}."


def _because(gate: Gate) -> str:
    if gate.test is None:
        return _about_the_floor(gate)
    test, limits = gate.test, gate.limits
    shown = f"{_points(test.difference)}, p = {test.p:.2g} at the level {test.level:.2g} of look {test.look}"
    texts = {
        "already champion": "is already the champion",
        "better": f"is better than the champion: {shown}",
        "not inferior": (
            f"loses at most {max(0.0, -100 * test.bound):.2f} points to the champion, less than the "
            f"{100 * (limits.non_inferior or 0):.2f} allowed: {shown}"
        ),
        "worse": f"is worse than the champion: {shown}",
        "worse on a slice": (
            f"falls by more than {100 * limits.slice_margin:.1f} points on {', '.join(gate.failing_slices)}: "
            f"overall {shown}"
        ),
        "less than the margin": (
            f"is better than the champion by less than the margin of {100 * limits.margin:.2f} points: {shown}"
        ),
        **_about_labels(gate),
        "not shown": f"is not shown to be better than the champion: {shown}; {_could_show(test)}",
    }
    return texts[gate.reason]


def _about_labels(gate: Gate) -> dict[str, str]:
    """The reasons that uneven labels have."""
    if gate.balanced is None or gate.balanced.champion is None:
        return {}
    candidate, champion = _balanced(gate.balanced.candidate), _balanced(gate.balanced.champion)
    always = "always giving the more frequent label"
    return {
        "no better than one label": f"is not shown to be better than {always}: {candidate}",
        "champion no better than one label": (
            f"replaces a champion that is not shown to be better than {always}: {candidate}; the champion's {champion}"
        ),
        "higher balanced accuracy": f"is better than the champion where one label is rare: {candidate}; {champion}",
        "lower balanced accuracy": f"has a lower balanced accuracy than the champion: {candidate}; {champion}",
    }


def _balanced(estimate: Estimate) -> str:
    return f"balanced accuracy {estimate.value:.1%} ({estimate.low:.1%} to {estimate.high:.1%})"


def _could_show(test: PairedTest) -> str:
    if test.smallest_significant >= 1:
        return "the two disagree too rarely for this test to show anything"
    return f"the test could have shown a difference of {_shown(test.smallest_significant)}"


def _about_the_floor(gate: Gate) -> str:
    accuracy, floor = gate.candidate, f"the floor of {gate.limits.floor:.1%}"
    found = f"{accuracy.value:.1%} right ({accuracy.low:.1%} to {accuracy.high:.1%})"
    if gate.balanced:
        found = _balanced(gate.balanced.candidate)
    texts = {
        "first champion": f"is the first champion: {found}, above {floor}",
        "below the floor": f"does not reach {floor}: {found}",
        "not clearly above the floor": f"is not clearly above {floor}: {found}",
    }
    return texts[gate.reason]


def _points(difference: Estimate) -> str:
    low, high = 100 * difference.low, 100 * difference.high
    return f"{100 * difference.value:+.2f} points (95 % interval {low:+.2f} to {high:+.2f})"


def ledger_row(entry: Entry) -> dict[str, Any]:
    """An entry as a row of a table."""
    gate = entry.gate
    test = gate.test if gate else None
    return {
        "entry": entry.number,
        "time": f"{datetime.fromtimestamp(entry.time):%Y-%m-%d %H:%M:%S}",
        "who": entry.who,
        "action": entry.action,
        "verdict": entry.verdict,
        "reason": entry.reason,
        "candidate": entry.label,
        "run": entry.run,
        "accuracy": round(gate.candidate.value, 4) if gate else None,
        "difference (points)": round(100 * test.difference.value, 2) if test else None,
        "p": float(f"{test.p:.3g}") if test else None,
        "look": test.look if test else None,
        "network": entry.network,
        "champion after": entry.after,
    }


def ledger(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """All entries as rows of a table artifact, the newest first."""
    return [ledger_row(entry) for entry in reversed(entries)]


def gate_rows(gate: Gate) -> list[tuple[str, str]]:
    """The numbers behind a verdict, each with its name."""
    rows = [("accuracy of the candidate", share(gate.candidate))]
    if gate.champion is not None and gate.test is not None:
        rows += [("accuracy of the champion", share(gate.champion)), *_test_rows(gate.test)]
    if gate.balanced:
        rows.append(("balanced accuracy of the candidate", share(gate.balanced.candidate)))
        if gate.balanced.champion:
            rows.append(("balanced accuracy of the champion", share(gate.balanced.champion)))
    rows += [
        (f"slice {part.name} ({part.reviews:,} reviews)", f"{part.candidate:.1%}, {_points(part.difference)}")
        for part in gate.slices
    ]
    costs = {"candidate": gate.candidate_cost, "champion": gate.champion_cost}
    rows += [
        (f"cost of the {name}", f"{cost.parameters:,} parameters, {cost.words_per_second:,.0f} words/s")
        for name, cost in costs.items()
        if cost is not None
    ]
    return rows


def _test_rows(test: PairedTest) -> list[tuple[str, str]]:
    return [
        ("test reviews", f"{test.reviews:,}"),
        ("only the candidate is right (b)", f"{test.b:,}"),
        ("only the champion is right (c)", f"{test.c:,}"),
        ("difference", _points(test.difference)),
        ("lower bound at the corrected level", f"{100 * test.bound:+.2f} points"),
        ("p, one-sided exact McNemar", f"{test.p:.3g}"),
        ("look at these test reviews (k)", str(test.look)),
        ("corrected level", f"{test.level:.3g}"),
        ("smallest difference that this test could show", _shown(test.smallest_significant)),
        ("true difference that it finds in 80 % of cases", _shown(test.detectable)),
    ]


def _shown(difference: float) -> str:
    """A difference that the test can show, as text; 1 means that it can show none."""
    return f"{100 * difference:.2f} points" if difference < 1 else "none: the networks disagree too rarely"


def share(accuracy: Estimate) -> str:
    """An accuracy with its interval."""
    return f"{accuracy.value:.2%} (95 % interval {accuracy.low:.2%} to {accuracy.high:.2%})"


def markdown(entry: Entry) -> str:
    """An entry for a markdown artifact: the sentence, then the numbers."""
    rows = gate_rows(entry.gate) if entry.gate else []
    table = ["", "| figure | value |", "| --- | --- |", *(f"| {md(name)} | {md(value)} |" for name, value in rows)]
    return "\n".join([md(sentence(entry)), *(table if rows else [])]) + "\n"
