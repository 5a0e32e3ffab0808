"""Describes drift in words and tables."""

from typing import Any

from artifacts.markup import escape_markdown
from tasks.results.drift import Drift, DriftFigure


def sentence(drift: Drift) -> str:
    """Whether the new texts differ, and in which figures."""
    alarms = [figure for figure in drift.figures if figure.alarms]
    if not alarms:
        return f"NO DRIFT: the {drift.texts:,} texts differ from the training reviews no more than chance allows."
    by = ", ".join(f"{figure.name} ({figure.value:.3f}, limit {figure.limit:.3f})" for figure in alarms)
    little = " The drift is small: no figure reaches its usual limit." if drift.below_usual_limits else ""
    return f"DRIFT: the {drift.texts:,} texts differ from the training reviews in {by}.{little}"


def rows(drift: Drift) -> list[dict[str, Any]]:
    """A row for each figure, for tables."""
    return [row(figure) for figure in drift.figures]


def row(figure: DriftFigure) -> dict[str, Any]:
    """A figure as a row of a table: its value, its limit, the commonly used limit and the verdict."""
    return {
        "figure": figure.name,
        "value": round(figure.value, 4),
        "limit": round(figure.limit, 4),
        "usual limit": figure.usual,
        "verdict": "alarm" if figure.alarms else "no alarm",
    }


def distinguishing_rows(drift: Drift) -> list[dict[str, Any]]:
    """The most distinguishing words, and the shares of texts that contain each."""
    return [
        {"word": word.word, "new texts": round(word.new, 4), "training reviews": round(word.training, 4)}
        for word in drift.distinguishing
    ]


def summary(drift: Drift) -> list[tuple[str, str]]:
    """Further numbers about the new texts and the training reviews."""
    return [
        ("unseen words", f"{drift.unseen[0]:.2%} of all words, {drift.unseen[1]:.2%} in the training reviews"),
        ("median length", f"{drift.median_length[0]:.0f} and {drift.median_length[1]:.0f} words"),
        ("size of a draw", f"{drift.compared:,} of {drift.training:,} training reviews"),
    ]


def markdown(drift: Drift, picture: str) -> str:
    """Sentence, figure and tables for a markdown artifact; `picture` is the address of the figure."""
    lines = [sentence(drift), "", f"![drift]({picture})", "", *_table(rows(drift)), ""]
    lines += [f"- {name}: {value}" for name, value in summary(drift)]
    return "\n".join([*lines, "", *_table(distinguishing_rows(drift))]) + "\n"


def _table(values: list[dict[str, Any]]) -> list[str]:
    if not values:
        return []
    cells = [[escape_markdown("" if value is None else value) for value in row.values()] for row in values]
    head = [list(values[0]), ["---"] * len(values[0])]
    return [f"| {' | '.join(line)} |" for line in [*head, *cells]]
