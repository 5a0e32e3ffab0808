"""The chapter page from top to bottom: the tutorial's parts, made of the same blocks as the report."""

from functools import partial
from typing import NamedTuple

from artifacts.blocks import Block, Column, Drawing, Listing, Paragraph, Section, Table, Topic, present
from artifacts.figures import chapter as figures
from artifacts.formats import COUNT, capitalized, decimals, network_name
from artifacts.sections import learning, made, paragraph, topic
from artifacts.wording import causes, verdict, why
from artifacts.wording import chapter as wording
from tasks.results.chapter import Chapter, KerasModel, LayerSummary, Loop
from tasks.results.comparison import Claim, Comparison, Network
from tasks.results.training import Epoch


def introduction(c: Comparison) -> tuple[Block, ...]:
    """What the page is, below its title."""
    return (Paragraph(wording.about(c)),)


def sections(c: Comparison) -> list[Section]:
    """The parts of the chapter; none if the run has no numbers for them."""
    chapter = c.chapter
    if chapter is None:
        return []
    parts = [
        by_hand(c, chapter),
        layers(c, chapter),
        reviews(c, chapter),
        *(network_section(c, network) for network in c.first_networks()),
        book(c, chapter),
        try_it(c),
    ]
    return [section for section in parts if section.blocks]


def by_hand(c: Comparison, chapter: Chapter) -> Section:
    """The section "A recurrent network by hand"."""
    loops = [topic(wording.CELLS[loop.cell], partial(_loop, chapter=chapter, loop=loop)) for loop in chapter.loops]
    return Section("by-hand", "A recurrent network by hand", made(c, paragraph(wording.ABOUT_LOOPS), *loops))


def _loop(c: Comparison, chapter: Chapter, loop: Loop) -> list[Block | None]:
    stem = f"states-{loop.cell.replace('_', '-')}"
    caption = f"States of {wording.CELLS[loop.cell]} by hand over 100 timesteps"
    return [
        paragraph(wording.ABOUT_BY_HAND[loop.cell]),
        Listing(loop.code),
        shapes(loop),
        paragraph(wording.concatenated(loop)) if loop.cell == "simple_rnn" else None,
        Drawing(stem, caption, partial(figures.states, loop=loop), "wide"),
        paragraph(wording.pictures(loop)),
        Paragraph(wording.beside_keras(c, chapter, loop.cell)),
    ]


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


def layers(c: Comparison, chapter: Chapter) -> Section:
    """The section "Recurrent layers in Keras"."""
    topics = [
        topic(wording.LAYER_TITLES[model.name], partial(_keras, chapter=chapter, model=model))
        for model in chapter.models
    ]
    return Section("layers", "Recurrent layers in Keras", made(c, *topics))


def _keras(_: Comparison, chapter: Chapter, model: KerasModel) -> list[Block | None]:
    shows_outputs = model.name == "all" and chapter.readings
    return [
        Listing(model.code),
        layer_table(model),
        paragraph(wording.ABOUT_LAYERS[model.name]),
        paragraph(wording.sequences(chapter.readings[0])) if shows_outputs else None,
        Drawing("sequences", "All outputs for one review, and the last one", figures.sequences, "wide")
        if shows_outputs
        else None,
    ]


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
        Column("Derived", lambda row: wording.counted(row.layer, row.features)),
    ]
    sizes = [0, *(layer.output_shape[-1] or 0 for layer in model.layers)]
    return Table("", columns, [LayerRow(*row) for row in zip(model.layers, sizes, strict=False)])


def reviews(c: Comparison, chapter: Chapter) -> Section:
    """The section "Preparing the reviews"."""
    blocks = made(
        c,
        paragraph(wording.ABOUT_TOKENS),
        lambda c: paragraph(wording.example(c, chapter)),
        paragraph(" ".join(chapter.example.words)),
        lambda c: Listing(wording.padded(c, chapter)),
        lambda c: paragraph(wording.lengths(c, chapter)),
        Drawing("review-lengths", "How long the training reviews are", figures.review_lengths),
    )
    return Section("reviews", "Preparing the reviews", blocks)


def network_section(c: Comparison, network: Network) -> Section:
    """The section on one network: its curves, and its first and last epoch beside the tutorial's."""
    blocks = made(
        c,
        lambda c: learning(c, network.branch)[-1],
        partial(epochs, network=network),
        paragraph(wording.learned(network)),
        paragraph(wording.best_epoch(network)),
        Paragraph(wording.DROPOUT),
    )
    return Section(f"network-{network.branch.stem}", capitalized(network_name(network.branch.name)), blocks)


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


def book(c: Comparison, chapter: Chapter) -> Section:
    """The section "What the book says, what your run says"."""
    title = "What the book says, what your run says"
    if nothing := verdict.nothing_shown(c):
        return Section("book", title, (paragraph(nothing),))
    if not c.evidence.findings.simple:
        return Section("book", title, (Paragraph(causes.no_pair()),))
    figure = Drawing("causes", "How far untrained gradients reach from other starts", figures.causes, "wide")
    blocks = made(
        c,
        lambda c: paragraph(why.about_pair(c) or ""),
        *(partial(_claim, chapter=chapter, claim=claim) for claim in why.CLAIMS),
        topic(
            "The measurements behind the causes",
            figure,
            paragraph(causes.ABOUT_CAUSES),
            partial(moments, chapter=chapter),
        )
        if chapter.causes
        else None,
    )
    return Section("book", title, blocks)


def _claim(c: Comparison, chapter: Chapter, claim: Claim) -> Topic:
    cause, decides = causes.cause(c, chapter, claim), causes.to_decide(c, claim)
    blocks = present(
        paragraph(causes.answer(c, claim)),
        paragraph(cause) if cause else None,
        Paragraph(decides) if decides else None,
    )
    return Topic(causes.claim_title(c, claim), blocks)


def moments(_: Comparison, chapter: Chapter) -> Table[causes.MomentRow]:
    """What each network's recurrent layer does at three moments."""
    columns: list[Column[causes.MomentRow]] = [
        Column("Network", lambda row: network_name(row.name)),
        Column("When", lambda row: why.MOMENTS[row.state.moment]),
        Column("Gradient reaches (words)", lambda row: row.state.words, decimals(0)),
        Column("Largest eigenvalue", lambda row: row.state.radius, decimals(2)),
        Column("Mean slope of tanh", lambda row: row.state.slope, decimals(2)),
        Column("Mean gate", lambda row: row.state.gate, decimals(3)),
        Column("Gates alone reach (words)", lambda row: row.state.gate_words, decimals(0)),
    ]
    rows = [causes.MomentRow(of_network.name, state) for of_network in chapter.causes for state in of_network.moments]
    return Table("", columns, rows)


def try_it(c: Comparison) -> Section:
    """The section "Try it"."""
    columns: list[Column[wording.Question]] = [
        Column("Question", lambda row: row.question),
        Column("Command", lambda row: f"{causes.COMMAND} {row.options}"),
        Column("Seconds", lambda row: row.seconds, COUNT),
    ]
    table: Table[wording.Question] = Table("", columns, wording.QUESTIONS)
    return Section("try", "Try it", made(c, table, paragraph(wording.MEASURED_ON)))
