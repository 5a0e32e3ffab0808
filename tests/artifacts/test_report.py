import html
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from markdown_it import MarkdownIt
from PIL import Image
from playwright.sync_api import Page, expect

from artifacts import report
from artifacts.figures.render import Picture
from artifacts.figures.style import MODEL_COLOURS
from artifacts.pages import own_source
from tasks.analysis.reader_page import open_reader
from tasks.analysis.reviews import choose_reviews
from tasks.compare import compare
from tasks.data.imdb_npz import write_imdb_npz
from tasks.evaluate import evaluate
from tasks.explain import explain
from tasks.job import Job
from tasks.models.spec import TrainingPlan, preset
from tasks.prepare import prepare
from tasks.results.comparison import Comparison
from tasks.results.data import Source
from tasks.results.export import ReaderPage
from tasks.train import train
from tasks.yardstick import yardstick
from tests.artifacts import examples
from tests.conftest import random_reviews

NASTY = '<script>alert(1)</script> | `code` ![x](http://e) [l](javascript:1) **b** & "q"'


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """Two networks, trained; data that look like markup are in it."""
    folder = tmp_path_factory.mktemp("report")
    write_imdb_npz(folder / "imdb.npz", random_reviews(120), random_reviews(60, seed=1))
    dataset = prepare(Source("sample", folder / "imdb.npz", "0" * 64, NASTY), 50, 30, None, folder / "data")
    plan = TrainingPlan(epochs=2, batch_size=16, learning_rate=0.01, validation=0.25)
    jobs = [Job(preset(name, 4, 4, 0.0), plan, dataset, 1, folder / "models") for name in ("simple_rnn", "lstm")]
    branches = [train(job) for job in jobs]
    evaluations = [evaluate(job, branch) for job, branch in zip(jobs, branches, strict=True)]
    chosen = choose_reviews(evaluations)
    explanations = [explain(job, branch, chosen) for job, branch in zip(jobs, branches, strict=True)]
    compared = compare(
        dataset,
        branches,
        evaluations,
        explanations,
        chosen,
        yardstick(dataset, 0.25, "none"),
        run="20260101-000000-abc",
        settings={"training": {"validation": 0.25}},
        command="python flows/main.py",
    )
    return with_markup(replace(compared, durations={"fetch": 1.0}))


def with_markup(comparison: Comparison) -> Comparison:
    """The comparison with a review that holds a script, and with an example that holds markup of every kind."""
    evidence = comparison.evidence
    nasty = replace(evidence.disagreements[0], words=("<script>alert(2)</script>",))
    trace = replace(evidence.traces[0], review=nasty, lines={"lstm": (0.5,)})
    evidence = replace(evidence, disagreements=(nasty,), traces=(trace, *evidence.traces[1:]))
    dataset = replace(comparison.dataset, example=NASTY, imdb=False, labels=("schlecht", "gut"))
    return examples.with_suspects(replace(comparison, evidence=evidence, dataset=dataset), NASTY)


@pytest.fixture(scope="module")
def files(comparison: Comparison) -> dict[str, bytes]:
    """The report's files."""
    return made(comparison, examples.pictures(comparison))


def made(comparison: Comparison, drawn: dict[str, Picture], reader: ReaderPage | None = None) -> dict[str, bytes]:
    """The content of the report's files."""
    return {name: make() for name, make in report.files(comparison, drawn, reader).items()}


def test_holds_every_file(files: dict[str, bytes]) -> None:
    stems = [
        "calibration", "confusion", "curves", "lengths", "memory", "precision-recall", "reach", "roc", "traces",
        *(f"{name}-seed1-{curve}" for name in ("lstm", "simple_rnn") for curve in ("accuracy", "loss")),
    ]  # fmt: skip
    expected = {f"{stem}.{kind}" for stem in stems for kind in ("png", "svg")} | {
        "report.md",
        "summary.txt",
        "report.html",
        "metrics.json",
    }
    assert set(files) == expected
    assert all(files[f"{stem}.png"].startswith(b"\x89PNG") for stem in stems)


def test_numbers_are_those_of_the_evaluation(files: dict[str, bytes], comparison: Comparison) -> None:
    metrics = json.loads(files["metrics.json"])
    for found, evaluation in zip(metrics["evaluations"], comparison.evaluations, strict=True):
        assert found["last"]["accuracy"] == evaluation.last.accuracy
        assert f"{evaluation.last.accuracy:.4f}" in files["report.md"].decode()
        assert f"{evaluation.last.accuracy:.4f}" in files["report.html"].decode()


