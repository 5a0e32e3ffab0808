"""The report from top to bottom: each question, and the paragraphs, tables and figures that answer it.

To add a table, a figure or a sentence to the report, add a line here; HTML and markdown render the same list.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import Any

from artifacts import data_tables, tables
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
    Table,
    Topic,
    present,
)
from artifacts.figures import reading, scores, sizes, training
from artifacts.wording import causes, verdict
from artifacts.wording import report as wording
from artifacts.wording import sizes as of_sizes
from artifacts.wording import why as answers
from artifacts.wording import yardstick as bag_of_words
from tasks.results.comparison import Comparison, ReviewText, Trace
from tasks.results.training import Branch

# A block, or how to make one or several from the record that the page is about.
Part = Block | None | Callable[[Any], Block | Sequence[Block | None] | None]


def sections(c: Comparison) -> list[Section]:
    """The sections that have something to show."""
    parts = [which(c), how_sure(c), how_much(c), why(c), what_failed(c), how_learned(c), reproduction(c), how_made(c)]
    return [section for section in parts if section.blocks]


def pages(c: Comparison) -> list[Section]:
    """The sections as separate pages; reviews read word by word have their own page."""
    reading = [block for block in made(c, how_read) if isinstance(block, Topic)]
    titles = [block.title for block in reading]
    parts = [
        replace(section, blocks=tuple(b for b in section.blocks if not (isinstance(b, Topic) and b.title in titles)))
        for section in sections(c)
    ]
    return [*parts, *(Section("reading", block.title, block.blocks) for block in reading)]


def introduction(c: Comparison) -> tuple[Block, ...]:
    """The notes above the sections, and the run that they are about."""
    return made(
        c,
        lambda c: [paragraph(text) for text in c.notes],
        lambda c: Paragraph(wording.about_run(c)),
    )


def warnings(c: Comparison) -> list[Block]:
    """What to read before any number."""
    return [paragraph(text, "warning") for text in wording.warnings(c)]


def overview(c: Comparison) -> tuple[Block, ...]:
    """The first screen of the report: warnings, the verdict, the yardstick, one table, the curves."""
    return made(
        c,
        warnings,
        lambda c: [paragraph(sentence, "answer") for sentence in verdict.verdicts(c)[:1]],
        sentence(bag_of_words.yardstick),
        tables.overview,
        Drawing("curves", "Validation accuracy and loss of all networks", training.shared_curves, "wide"),
        sentence(wording.about_overview),
    )


def which(c: Comparison) -> Section:
    """The section "Which network?": the verdict's limits, then further scores, by seed if there are several."""
    by_network = made(c, tables.accuracy, tables.scores, tables.cost)
    several = c.has_several_seeds()
    blocks = made(
        c,
        lambda c: [paragraph(sentence) for sentence in verdict.verdicts(c)[1:]],
        tables.models,
        Drawing("seeds", "Test accuracy of each seed", scores.seeds) if several else None,
        *([Details("Scores and cost of each seed", by_network)] if several else by_network),
        sentence(wording.about_scores),
        Drawing("roc", "ROC curves", scores.roc),
    )
    return Section("which", "Which network?", blocks)


def how_sure(c: Comparison) -> Section:
    """The section "How sure?"."""
    blocks = made(
        c,
        sentence(verdict.nothing_shown),
        sentence(wording.about_pairs) if c.evidence.pairs else paragraph(wording.NOT_COMPARED),
        tables.pairs,
        topic(
            "Review by review: McNemar's exact test",
            paragraph(wording.ABOUT_MCNEMAR) if c.evidence.pairs else None,
            tables.seed_tests,
        ),
        topic("Beside a bag of words", sentence(bag_of_words.about), tables.yardstick),
        Details("How the intervals are computed", (paragraph(wording.ABOUT_INTERVALS),)),
    )
    return Section("sure", "How sure?", blocks)


