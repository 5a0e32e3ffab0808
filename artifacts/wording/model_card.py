"""The model card: what a network is, how well it works, and where it fails (Mitchell et al. 2019, "Model cards")."""

from collections.abc import Iterable
from typing import Any

from artifacts.formats import setting
from artifacts.markup import escape_markdown as md
from artifacts.markup import label_names
from artifacts.wording.promotion import gate_rows, share
from tasks.results.data import Labels, labels_of, word_rules_of
from tasks.results.promotion import CardFacts

LICENCES = {
    "imdb": (
        "IMDB reviews: Maas et al., “Learning Word Vectors for Sentiment Analysis”, ACL 2011; made available for "
        "research, the texts belong to their authors."
    ),
    "sample": "Bundled sample: made up by this project, under its licence.",
    "own": "Own data: their owner's terms apply.",
}


def model_card(facts: CardFacts) -> str:
    """The card as markdown."""
    sections = [
        f"# {md(facts.label)}",
        f"Network `{facts.network}`, from run `{md(facts.run)}`: probability that a review has the label "
        f"“{md(_labels(facts)[1])}”. Intended use: research and comparison, not decisions about people.",
        _section("Data", _data(facts)),
        _section("Training", _training(facts)),
        _section("Accuracy on the test reviews", _metrics(facts)),
        _section("Gate", gate_rows(facts.gate)),
        _slices(facts),
        _calibration(facts),
        _section(
            f"Drift limits of {facts.drift_texts:,} new texts",
            [(name, f"{value:.4f}") for name, value in facts.drift_limits.items()],
        ),
        _mistakes(facts),
        f"## Licence of the data\n\n{_licence(facts)}",
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _section(title: str, rows: Iterable[tuple[str, str]]) -> str:
    lines = [f"| {md(name)} | {md(value)} |" for name, value in rows]
    return "\n".join([f"## {title}", "", "| | |", "| --- | --- |", *lines]) if lines else ""


def _data(facts: CardFacts) -> list[tuple[str, str]]:
    description = facts.description
    names = ("title", "origin", "source_sha256", "fingerprint")
    rows = [(name.replace("_", " "), str(description["dataset"][name])) for name in names]
    counts = ("training_reviews", "validation_reviews", "test_reviews")
    rows += [(name.replace("_", " "), f"{description['dataset'][name]:,}") for name in counts]
    rows += [(name.replace("_", " "), f"{description[name]:,}") for name in ("vocabulary_size", "max_length")]
    return [*rows, ("word rules", word_rules_of(description).title)]


def _training(facts: CardFacts) -> list[tuple[str, str]]:
    description: dict[str, Any] = facts.description
    rows = [("seed", str(description["seed"])), ("parameters", f"{facts.gate.candidate_cost.parameters:,}")]
    rows += [
        (name.replace("_", " "), setting(value))
        for part in ("network", "training")
        for name, value in description[part].items()
    ]
    best = ("epoch, chosen by validation", str(facts.epoch))
    return [*rows, best, ("validation accuracy at that epoch", f"{facts.validation_accuracy:.2%}")]


def _metrics(facts: CardFacts) -> list[tuple[str, str]]:
    scores = facts.scores
    return [
        ("accuracy", share(scores.accuracy_estimate)),
        ("AUC", f"{scores.auc:.4f} (95 % interval {scores.auc_low:.4f} to {scores.auc_high:.4f})"),
        ("precision", share(facts.precision)),
        ("recall", share(facts.recall)),
        ("F1", f"{scores.f1:.4f}"),
        ("loss (nats)", f"{scores.loss:.4f}"),
        ("expected calibration error", f"{scores.calibration_error:.4f}"),
    ]


def _slices(facts: CardFacts) -> str:
    lines = [f"| {md(part.name)} | {part.reviews:,} | {share(part.accuracy)} |" for part in facts.slices]
    head = ["## Accuracy by slice", "", "| slice | reviews | accuracy |", "| --- | --- | --- |"]
    return "\n".join([*head, *lines])


def _calibration(facts: CardFacts) -> str:
    lines = [f"| {b.probability:.3f} | {b.positive:.3f} | {b.reviews:,} |" for b in facts.scores.reliability]
    head = [
        "## Calibration",
        "",
        f"| mean probability | share “{md(_labels(facts)[1])}” | reviews |",
        "| --- | --- | --- |",
    ]
    return "\n".join([*head, *lines])


def _mistakes(facts: CardFacts) -> str:
    lines = [
        f"- Review {m.review_id}, label {md(_labels(facts)[1 if m.label else 0])}, "
        f"probability of “{md(_labels(facts)[1])}” {m.probability:.3f}: … {md(' '.join(m.words))}"
        for m in facts.mistakes
    ]
    return "\n".join(["## Known mistakes: the most confident ones", "", *lines]) if lines else ""


def _labels(facts: CardFacts) -> Labels:
    return label_names(labels_of(facts.description))


def _licence(facts: CardFacts) -> str:
    title = str(facts.description["dataset"]["title"])
    known = {"IMDB reviews": "imdb", "bundled sample": "sample"}
    return LICENCES[known.get(title, "own")]
