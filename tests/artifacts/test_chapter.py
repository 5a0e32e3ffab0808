import re
from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType

import pytest

from artifacts import chapter, report
from artifacts.blocks import Block, Bullets, Code, Details, Drawing, Listing, Paragraph, Section, Table, every_block
from artifacts.figures.render import Picture, picture, png
from artifacts.figures.style import single
from artifacts.publish import report_artifacts
from artifacts.sections import sections as report_sections
from artifacts.wording import causes, why
from artifacts.wording import chapter as wording
from tasks.results.chapter import LayerSummary
from tasks.results.comparison import Claim, Comparison, Findings, Reproduction
from tasks.results.training import MemoryPoint
from tests.artifacts import examples

# How many blocks a section or a heading takes with it; other functions take at most the one that they make, per claim.
LOST = {"book": 25, "by_hand": 8, "layers": 9, "learned": 11, "reviews": 5, "claim_title": 12}
FIGURES = {"states-simple-rnn", "sequences", "review-lengths", "causes"}


@pytest.fixture(scope="module")
def c() -> Comparison:
    """A comparison with the numbers of the chapter page."""
    return replace(examples.comparison(), chapter=examples.chapter())


def blocks(c: Comparison, anchor: str) -> Iterator[Block]:
    """All blocks of a section."""
    return every_block(next(section for section in chapter.sections(c) if section.anchor == anchor).blocks)


def text(c: Comparison, anchor: str) -> str:
    """The sentences of a section."""
    spans = [span for block in blocks(c, anchor) if isinstance(block, Paragraph) for span in block.spans]
    return " ".join(span if isinstance(span, str) else span.text for span in spans)


def cells(c: Comparison, anchor: str) -> list[list[str]]:
    """The rows of all tables in a section."""
    tables = [block for block in blocks(c, anchor) if isinstance(block, Table)]
    return [[cell.text for cell in row] for table in tables for row in table.cells()]


def test_the_parts_have_the_order_of_the_chapter(c: Comparison) -> None:
    assert [section.title for section in chapter.sections(c)] == [
        "A recurrent network by hand",
        "Recurrent layers in Keras",
        "Preparing the reviews",
        "SimpleRNN, trained",
        "LSTM, trained",
        "What the book says, what your run says",
        "Try it",
    ]
    assert chapter.sections(replace(c, chapter=None)) == []


def test_the_introduction_has_the_bag_of_words(c: Comparison) -> None:
    found = chapter.introduction(examples.with_yardstick(c, -0.03, -0.007))
    last = found[-1]
    assert isinstance(last, Paragraph)
    assert str(last.spans[0]).startswith("A bag of words, which counts words")
    assert len(found) == len(chapter.introduction(c)) + 1


def test_code_shapes_and_the_difference_from_keras_are_shown(c: Comparison) -> None:
    assert [block.text for block in blocks(c, "by-hand") if isinstance(block, Listing)] == [
        examples.chapter().loops[0].code
    ]
    assert ["np.concatenate(outputs)", "(6400,)", "the same numbers in one row, as the tutorial joins them"] in cells(
        c, "by-hand"
    )
    assert "of Keras's layer is 5.8e-07" in text(c, "by-hand")


def test_a_cell_that_was_not_trained_has_the_command_that_trains_it(c: Comparison) -> None:
    spans = wording.beside_keras(c, examples.chapter(), "gru")
    assert Code("uv run flows/main.py --models gru") in spans


def test_parameters_are_derived_as_keras_counts_them(c: Comparison) -> None:
    assert cells(c, "layers")[:2] == [
        ["Embedding", "(None, 500, 32)", "320,000", "10,000 · 32 = 320,000"],
        ["SimpleRNN", "(None, 500, 32)", "2,080", "32 · 32 + 32 · 32 + 32 = 2,080"],
    ]
    # Sizes that differ, so that inputs and units cannot be confused.
    lstm, simple = (LayerSummary(kind, (None, 5), count) for kind, count in (("LSTM", 180), ("SimpleRNN", 45)))
    assert wording.counted(lstm, 3) == f"4 · (3 · 5 + 5 · 5 + 5) = {4 * (3 * 5 + 5 * 5 + 5)}"
    assert wording.counted(simple, 3) == f"3 · 5 + 5 · 5 + 5 = {3 * 5 + 5 * 5 + 5}"


