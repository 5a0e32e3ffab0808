"""The chapter page from top to bottom: the tutorial's parts, made of the same blocks as the report."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from artifacts import sections as report
from artifacts.blocks import Block, Column, Drawing, Listing, Paragraph, Section, Table, Topic, every_block
from artifacts.figures import chapter as figures
from artifacts.formats import COUNT, decimals, network_name
from artifacts.sections import Part, learning, made, paragraph, sentence, topic
from artifacts.wording import causes, verdict, why, yardstick
from artifacts.wording import chapter as wording
from tasks.results.chapter import Chapter, KerasModel, LayerSummary, Loop
from tasks.results.comparison import Claim, Comparison, Network
from tasks.results.training import Epoch


def all_sections(c: Comparison) -> list[Section]:
    """The sections of the report, the overview first, and of the chapter page."""
    return [Section("overview", "Overview:", report.overview(c)), *report.sections(c), *sections(c)]


def all_drawings(c: Comparison) -> list[Drawing]:
    """Every drawing of the report and of the chapter page, once."""
    blocks = [block for section in all_sections(c) for block in every_block(section.blocks)]
    return list({block.stem: block for block in blocks if isinstance(block, Drawing)}.values())


def introduction(c: Comparison) -> tuple[Block, ...]:
    """What the page is, which network is better, and what a bag of words gets."""
    return made(
        c,
        lambda c: Paragraph(wording.about(c)),
        lambda c: [paragraph(sentence) for sentence in verdict.verdicts(c)[:2]],
        sentence(yardstick.yardstick),
    )


def sections(c: Comparison) -> list[Section]:
    """The parts of the chapter; none if the run has no numbers for them."""
    chapter = c.chapter
    if chapter is None:
        return []
    parts: list[tuple[str, str, Part]] = [
        ("by-hand", "A recurrent network by hand", partial(by_hand, chapter=chapter)),
        ("layers", "Recurrent layers in Keras", partial(layers, chapter=chapter)),
        ("reviews", "Preparing the reviews", partial(reviews, chapter=chapter)),
        *((f"network-{of.branch.stem}", wording.trained(of), partial(learned, of=of)) for of in c.first_networks()),
        ("book", "What the book says, what your run says", partial(book, chapter=chapter)),
        ("try", "Try it", try_it),
    ]
    return [Section(anchor, title, made(c, part)) for anchor, title, part in parts]


def by_hand(c: Comparison, chapter: Chapter) -> Sequence[Block]:
    """The section "A recurrent network by hand"."""
    loops = [topic(network_name(loop.cell), partial(_loop, chapter=chapter, loop=loop)) for loop in chapter.loops]
    return made(c, paragraph(wording.ABOUT_LOOPS), *loops)


def _loop(c: Comparison, chapter: Chapter, loop: Loop) -> Sequence[Block]:
    stem = f"states-{loop.cell.replace('_', '-')}"
    caption = f"States of {network_name(loop.cell)} by hand over 100 timesteps"
    return made(
        c,
        paragraph(wording.ABOUT_BY_HAND[loop.cell]),
        Listing(loop.code),
        lambda _: shapes(loop),
        (lambda _: paragraph(wording.concatenated(loop))) if loop.cell == "simple_rnn" else None,
        Drawing(stem, caption, partial(figures.states, loop=loop), "wide"),
        lambda _: paragraph(wording.pictures(loop)),
        lambda c: Paragraph(wording.beside_keras(c, chapter, loop.cell)),
    )


class NamedShape(NamedTuple):
    """An array's name, shape and meaning."""

    name: str
    shape: str
    meaning: str


def shapes(loop: Loop) -> Table[NamedShape]:
    """The shape of each array in a loop."""
    columns: list[Column[NamedShape]] = [
        Column("Array", lambda row: row.name),
        Column("Shape", lambda row: row.shape),
        Column("What it is", lambda row: row.meaning),
    ]
    rows = []
    for name, sizes in loop.shapes.items():
        gates = wording.ROWS_OF_GATES[loop.cell] if name in ("W", "U") else ""
        rows.append(NamedShape(name, wording.shape(sizes), wording.ABOUT_SHAPES[name] + gates))
    return Table("", columns, rows)


def layers(c: Comparison, chapter: Chapter) -> Sequence[Block]:
    """The section "Recurrent layers in Keras"."""
    models = [topic(wording.LAYER_TITLES[m.name], partial(_keras, chapter=chapter, model=m)) for m in chapter.models]
    return made(c, *models)


def _keras(c: Comparison, chapter: Chapter, model: KerasModel) -> Sequence[Block]:
    outputs: list[Part] = []
    if model.name == "all" and chapter.readings:
        caption = "All outputs for one review, and the last one"
        outputs = [
            lambda _: paragraph(wording.sequences(chapter.readings[0])),
            Drawing("sequences", caption, figures.sequences, "wide"),
        ]
    about = paragraph(wording.ABOUT_LAYERS[model.name])
    return made(c, Listing(model.code), lambda _: layer_table(model), about, *outputs)


class LayerRow(NamedTuple):
    """A layer and the size of its inputs."""

    layer: LayerSummary
    features: int


