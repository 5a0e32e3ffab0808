"""Describes scored texts in words and tables."""

from typing import Any

from artifacts.markup import one_line
from tasks.results.scoring import BINS, ReadText, Scoring
from tasks.results.training import THRESHOLD


def sentence(scoring: Scoring) -> str:
    """How many reviews were scored, by which network, and with what result."""
    share = f", {scoring.positive / scoring.rows:.1%} positive" if scoring.rows else ""
    text = f"{_count(scoring.rows, 'review')} scored by {scoring.label} ({scoring.model}){share}."
    return text + (f" {_count(scoring.rejected, 'row')} could not be scored." if scoring.rejected else "")


def caution(scoring: Scoring) -> str:
    """How much of the reviews the network did not see."""
    text = f"{scoring.unknown_share:.1%} of the words are not in the vocabulary."
    if scoring.truncated:
        text += f" The network reads only the end of {_count(scoring.truncated, 'long review')}."
    return text


def renamed(names: tuple[str, ...]) -> str:
    """The new columns whose usual names were taken."""
    return f"The input already had columns with these names; the new ones are called {', '.join(names)}."


def distribution_rows(scoring: Scoring) -> list[dict[str, Any]]:
    """A row for each range of probabilities, for tables."""
    return [
        {
            "probability of positive": f"{number / BINS:.1f} to {(number + 1) / BINS:.1f}",
            "reviews": count,
            "share": f"{count / scoring.rows:.1%}" if scoring.rows else "",
        }
        for number, count in enumerate(scoring.histogram)
    ]


def sure_rows(scoring: Scoring) -> list[dict[str, Any]]:
    """The reviews about which the network is most and least sure, for tables."""
    kinds = {
        "surely negative": scoring.negative_most,
        "surely positive": scoring.positive_most,
        "least sure": scoring.least_sure,
    }
    return [
        {"kind": kind, "review": text.row, "probability": round(text.probability, 4), "text": one_line(text.text)}
        for kind, texts in kinds.items()
        for text in texts
    ]


def answer(read: ReadText) -> str:
    """The network's answer to a text."""
    label = "positive" if read.probability > THRESHOLD else "negative"
    text = f"{label}: probability {read.probability:.3f} by {read.label} ({read.model})"
    return text + (f"; it reads only the end, without the first {_count(read.skipped, 'word')}" if read.skipped else "")


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