def test_a_review_is_shown_as_words_tokens_and_padding(c: Comparison) -> None:
    shown = text(c, "reviews")
    assert (
        "Test review 7, a short one, has 3 words and the label positive. With the start token, its 4 tokens follow 26"
        in shown
    )
    assert "55.5% of all timesteps are padding, and 8.4% of the reviews are longer" in shown
    (listing,) = [block for block in blocks(c, "reviews") if isinstance(block, Listing)]
    assert listing.text == "[0] * 26 +\n[1, 6, 9, 8]"


def test_the_first_and_the_last_epoch_are_beside_the_tutorials_only_if_the_run_is_like_it(c: Comparison) -> None:
    assert [row[:2] for row in cells(c, "network-lstm-seed1")] == [["1", "this run"], ["2", "this run"]]
    like = replace(c, reproduction=(Reproduction("lstm", 0.884, 0.88, 0.03),))
    assert [row[:3] for row in cells(like, "network-lstm-seed1")] == [
        ["1", "this run", "0.5000"],
        ["1", "tutorial", "0.5227"],
        ["2", "this run", "0.3000"],
        ["10", "tutorial", "0.1075"],
    ]
    assert "would have raised the test accuracy from 0.8800 to 0.9000" in text(c, "network-lstm-seed1")


@pytest.mark.parametrize(
    ("claim", "said"),
    [
        (
            "forgets",
            "With only the last 10 words of each review, LSTM is right on 60.0% and SimpleRNN on 60.0% of 100 reviews",
        ),
        ("vanishes", "the same network's gradient reaches 3 words"),
        (
            "vanishes",
            "largest eigenvalue rises from 1.00 to 1.12 and the mean slope falls from 0.98 to 0.88",
        ),
        ("vanishes", "It reaches 119 words after the first epoch and 310 words after the last"),
        ("survives", "and would reach 9 words with a bias of 0 and all 500 words with a bias of 3"),
        ("survives", "After training it reaches 212 words; the mean of the gate stays at 0.74"),
        ("survives", "through the gates alone it would reach 22 words. So the gates do not explain it"),
        ("farther", "kernel carries a gradient back 228 words, and LSTM's gate of 0.74 24 words"),
    ],
)
def test_each_claim_has_its_cause_with_the_numbers_that_show_it(c: Comparison, claim: Claim, said: str) -> None:
    assert said in str(causes.cause(long(c), examples.chapter(), claim))


def test_only_a_lead_that_grows_with_the_words_is_split(c: Comparison) -> None:
    def with_memory(near: float, whole: float) -> str:
        points = {"lstm": (MemoryPoint(10, examples.estimate(near)), MemoryPoint(30, examples.estimate(whole)))}
        explanations = tuple(replace(e, memory=points.get(e.name, e.memory)) for e in c.explanations)
        return str(causes.cause(replace(long(c), explanations=explanations), examples.chapter(), "forgets"))

    assert with_memory(0.63, 0.9).endswith("So 3.0 of the 10.0 points between them are there without earlier words.")
    for near, whole in ((0.75, 0.9), (0.55, 0.9), (0.63, 0.7)):  # The simple one has 60 % and 80 %.
        assert "points between them" not in with_memory(near, whole)
    short = replace(c, evidence=replace(c.evidence, findings=replace(c.evidence.findings, words=None)))
    assert causes.cause(short, examples.chapter(), "forgets") is None


def long(c: Comparison) -> Comparison:
    """The same with longer reviews, and with what networks remember of the last ten words as what is near."""
    findings = replace(c.evidence.findings, words=10)
    return replace(c, dataset=replace(c.dataset, max_length=500), evidence=replace(c.evidence, findings=findings))


def test_a_gate_that_training_opened_carries_the_gradient(c: Comparison) -> None:
    numbers = examples.chapter()
    last = replace(numbers.causes[1].moments[-1], gate=0.97, gate_words=200.0)
    lstm = replace(numbers.causes[1], moments=(*numbers.causes[1].moments[:2], last))
    opened = replace(numbers, causes=(numbers.causes[0], lstm))
    said = str(causes.cause(long(c), opened, "survives"))
    assert said.endswith(
        "the gate rises from 0.74 to 0.97, and through the gates alone it would reach 200 words. So the gates carry it."
    )


def test_a_cause_that_was_not_measured_is_not_named(c: Comparison) -> None:
    without = replace(examples.chapter(), causes=())
    assert [causes.cause(c, without, claim) for claim in why.CLAIMS] == [None] * len(why.CLAIMS)
    assert causes.cause(long(c), without, "forgets")  # Measured by `explain`.