def layer_table(model: KerasModel) -> Table[LayerRow]:
    """The layers of a model with their output shapes and parameters, counted by Keras and derived."""
    columns: list[Column[LayerRow]] = [
        Column("Layer", lambda row: row.layer.layer),
        Column("Output shape", lambda row: wording.shape(row.layer.output_shape)),
        Column("Parameters", lambda row: row.layer.parameters, COUNT),
        Column("How it is counted", lambda row: wording.counted(row.layer, row.features)),
    ]
    sizes = [0, *(layer.output_shape[-1] or 0 for layer in model.layers)]
    return Table("", columns, [LayerRow(*row) for row in zip(model.layers, sizes, strict=False)])


def reviews(c: Comparison, chapter: Chapter) -> Sequence[Block]:
    """The section "Preparing the reviews"."""
    return made(
        c,
        paragraph(wording.ABOUT_TOKENS),
        lambda c: paragraph(wording.example(c, chapter)),
        paragraph(" ".join(chapter.example.words)),
        lambda c: Listing(wording.padded(c, chapter)),
        lambda c: paragraph(wording.lengths(c, chapter)),
        Drawing("review-lengths", "How long the training reviews are", figures.review_lengths),
    )


def learned(c: Comparison, of: Network) -> Sequence[Block]:
    """The section on one network: its curves, and its first and last epoch beside the tutorial's."""
    return made(
        c,
        lambda c: learning(c, of.branch)[-1],
        partial(epochs, network=of),
        lambda _: paragraph(wording.learned(c, of)),
        lambda _: paragraph(wording.best_epoch(of)),
        Paragraph(wording.DROPOUT) if of == c.first_networks()[0] else None,
    )


class LoggedEpoch(NamedTuple):
    """An epoch of this run or of the tutorial."""

    whose: str
    values: Epoch | wording.PrintedEpoch


def epochs(c: Comparison, network: Network) -> Table[LoggedEpoch]:
    """The first and the last epoch, with the tutorial's printed ones if the run is like the tutorial's."""
    history = network.branch.history
    own = [LoggedEpoch("this run", epoch) for epoch in (history[0], history[-1])][: len(history)]
    is_tutorials = network.branch.name in {line.name for line in c.reproduction}
    printed = wording.TUTORIAL_LOG.get(network.branch.name, ()) if is_tutorials else ()
    rows = [*own, *(LoggedEpoch("tutorial", epoch) for epoch in printed)]
    columns: list[Column[LoggedEpoch]] = [
        Column("Epoch", lambda row: row.values.epoch, COUNT),
        Column("From", lambda row: row.whose),
        Column("Loss", lambda row: row.values.loss, decimals(4)),
        Column("Accuracy", lambda row: row.values.accuracy, decimals(4)),
        Column("Validation loss", lambda row: row.values.val_loss, decimals(4)),
        Column("Validation accuracy", lambda row: row.values.val_accuracy, decimals(4)),
        Column("Seconds", lambda row: row.values.seconds, decimals(1)),
    ]
    return Table("", columns, sorted(rows, key=lambda row: row.values.epoch))


def book(c: Comparison, chapter: Chapter) -> Sequence[Block]:
    """The section "What the book says, what your run says"."""
    if nothing := verdict.nothing_shown(c):
        return [paragraph(nothing)]
    if not c.evidence.findings.simple:
        return [Paragraph(causes.no_pair())]
    claims = [partial(_claim, chapter=chapter, claim=claim) for claim in why.CLAIMS]
    measured = topic(
        "The measurements behind the causes",
        Drawing("causes", "How far untrained gradients reach from other starts", figures.causes, "wide"),
        lambda _: paragraph(causes.about_causes(chapter)),
        partial(moments, chapter=chapter),
    )
    return made(
        c, paragraph(wording.ABOUT_BOOK), sentence(why.about_pair), *claims, measured if chapter.causes else None
    )


def _claim(c: Comparison, chapter: Chapter, claim: Claim) -> Topic:
    def decides(c: Comparison) -> Paragraph | None:
        spans = causes.to_decide(c, claim)
        return Paragraph(spans) if spans else None

    answer, cause = (lambda c: causes.answer(c, claim)), (lambda c: causes.cause(c, chapter, claim))
    return Topic(causes.claim_title(c, claim), made(c, sentence(answer), sentence(cause), decides))


def moments(_: Comparison, chapter: Chapter) -> Table[causes.MomentRow]:
    """What each network's recurrent layer does at three moments."""
    columns: list[Column[causes.MomentRow]] = [
        Column("Network", lambda row: network_name(row.name)),
        Column("When", lambda row: why.MOMENTS[row.state.moment]),
        Column("Jacobian reaches (words)", lambda row: row.state.words, decimals(0)),
        Column("Largest eigenvalue", lambda row: row.state.radius, decimals(2)),
        Column("Mean slope of tanh", lambda row: row.state.slope, decimals(2)),
        Column("Mean gate", lambda row: row.state.gate, decimals(3)),
        Column("Gates alone reach (words)", lambda row: row.state.gate_words, decimals(0)),
    ]
    rows = [causes.MomentRow(of_network.name, state) for of_network in chapter.causes for state in of_network.moments]
    return Table("", columns, rows)


def try_it(_: Comparison) -> Sequence[Block]:
    """The section "Try it"."""
    columns: list[Column[wording.Question]] = [
        Column("Question", lambda row: row.question),
        Column("Command", lambda row: f"{causes.COMMAND} {row.options}"),
        Column("Seconds", lambda row: row.seconds, COUNT),
    ]
    return [Table("", columns, wording.QUESTIONS), paragraph(wording.MEASURED_ON)]
