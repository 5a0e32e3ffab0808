import functools
from dataclasses import replace
from types import ModuleType

import pytest

from artifacts import tables
from artifacts.blocks import Column, Details, Drawing, Paragraph, Section, Shade, Table, Topic, every_block
from artifacts.chapter import all_drawings
from artifacts.figures.render import Picture
from artifacts.report import faults
from artifacts.sections import coloured, introduction, overview, pages, sections
from artifacts.wording import report as wording
from artifacts.wording import verdict, why
from artifacts.wording.verdict import nothing_shown
from tasks.results.comparison import Comparison, Findings, Reproduction
from tests.artifacts import examples

FIGURES = {
    "calibration", "confusion", "curves", "lengths", "memory", "precision-recall", "reach", "roc", "traces",
    *(f"{name}-seed1-{curve}" for name in ("lstm", "simple_rnn") for curve in ("accuracy", "loss")),
}  # fmt: skip


DRAWN = {stem: Picture(b"", "") for stem in FIGURES}


def whole(c: Comparison) -> list[Section]:
    """All sections, the overview first."""
    return [Section("overview", "", overview(c)), *sections(c)]


@functools.cache
def blocks_of_the_whole() -> int:
    """How many blocks the report has if all can be made."""
    return sum(len(list(every_block(section.blocks))) for section in whole(examples.comparison()))


def section(c: Comparison, anchor: str) -> Section:
    """A section by its anchor."""
    return next(section for section in sections(c) if section.anchor == anchor)


def topics(c: Comparison, anchor: str) -> list[str]:
    """The headings in a section."""
    return [block.title for block in section(c, anchor).blocks if isinstance(block, Topic)]


def stems(section: Section) -> list[str]:
    """The figures of a section."""
    return [block.stem for block in every_block(section.blocks) if isinstance(block, Drawing)]


def test_questions_in_their_order() -> None:
    assert [section.title for section in sections(examples.comparison())] == [
        "Which network?",
        "How sure?",
        "Why?",
        "What failed?",
        "How did each network learn?",
        "How was it made?",
    ]


def test_the_reproduction_card_stands_for_imdb_only() -> None:
    c = examples.comparison()
    card = replace(c, reproduction=(Reproduction("lstm", 0.884, 0.88, 0.03),))
    assert "reproduction" not in [section.anchor for section in sections(c)]
    assert section(card, "reproduction").title == "Does it reproduce the tutorial?"


def test_every_figure_is_drawn_once() -> None:
    c = examples.comparison()
    assert {drawing.stem for drawing in all_drawings(c)} == FIGURES
    assert sorted(stem for section in whole(c) for stem in stems(section)) == sorted(FIGURES)


def test_several_seeds_have_a_figure_of_their_own() -> None:
    c = examples.comparison(3)
    assert "seeds" in stems(section(c, "which"))
    folded = [block for block in section(c, "learned").blocks if isinstance(block, Details)]
    assert [details.summary for details in folded] == [f"{n} seed {s}" for n in ("SimpleRNN", "LSTM") for s in (2, 3)]


def test_without_chosen_reviews_nothing_is_read() -> None:
    c = examples.comparison()
    bare = replace(c, evidence=replace(c.evidence, traces=(), disagreements=()))
    assert "How does each network read?" in topics(c, "why")
    assert "How does each network read?" not in topics(bare, "why")
    assert "Where networks disagree most" not in topics(bare, "failed")


def test_a_model_alone_is_compared_with_nothing() -> None:
    c = examples.comparison()
    nothing = Findings("", "", 0, None, {}, ())
    bare = replace(c.evidence, findings=nothing, trend=None, traces=(), disagreements=())
    lstm = replace(bare, models=c.evidence.models[:1], pairs=())
    alone = replace(
        c, branches=c.branches[1:], evaluations=c.evaluations[1:], explanations=c.explanations[1:], evidence=lstm
    )
    assert topics(alone, "sure") == []
    assert topics(alone, "why")[0] == "Does length matter?"


def test_a_smoke_run_says_beside_its_tests_too_that_they_show_nothing() -> None:
    c = examples.comparison()
    smoke = replace(c, settings=c.settings | {"run": {"smoke": True}})
    assert section(smoke, "sure").blocks[0] == Paragraph((str(nothing_shown(smoke)),))


def test_a_network_that_failed_leaves_the_others_in_the_report() -> None:
    c = examples.comparison(2)
    rest = replace(c, branches=c.branches[1:], evaluations=c.evaluations[1:], explanations=c.explanations[1:])
    assert [branch.label for branch, _ in rest.first_networks()] == ["lstm seed 1", "simple_rnn seed 2"]
    assert "simple_rnn-seed2-loss" in {drawing.stem for drawing in all_drawings(rest)}


def test_training_sizes_are_a_section_with_answers_figure_and_table() -> None:
    c = examples.with_sizes(examples.comparison(3))
    found = section(c, "sizes")
    assert found.title == "How much data?"
    assert stems(found) == ["sizes"]
    assert [block.role for block in found.blocks if isinstance(block, Paragraph)] == ["answer", *["plain"] * 3]
    (table,) = [block for block in found.blocks if isinstance(block, Table)]
    first = [cell.text for cell in table.cells()[0]]
    assert first == ["1,000", "SimpleRNN", "3", "0.7000 (0.6900 to 0.7100)", "1.0", "15.1%"]
    assert [row.name for row in table.rows] == ["SimpleRNN", "LSTM", "bag of words"] * 4
    assert "sizes" in {drawing.stem for drawing in all_drawings(c)}
    assert "sizes" in [page.anchor for page in pages(c)]
    assert "sizes" not in [each.anchor for each in sections(examples.comparison(3))]


def test_a_figure_has_a_caption_for_those_who_do_not_see_it() -> None:
    for section in sections(examples.comparison()):
        assert all(block.caption for block in every_block(section.blocks) if isinstance(block, Drawing))


def test_warnings_stand_first() -> None:
    c = examples.comparison()
    sample = replace(c, dataset=replace(c.dataset, source=replace(c.dataset.source, kind="sample"), imdb=False))
    assert [block.role for block in overview(sample) if isinstance(block, Paragraph)] == ["warning", "answer", "plain"]


def test_neighbouring_words_of_one_colour_share_a_span() -> None:
    spans = list(coloured(["a", "b", "c"], [0.0, 0.04, 0.98]))
    assert spans == [Shade("a b", 0), " ", Shade("c", 10), " "]


@pytest.mark.parametrize(("module", "name"), examples.functions(tables, wording, verdict, why))
def test_a_table_or_sentence_that_cannot_be_made_takes_nothing_else_away(
    module: ModuleType, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    c = examples.comparison()
    before = blocks_of_the_whole()

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("no reviews")

    if name != "not_made":
        monkeypatch.setattr(module, name, fail)
    left = sum(
        len(list(every_block(section.blocks))) for section in [Section("overview", "", overview(c)), *sections(c)]
    )
    assert [page.anchor for page in pages(c)][: len(sections(c))] == [section.anchor for section in sections(c)]
    assert introduction(c)
    assert left >= before - 30
    assert all("ZeroDivisionError, no reviews" in line for line in faults(c, DRAWN))


def test_a_cell_that_cannot_be_shown_is_a_sentence_in_its_section(monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(c: Comparison) -> Table[str]:
        return Table("", [Column("length", lambda row: row.missing)], c.models())  # type: ignore[attr-defined]

    monkeypatch.setattr(tables, "cost", faulty)
    assert [line[:33] for line in faults(examples.comparison(), DRAWN)] == ["Which network? (A part could not "]