def test_the_report_has_the_causes_folded_below_the_answers(c: Comparison) -> None:
    folded = next(
        block for block in all_blocks(report_sections(c)) if isinstance(block, Details) and "causes" in block.summary
    )
    (bullets,) = folded.blocks
    assert isinstance(bullets, Bullets)
    assert len(bullets.items) == 3
    assert "Claim: the gradient of SimpleRNN vanishes: it reaches fewer than 100 words. Keras starts" in str(
        bullets.items[0][0]
    )
    smoke = replace(c, settings=c.settings | {"run": {"smoke": True}})
    assert not any(
        isinstance(block, Details) and "causes" in block.summary for block in all_blocks(report_sections(smoke))
    )


def test_an_open_claim_has_the_command_that_would_decide_it(c: Comparison) -> None:
    shown = text(c, "book")
    assert "refuted at the initial weights; confirmed after the last epoch. Measured: 400.0" in shown
    assert "The answer depends on the moment" in shown
    assert Code("uv run flows/main.py --replicates 5") in (causes.to_decide(c, "longer") or ())
    assert causes.to_decide(c, "forgets") is None
    two = replace(c, evidence=replace(c.evidence, findings=replace(examples.findings(2), seeds=2)))
    assert Code("uv run flows/main.py --replicates 3") in (causes.to_decide(two, "longer") or ())


def test_without_a_pair_the_command_trains_both(c: Comparison) -> None:
    nothing = Findings("", "", 0, None, {}, ())
    assert "--models simple_rnn lstm" in text(replace(c, evidence=replace(c.evidence, findings=nothing)), "book")


def test_a_smoke_run_checks_no_claim(c: Comparison) -> None:
    smoke = replace(c, settings=c.settings | {"run": {"smoke": True}})
    assert text(smoke, "book").startswith("A smoke run")


def test_each_thing_to_try_is_a_question_with_a_command_and_its_time(c: Comparison) -> None:
    rows = cells(c, "try")
    assert len(rows) == 5
    for question, command, seconds in rows:
        assert question.endswith("?")
        assert command.startswith("uv run flows/main.py --")
        assert int(seconds) > 0


def test_html_and_the_ui_have_the_page_with_its_figures(c: Comparison) -> None:
    shown = {drawing.stem: drawing for section in chapter.sections(c) for drawing in drawings(section)}
    assert shown.keys() > FIGURES
    drawn = dict.fromkeys(shown, Picture(png(single(2, 1)[0]), "<svg></svg>"))
    drawn |= {stem: picture(shown[stem].draw(c)) for stem in FIGURES}
    page = report.chapter_html(c, drawn)
    assert page.count("<svg") == len(shown)
    assert "&lt;b&gt;film" in page
    assert "<b>" not in page
    assert re.findall(r"""(?:src|href)="((?!#|data:)[^"]*)""", page) == ["report.html"]
    markdown = report_artifacts(c, drawn)["report-chapter"]().content
    assert isinstance(markdown, str)
    assert "````python" not in markdown
    assert "```python\ndef simple_rnn():\n    return `<b>`\n```" in markdown
    assert "data:image" not in markdown


def drawings(section: Section) -> list[Drawing]:
    """The figures of a section."""
    return [block for block in every_block(section.blocks) if isinstance(block, Drawing)]


@pytest.mark.parametrize(("module", "name"), examples.functions(chapter, wording, causes))
def test_a_part_that_cannot_be_made_takes_nothing_else_away(
    module: ModuleType, name: str, c: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    anchors, parts = [section.anchor for section in chapter.sections(c)], len(all_blocks(chapter.sections(c)))

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("no reviews")

    if name not in ("sections", "all_sections", "all_drawings", "trained"):
        monkeypatch.setattr(module, name, fail)
    assert [section.anchor for section in chapter.sections(c)] == anchors
    assert len(all_blocks(chapter.sections(c))) >= parts - LOST.get(name, 5)
    drawn = {drawing.stem: Picture(b"", "") for drawing in chapter.all_drawings(c)}
    assert all("ZeroDivisionError, no reviews" in line for line in report.faults(c, drawn))


def all_blocks(sections: list[Section]) -> list[Block]:
    """All blocks of some sections."""
    return [block for section in sections for block in every_block(section.blocks)]


def test_the_report_links_to_the_page_if_there_is_one(c: Comparison) -> None:
    assert 'href="chapter.html"' in report.html(c, {})
    assert 'href="chapter.html"' not in report.html(replace(c, chapter=None), {})
    assert "chapter.html" in report.files(c, {})
    assert "chapter.html" not in report.files(replace(c, chapter=None), {})
