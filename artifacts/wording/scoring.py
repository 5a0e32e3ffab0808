"""Describes scored texts in words and tables."""

from typing import Any

from artifacts.markup import label_names, one_line
from tasks.results.scoring import BINS, ReadText, Scoring, ScoringNetwork, Toy
from tasks.results.training import THRESHOLD

TOYS: dict[Toy, str] = {
    "smoke": "A smoke run trained this network, hardly at all: its scores say nothing. Train one with "
    "`uv run flows/main.py`.",
    "sample": "This network has read only the made-up reviews of the bundled sample: its scores say nothing about real "
    "texts. Train one with `uv run flows/main.py`.",
}


def by(label: str, network: ScoringNetwork) -> str:
    """Which network scored: its name, its run, its data, its hash."""
    run = f" of run {network.run}" if network.run else ""
    data = f"trained on {network.data}, " if network.data else ""
    return f"{label}{run} ({data}model {network.model})"


def warning(network: ScoringNetwork) -> str | None:
    """Why the scores say nothing about real texts; None if they may."""
    return TOYS[network.toy] if network.toy else None


def sentence(scoring: Scoring, network: ScoringNetwork) -> str:
    """How many reviews were scored, by which network, and with what result."""
    share = f", {scoring.positive / scoring.rows:.1%} labelled {label_names(scoring.labels)[1]}" if scoring.rows else ""
    if share and scoring.threshold != THRESHOLD:
        share += f" (probability above {scoring.threshold:.3g})"
    text = f"{_count(scoring.rows, 'review')} scored by {by(scoring.label, network)}{share}."
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


def probability_column(scoring: Scoring) -> str:
    """The head of the column of probabilities."""
    return f"probability of {label_names(scoring.labels)[1]}"


def distribution_rows(scoring: Scoring) -> list[dict[str, Any]]:
    """A row for each range of probabilities, for tables."""
    return [
        {
            probability_column(scoring): f"{number / BINS:.1f} to {(number + 1) / BINS:.1f}",
            "reviews": count,
            "share": f"{count / scoring.rows:.1%}" if scoring.rows else "",
        }
        for number, count in enumerate(scoring.histogram)
    ]


def sure_rows(scoring: Scoring) -> list[dict[str, Any]]:
    """The reviews about which the network is most and least sure, for tables."""
    negative, positive = label_names(scoring.labels)
    kinds = {
        f"surely {negative}": scoring.negative_most,
        f"surely {positive}": scoring.positive_most,
        "least sure": scoring.least_sure,
    }
    return [
        {"kind": kind, "review": text.row, "probability": round(text.probability, 4), "text": one_line(text.text)}
        for kind, texts in kinds.items()
        for text in texts
    ]


def answer(read: ReadText, network: ScoringNetwork) -> str:
    """The network's answer to a text, with the probability of the label that it gives."""
    negative, positive = label_names(read.labels)
    is_positive = read.probability > network.threshold
    label, sure = (positive, read.probability) if is_positive else (negative, 1 - read.probability)
    text = f"{label}, with probability {sure:.3f}, by {by(read.label, network)}"
    return text + (f"; it reads only the end, without the first {_count(read.skipped, 'word')}" if read.skipped else "")


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
