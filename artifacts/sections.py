"""The report from top to bottom: each question, and the paragraphs, tables and figures that answer it.

To add a table, a figure or a sentence to the report, add a line here; HTML and markdown render the same list.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby

from matplotlib.figure import Figure

from artifacts import tables
from artifacts.blocks import (
    Block,
    Bullets,
    Details,
    Drawing,
    Paragraph,
    Role,
    Section,
    Shade,
    SideBySide,
    Span,
    Topic,
    drawings,
    present,
)
from artifacts.figures import reading, scores, training
from artifacts.wording import report as wording
from artifacts.wording import verdict
from artifacts.wording import verdict as conclusions
from artifacts.wording import why as answers
from tasks.results.comparison import Comparison, ReviewText, Trace
from tasks.results.training import Branch


def sections(c: Comparison) -> list[Section]:
    """The sections that have something to show."""
    parts = [which(c), how_sure(c), why(c), what_failed(c), how_learned(c), reproduction(c), how_made(c)]
    return [section for section in parts if section.blocks]


def pages(c: Comparison) -> list[Section]:
    """The sections as separate pages; reviews read word by word have their own page."""
    reading = how_read(c)
    title = reading.title if reading else None
    parts = [
        replace(section, blocks=tuple(b for b in section.blocks if not (isinstance(b, Topic) and b.title == title)))
        for section in sections(c)
    ]
    return [*parts, Section("reading", reading.title, reading.blocks)] if reading else parts


def introduction(c: Comparison) -> list[Paragraph]:
    """The paragraphs above the sections."""
    return [*(paragraph(text, "warning") for text in wording.warnings(c)), Paragraph(wording.about_run(c))]


def all_figures(c: Comparison) -> dict[str, Figure]:
    """Every figure of the report by the stem of its files."""
    blocks = [block for section in sections(c) for block in section.blocks]
    return {drawing.stem: drawing.draw(c) for drawing in drawings(blocks)}


def which(c: Comparison) -> Section:
    """The section "Which model?"."""
    seeds = Drawing("seeds", "Test accuracy of each seed", scores.seeds) if c.has_several_seeds() else None
    blocks = present(
        *(paragraph(sentence, "answer") for sentence in verdict.verdicts(c)),
        tables.models(c),
        seeds,
        tables.accuracy(c),
        tables.scores(c),
        tables.cost(c),
        paragraph(wording.ABOUT_SCORES),
        Drawing("curves", "Validation accuracy and loss of all models", training.shared_curves, "wide"),
        Drawing("roc", "ROC curves", scores.roc),
    )
    return Section("which", "Which model?", blocks)


def how_sure(c: Comparison) -> Section:
    """The section "How sure?"."""
    nothing = verdict.nothing_shown(c)
    blocks = present(
        paragraph(nothing) if nothing else None,
        paragraph(wording.about_pairs(c) if c.evidence.pairs else wording.NOT_COMPARED),
        tables.pairs(c),
        topic("Review by review: McNemar's exact test", tables.seed_tests(c)),
        paragraph(wording.ABOUT_INTERVALS),
    )
    return Section("sure", "How sure?", blocks)


def why(c: Comparison) -> Section:
    """The section "Why?"."""
    about_pair = answers.about_pair(c)
    blocks = present(
        paragraph(about_pair) if about_pair else None,
        Bullets(tuple(answers.answers(c))),
        topic("What was measured", *findings(c)) if about_pair else None,
        topic(
            "Does length matter?",
            paragraph(f"{wording.about_lengths(c)} {answers.about_trend(c)}".rstrip()),
            Drawing("lengths", "Accuracy by length of the review", reading.lengths),
        ),
        topic(
            "How much does each model remember?",
            paragraph(wording.ABOUT_MEMORY),
            Drawing("memory", "Accuracy when only the last words are shown", reading.memory),
        ),
        topic(
            "How far does the gradient reach?",
            paragraph(answers.about_reach(c)),
            Drawing("reach", "Norm of the gradient, back from the end", reading.reach, "wide"),
        ),
        how_read(c),
    )
    return Section("why", "Why?", blocks)


def findings(c: Comparison) -> tuple[Block, ...]:
    """The numbers behind the answers."""
    return tables.findings(c), paragraph(answers.ABOUT_FINDINGS)


def how_read(c: Comparison) -> Topic | None:
    """The topic "How does each model read?"."""
    if not c.evidence.traces:
        return None
    return topic(
        "How does each model read?",
        paragraph(wording.ABOUT_READING),
        Drawing("traces", "Probability of “positive” after each word", reading.traces, "wide"),
        Paragraph(wording.LEGEND, "reading"),
        *(word_by_word(c, trace, is_open=number == 0) for number, trace in enumerate(c.evidence.traces)),
    )


def word_by_word(c: Comparison, trace: Trace, is_open: bool) -> Details:
    """A review with each word coloured by the probability after it."""
    lines = tuple(
        Paragraph((*wording.reading(model, line[-1]), *coloured(trace.review.words, line)), "reading")
        for model, line in trace.lines.items()
    )
    return Details(wording.trace(c, trace), lines, is_open)


def coloured(words: Sequence[str], probabilities: Sequence[float]) -> Iterator[Span]:
    """The words, coloured by the probabilities after them; adjacent words of the same colour share a span."""
    levels = [round(10 * probability) for probability in probabilities]
    for level, pairs in groupby(zip(levels, words, strict=True), key=lambda pair: pair[0]):
        yield Shade(" ".join(word for _, word in pairs), level)
        yield " "


def what_failed(c: Comparison) -> Section:
    """The section "What failed?"."""
    blocks = present(
        Drawing("confusion", "Confusion matrices", scores.confusion),
        topic(
            "Can the probabilities be trusted?",
            SideBySide(
                (
                    Drawing("calibration", "Reliability diagram", scores.calibration),
                    Drawing("precision-recall", "Precision-recall curves", scores.precision_recall),
                )
            ),
            tables.thresholds(c),
            paragraph(conclusions.trusted(c)),
        ),
        topic("The most confident errors", *(mistakes(model, texts) for model, texts in c.evidence.mistakes.items())),
        topic("Where models disagree most", *(whole_review(text, *c.models()) for text in c.evidence.disagreements)),
    )
    return Section("failed", "What failed?", blocks)


def mistakes(model: str, reviews: tuple[ReviewText, ...]) -> Details:
    """A model's most confident errors."""
    blocks = tuple(whole_review(review, model) for review in reviews) or (paragraph(wording.NO_MISTAKES),)
    return Details(wording.mistakes(model, len(reviews)), blocks)