def how_much(c: Comparison) -> Section:
    """The section "How much data?", which has nothing to show without `--training-sizes`."""
    if c.sizes is None:
        return Section("sizes", "How much data?", ())
    blocks = made(
        c,
        sentence(verdict.nothing_shown),
        lambda c: paragraph(text, "answer") if (text := of_sizes.answer(c)) else None,
        sentence(of_sizes.growth),
        sentence(of_sizes.crossing),
        Drawing("sizes", "Test accuracy and processor time over the number of reviews", sizes.sizes, "wide"),
        sentence(of_sizes.about),
        data_tables.sizes,
        lambda c: Details(
            "How twice the data is predicted",
            present(paragraph(of_sizes.ABOUT_LAW), Bullets(tuple((text,) for text in of_sizes.laws(c)))),
        ),
    )
    return Section("sizes", "How much data?", blocks)


def why(c: Comparison) -> Section:
    """The section "Why?"."""
    blocks = made(
        c,
        sentence(answers.about_pair),
        lambda c: Bullets(tuple(answers.answers(c))),
        measured_causes,
        what_was_measured,
        topic(
            "Does length matter?",
            lambda c: paragraph(f"{wording.about_lengths(c)} {answers.about_trend(c)}".rstrip()),
            Drawing("lengths", "Accuracy by length of the review", reading.lengths),
        ),
        topic(
            "How much does each network remember?",
            paragraph(wording.ABOUT_MEMORY),
            Drawing("memory", "Accuracy when only the last words are shown", reading.memory),
        ),
        topic(
            "How far does the gradient reach?",
            sentence(answers.about_reach),
            Drawing("reach", "Norm of the gradient, back from the end", reading.reach, "wide"),
        ),
        how_read,
    )
    return Section("why", "Why?", blocks)


def measured_causes(c: Comparison) -> Details | None:
    """Why the claims hold or do not, folded; none if the run measured no cause."""
    if c.chapter is None or answers.about_pair(c) is None:
        return None
    found = [(claim, causes.cause(c, c.chapter, claim)) for claim in answers.CLAIMS]
    items = tuple((f"{causes.claim_title(c, claim)}. {text}",) for claim, text in found if text)
    return Details("The causes, as far as this run measured them", (Bullets(items),)) if items else None


def what_was_measured(c: Comparison) -> Topic | None:
    """The topic "What was measured": the numbers behind the answers."""
    if answers.about_pair(c) is None:
        return None
    about = Details("How a claim is decided, and what reach and Jacobian are", (paragraph(answers.ABOUT_FINDINGS),))
    return Topic("What was measured", made(c, about, tables.findings))


def how_read(c: Comparison) -> Topic | None:
    """The topic "How does each model read?"."""
    if not c.evidence.traces:
        return None
    reviews = [
        partial(word_by_word, trace=trace, is_open=number == 0) for number, trace in enumerate(c.evidence.traces)
    ]
    blocks = made(
        c,
        paragraph(wording.ABOUT_READING),
        Drawing("traces", f"Probability of {wording.positive(c)} after each word", reading.traces, "wide"),
        Paragraph(wording.legend(c), "reading"),
        *reviews,
    )
    return Topic("How does each network read?", blocks)


