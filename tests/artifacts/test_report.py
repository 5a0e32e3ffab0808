import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from artifacts import report
from artifacts.figures import training as figures
from artifacts.publish import within
from tasks.analysis.reviews import choose_reviews
from tasks.compare import compare
from tasks.evaluate import evaluate_branch
from tasks.explain import explain_branch
from tasks.models.spec import TrainingPlan, preset
from tasks.results.comparison import Comparison
from tasks.results.data import Dataset
from tasks.train import Job, train_branch

NASTY = '<script>alert(1)</script> | `code` ![x](http://e) [l](javascript:1) **b** & "q"'


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    from tasks.data.imdb_npz import write_imdb_npz
    from tasks.prepare import prepare_dataset
    from tasks.results.data import Source
    from tests.conftest import random_reviews

    folder = tmp_path_factory.mktemp("report")
    write_imdb_npz(folder / "imdb.npz", random_reviews(120), random_reviews(60, seed=1))
    dataset = prepare_dataset(Source("sample", folder / "imdb.npz", "0" * 64, NASTY), 50, 30, None, folder / "data")
    plan = TrainingPlan(2, 16, 0.01, 0.25)
    branches = [
        train_branch(Job(preset(n, 4, 4, 0.0), plan, dataset, 1, folder / "models")) for n in ("simple_rnn", "lstm")
    ]
    evaluations = [evaluate_branch(branch, dataset, 0.25) for branch in branches]
    chosen = choose_reviews(evaluations)
    explanations = [explain_branch(branch, dataset, chosen) for branch in branches]
    settings: dict[str, object] = {"training": {"validation": 0.25}}
    command = "python flows/main.py"
    made = compare(
        "20260101-000000-abc", dataset, branches, evaluations, explanations, chosen, settings, command, {"fetch": 1.0}
    )
    nasty = replace(made.evidence.disagreements[0], words=("<script>alert(2)</script>",), reason=NASTY)
    trace = replace(made.evidence.traces[0], text=nasty, lines={"lstm": (0.5,)})
    evidence = replace(made.evidence, disagreements=(nasty,), traces=(trace, *made.evidence.traces[1:]))
    return replace(made, evidence=evidence, dataset=replace(dataset, example=NASTY, imdb=False))


@pytest.fixture(scope="module")
def files(comparison: Comparison) -> dict[str, bytes]:
    return report.files(comparison, pictures(comparison))


def pictures(comparison: Comparison) -> dict[str, figures.Picture]:
    """Every figure, drawn."""
    return {stem: figures.picture(figure) for stem, figure in figures.all_figures(comparison).items()}


def test_holds_every_file(files: dict[str, bytes]) -> None:
    stems = [
        "calibration", "confusion", "curves", "lengths", "memory", "precision-recall", "reach", "roc", "traces",
        *(f"{name}-seed1-{curve}" for name in ("lstm", "simple_rnn") for curve in ("accuracy", "loss")),
    ]  # fmt: skip
    expected = {f"{stem}.{kind}" for stem in stems for kind in ("png", "svg")} | {
        "report.md",
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
    for figure in figures.all_figures(comparison).values():
        texts = [text.get_text() for text in figure.findobj(match=lambda artist: hasattr(artist, "get_text"))]
        assert any("bundled sample" in text for text in texts)


def test_text_from_data_is_no_markup_in_html(files: dict[str, bytes]) -> None:
    page = files["report.html"].decode()
    assert page.count("<script") == 1  # Ours, which sorts tables.
    for number in (1, 2):
        assert f"&lt;script&gt;alert({number})" in page


def test_text_from_data_is_no_markup_in_markdown(files: dict[str, bytes]) -> None:
    markdown = files["report.md"].decode()
    assert "<script" not in markdown
    assert len(re.findall(r"!\[", markdown)) == 13
    assert "javascript:" not in markdown
    assert r"\`code\`" in markdown


def test_markdown_tables_have_a_blank_line_before_them(files: dict[str, bytes]) -> None:
    lines = files["report.md"].decode().splitlines()
    for place, line in enumerate(lines):
        if line.startswith("|---"):
            assert lines[place - 2] == "", lines[place - 2 : place + 1]
        if line.startswith("#") and place:
            assert lines[place - 1] == "", line


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
    assert shown.all_inner_texts() == ["lstm", "simple_rnn"]
    head.click()
    assert shown.all_inner_texts() == ["simple_rnn", "lstm"]
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


def test_the_published_markdown_loses_its_largest_figures_where_it_would_be_too_large(comparison: Comparison) -> None:
    drawn = pictures(comparison)
    whole = within(2_000_000, comparison, drawn)
    assert len(re.findall(r"!\[", whole)) == 13
    smaller = within(len(whole.encode()) - 1, comparison, drawn)
    largest = max(drawn, key=lambda stem: len(drawn[stem].png))
    assert len(re.findall(r"!\[", smaller)) == 12
    assert f"{largest}.png is in the run" in smaller


def test_the_reproduction_card_stands_for_imdb_only(comparison: Comparison) -> None:
    from tasks.compare import reproduction

    assert comparison.reproduction == ()
    card = reproduction(comparison.branches)
    assert [(line.name, line.tutorial) for line in card] == [("simple_rnn", 0.816), ("lstm", 0.884)]
    assert not replace(card[0], ours=0.785).reproduced
    assert replace(card[0], ours=0.787).reproduced
    page = report.html(replace(comparison, reproduction=card), pictures(comparison))
    assert "Does it reproduce the tutorial?" in page


def test_the_table_holds_plain_values(comparison: Comparison) -> None:
    rows = report.table(comparison)
    assert [type(value) for value in rows[0].values()] == [
        type(value) for value in json.loads(json.dumps(rows))[0].values()
    ]


def test_dataset_title_prefers_imdb(dataset: Dataset) -> None:
    assert replace(dataset, imdb=True).title == "IMDB reviews"