def test_the_sample_is_named_in_title_warning_and_figures(files: dict[str, bytes], comparison: Comparison) -> None:
    markdown = files["report.md"].decode()
    assert "bundled sample" in markdown.splitlines()[0]
    assert "made-up reviews" in markdown
    for figure in (drawing.draw(comparison) for drawing in report.all_drawings(comparison)):
        texts = [text.get_text() for text in figure.findobj(match=lambda artist: hasattr(artist, "get_text"))]
        assert any("bundled sample" in text for text in texts)


def test_labels_are_called_as_the_data_call_them(files: dict[str, bytes]) -> None:
    page = files["report.html"].decode()
    assert "probability of “gut”" in page
    for text in (
        page.replace("True positive rate", "").replace("False positive rate", ""),
        files["report.md"].decode(),
    ):
        assert not re.search("positive|“negative|: negative", re.sub("--(?:positive|negative)", "", text))


def test_text_from_data_is_no_markup_in_html(files: dict[str, bytes]) -> None:
    page = files["report.html"].decode()
    assert page.count("<script") == 1  # Ours, which sorts tables.
    for number in (1, 2):
        assert f"&lt;script&gt;alert({number})" in page


def test_text_from_data_is_no_markup_in_markdown(files: dict[str, bytes]) -> None:
    markdown = files["report.md"].decode()
    assert "<script" not in markdown
    assert len(re.findall(r"!\[", markdown)) == 13
    assert r"\`code\`" in markdown
    page = MarkdownIt("commonmark").enable("table").render(markdown)
    assert not re.findall(r"<(?:a|script|iframe)\b|<img src=\"(?![a-z0-9_-]+\.png\")", page)


def test_the_markdown_is_readable_as_it_is(files: dict[str, bytes]) -> None:
    markdown = files["report.md"].decode()
    assert r"\:" not in markdown
    assert not re.findall(r"&lt;(?!/?script)", markdown)
    assert ":---" in markdown  # Text columns are left-aligned, their heads too.


def test_markdown_tables_have_a_blank_line_before_them(files: dict[str, bytes]) -> None:
    lines = files["report.md"].decode().splitlines()
    assert sum(line.startswith("|:---") for line in lines) == 12
    for number, line in enumerate(lines):
        if line.startswith("|:---"):
            assert lines[number - 2] == "", lines[number - 2 : number + 1]
        if line.startswith("#") and number:
            assert lines[number - 1] == "", line


def test_html_and_markdown_show_the_same_sections_and_tables(files: dict[str, bytes]) -> None:
    page, markdown = html.unescape(files["report.html"].decode()), files["report.md"].decode()
    for tag, sign in (("h2", "## "), ("h3", "### ")):
        headings = re.findall(rf"<{tag}[^>]*>(.*?)</{tag}>", page)
        shown = [line.removeprefix(sign) for line in markdown.splitlines() if line.startswith(sign)]
        # What markdown leaves out is folded in HTML.
        assert [heading for heading in headings if heading in shown] == shown
        assert set(headings) - set(shown) <= {"The most confident errors", "Where networks disagree most"}
    heads = [re.findall(r"<th[^>]*>(.*?)</th>", table) for table in re.findall(r"<table>.*?</table>", page, re.DOTALL)]
    lines = markdown.splitlines()
    above = [lines[number - 1] for number, line in enumerate(lines) if line.startswith("|:---")]
    assert [f"| {' | '.join(row)} |" for row in heads] == above


def test_the_bag_of_words_is_below_the_networks_a_line_apart(files: dict[str, bytes], comparison: Comparison) -> None:
    assert comparison.yardstick
    accuracy = f"{comparison.yardstick.yardstick.accuracy.value:.4f}"
    foot = re.search(r"<tfoot>(.*?)</tfoot>", files["report.html"].decode(), re.DOTALL)
    assert foot
    assert "bag of words" in foot[1]
    assert accuracy in foot[1]
    assert re.search(rf"\| LSTM \|.*\n\| bag of words \| {accuracy}", files["report.md"].decode())
    assert json.loads(files["metrics.json"])["yardstick"]["last"][1]["name"] == "lstm"