def word_by_word(c: Comparison, trace: Trace, is_open: bool) -> Details:
    """A review with each word coloured by the probability after it."""
    lines = tuple(
        Paragraph((*wording.reading(c, model, line[-1]), *coloured(trace.review.words, line)), "reading")
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
    blocks = made(
        c,
        Drawing("confusion", "Confusion matrices", scores.confusion),
        topic(
            "Can the probabilities be trusted?",
            sentence(wording.about_calibration),
            SideBySide(
                (
                    Drawing("calibration", "Reliability diagram", scores.calibration),
                    Drawing("precision-recall", "Precision-recall curves", scores.precision_recall),
                )
            ),
            tables.thresholds,
            sentence(verdict.trusted),
        ),
        topic(
            "The most confident errors",
            lambda c: [mistakes(c, model, texts) for model, texts in c.evidence.mistakes.items()],
        ),
        topic(
            "Where networks disagree most",
            lambda c: [whole_review(c, text, *c.models()) for text in c.evidence.disagreements],
        ),
        topic("Labels that may be wrong", sentence(bag_of_words.suspects), data_tables.suspects, suspects),
    )
    return Section("failed", "What failed?", blocks)


def suspects(c: Comparison) -> Details | None:
    """The last words of the reviews whose labels may be wrong, folded."""
    reviews = [
        Details(bag_of_words.suspect(c, review), (paragraph(" ".join(review.words), "reading"),))
        for review in (c.suspects.first if c.suspects else ())
    ]
    return Details("Their last words", tuple(reviews)) if reviews else None


def mistakes(c: Comparison, model: str, reviews: tuple[ReviewText, ...]) -> Details:
    """A model's most confident errors."""
    blocks = tuple(whole_review(c, review, model) for review in reviews) or (paragraph(wording.NO_MISTAKES),)
    return Details(wording.mistakes(model, len(reviews)), blocks)


def whole_review(c: Comparison, review: ReviewText, *models: str) -> Details:
    """A folded review, with the predictions of `models` in its summary."""
    return Details(wording.review(c, review, *models), (paragraph(" ".join(review.words), "reading"),))


def how_learned(c: Comparison) -> Section:
    """The section "How did each network learn?". Markdown shows only the first seeds."""
    first = [branch for branch, _ in c.first_networks()]
    further = [branch for branch, _ in c.networks() if branch not in first]
    blocks = made(
        c,
        *(partial(_learning_of_first, branch=branch) for branch in first),
        *(partial(_learning_of_further, branch=branch) for branch in further),
        sentence(verdict.learned),
    )
    return Section("learned", "How did each network learn?", blocks)


def _learning_of_first(c: Comparison, branch: Branch) -> Block:
    return Topic(wording.name(c, branch), learning(c, branch))


def _learning_of_further(c: Comparison, branch: Branch) -> Block:
    return Details(wording.name(c, branch), learning(c, branch))


def learning(c: Comparison, branch: Branch) -> tuple[Block, ...]:
    """A network's training curves, drawn as in the tutorial."""
    curves = tuple(
        Drawing(
            f"{branch.stem}-{curve}",
            f"{wording.name(c, branch)}: training and validation {curve}",
            partial(training.tutorial_curve, branch=branch, curve=curve),
        )
        for curve in training.CURVES
    )
    return paragraph(wording.training(branch)), SideBySide(curves)


def reproduction(c: Comparison) -> Section:
    """The section "Does it reproduce the tutorial?"."""
    return Section("reproduction", "Does it reproduce the tutorial?", made(c, tables.reproduction))


def how_made(c: Comparison) -> Section:
    """The section "How was it made?"."""
    blocks = made(
        c,
        lambda c: Paragraph(wording.again(c)),
        topic(
            "Data",
            lambda c: Paragraph(wording.source(c)),
            sentence(wording.tokenizer),
            data_tables.splits,
            sentence(wording.dropped),
            data_tables.faults,
            sentence(wording.example),
        ),
        topic("Time", tables.durations),
        topic("Settings", tables.settings),
        topic("Machine and versions", sentence(wording.machine), sentence(wording.versions)),
        topic("Textbook check", sentence(wording.textbook_check)),
    )
    return Section("made", "How was it made?", blocks)


def paragraph(text: str, role: Role = "plain") -> Paragraph:
    """A paragraph of plain text."""
    return Paragraph((text,), role)


def sentence(words: Callable[[Any], str | None]) -> Part:
    """A paragraph of plain text about the record; none if there is nothing to say."""

    def make(record: Any) -> Block | None:
        text = words(record)
        return paragraph(text) if text else None

    return make


def topic(title: str, *parts: Part) -> Part:
    """A topic with the parts that have something to show."""
    return lambda record: Topic(title, made(record, *parts))


def made(record: Any, *parts: Part) -> tuple[Block, ...]:
    """The blocks that have something to show. A sentence takes the place of a part that cannot be made."""
    return present(*(block for part in parts for block in _blocks_of(record, part)))


def _blocks_of(record: Any, part: Part) -> Sequence[Block | None]:
    if not callable(part):
        return [part]
    try:
        found = part(record)
        blocks: Sequence[Block | None] = found if isinstance(found, Sequence) else [found]
        for block in blocks:
            if isinstance(block, Table):
                block.cells()
    except Exception as error:  # Nothing that a run has computed is lost for one table.
        return [paragraph(wording.not_made(error), "missing")]
    return blocks