def whole_review(review: ReviewText, *models: str) -> Details:
    """A folded review, with the predictions of `models` in its summary."""
    return Details(wording.review(review, *models), (paragraph(" ".join(review.words)),))


def how_learned(c: Comparison) -> Section:
    """The section "How did each model learn?". Markdown shows only the first seeds."""
    first = [branch for branch, _ in c.first_networks()]
    further = [branch for branch in c.branches if branch not in first]
    blocks = present(
        *(topic(wording.name(c, branch), *learning(branch)) for branch in first),
        *(Details(branch.label, learning(branch), is_open=True) for branch in further),
        paragraph(conclusions.learned(c), "answer"),
    )
    return Section("learned", "How did each model learn?", blocks)


def learning(branch: Branch) -> tuple[Block, ...]:
    """A network's training curves, drawn as in the tutorial."""
    curves = tuple(
        Drawing(
            f"{branch.stem}-{curve}",
            f"{branch.label}: training and validation {curve}",
            partial(training.tutorial_curve, branch=branch, curve=curve),
        )
        for curve in training.CURVES
    )
    return paragraph(wording.training(branch)), SideBySide(curves)


def reproduction(c: Comparison) -> Section:
    """The section "Does it reproduce the tutorial?"."""
    return Section("reproduction", "Does it reproduce the tutorial?", present(tables.reproduction(c)))


def how_made(c: Comparison) -> Section:
    """The section "How was it made?"."""
    blocks = present(
        Paragraph(wording.again(c)),
        topic(
            "Data",
            Paragraph(wording.source(c)),
            paragraph(wording.tokenizer(c)),
            tables.splits(c),
            paragraph(wording.example(c)),
        ),
        topic("Time", tables.durations(c)),
        topic("Settings", tables.settings(c)),
        topic("Machine and versions", paragraph(wording.machine(c)), paragraph(wording.versions(c))),
        topic("Textbook check", paragraph(wording.textbook_check(c))),
    )
    return Section("made", "How was it made?", blocks)


def paragraph(text: str, role: Role = "plain") -> Paragraph:
    """A paragraph of plain text."""
    return Paragraph((text,), role)


def topic(title: str, *blocks: Block | None) -> Topic:
    """A topic with the blocks that have something to show."""
    return Topic(title, present(*blocks))