def test_metrics_hold_what_other_programs_read(files: dict[str, bytes]) -> None:
    metrics = json.loads(files["metrics.json"])
    assert {"branches", "evaluations", "evidence", "settings", "dataset", "durations"} <= set(metrics)
    assert "roc" not in metrics["evaluations"][0]["last"]
    (tn, fp), (fn, tp) = metrics["evaluations"][0]["last"]["confusion"]
    assert tn + fp + fn + tp == 60


def test_the_html_needs_nothing_from_elsewhere(files: dict[str, bytes]) -> None:
    page = files["report.html"].decode()
    assert not re.findall(r'(?:src|href)="(?!#|data:)[^"]*"', page)
    assert page.count("<svg") == 13
    assert len(re.findall(r'\bid="([^"]+)"', page)) == len(set(re.findall(r'\bid="([^"]+)"', page)))


@pytest.fixture(scope="module")
def address(files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> str:
    """Address of the HTML report as a file."""
    path: Path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_bytes(files["report.html"])
    return path.as_uri()


def test_a_browser_shows_a_review_with_a_script_as_text(address: str, page: Page) -> None:
    said: list[str] = []
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    page.on("console", lambda message: said.append(message.text))
    page.goto(address)
    page.locator("details").evaluate_all("all => all.forEach(one => { one.open = true })")
    expect(page.get_by_text("<script>alert(2)</script>").first).to_be_visible()
    assert said == []


def test_a_click_on_a_head_sorts_the_table(address: str, page: Page) -> None:
    page.goto(address)
    table = page.locator("table").first
    shown = table.locator("tbody tr td:first-child")
    head = table.get_by_role("button", name="Parameters")
    head.click()
    assert shown.all_inner_texts() == ["LSTM", "SimpleRNN"]
    head.click()
    assert shown.all_inner_texts() == ["SimpleRNN", "LSTM"]
    expect(table.locator("th[aria-sort=ascending]")).to_have_text("Parameters")


@pytest.mark.parametrize("width", [390, 1300])
def test_nothing_is_wider_than_the_screen(address: str, page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(address)
    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize(("scheme", "brighter"), [("dark", True), ("light", False)])
def test_the_page_follows_the_readers_scheme(
    address: str, page: Page, scheme: Literal["dark", "light"], brighter: bool
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto(address)
    colours = "(style => [style.color, style.backgroundColor])(getComputedStyle(document.body))"
    text, ground = (sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in page.evaluate(colours))
    assert (text > ground) == brighter


def test_the_reader_is_a_page_of_its_own_to_which_the_report_links(comparison: Comparison) -> None:
    reader = open_reader(comparison)
    without_words = made(comparison, {}, reader)
    assert "reader.html" not in without_words
    assert b"the data came without a word index" in without_words["report.html"]
    with_words = made(comparison, {}, replace(reader, ranks={"film": 1}))
    assert b"Watch the networks read" in with_words["reader.html"]
    assert b'<a href="reader.html">' in with_words["report.html"]


@pytest.mark.parametrize(("scheme", "bright"), [("dark", False), ("light", True)])
def test_figures_do_not_glare(address: str, page: Page, scheme: Literal["dark", "light"], bright: bool) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto(address)
    with Image.open(io.BytesIO(page.locator("figure svg").last.screenshot())) as image:
        ground = image.convert("L").getpixel((3, 3))
    assert (ground > 250) if bright else (ground < 50)


@pytest.mark.parametrize(("width", "hints"), [(390, True), (1300, False)])
def test_what_scrolls_sideways_says_so(address: str, page: Page, width: int, hints: bool) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(address)
    wide = page.locator(".wide").filter(has=page.locator("table")).first
    if hints:
        expect(wide).to_have_class(re.compile("scrolls"))
        hint = wide.evaluate("block => getComputedStyle(block, '::before').content")
        assert "Scroll sideways" in hint
    else:
        expect(wide).not_to_have_class(re.compile("scrolls"))


def test_sentiment_has_colours_of_its_own() -> None:
    css = own_source("report.css")
    sentiment = re.findall(r"--(?:negative|positive): (\d+) (\d+) (\d+)", css)
    models = {tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5)) for colour in MODEL_COLOURS}
    assert len(sentiment) >= 2
    assert models.isdisjoint({tuple(map(int, colour)) for colour in sentiment})
    assert not re.search(r"\.q\d+ [^}]*rgba?\(\d", css)
