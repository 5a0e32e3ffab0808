import re
from dataclasses import replace
from typing import Any

import pytest
from markdown_it import MarkdownIt

from artifacts import publish
from artifacts.figures.render import Picture
from artifacts.report import markdown
from tasks.results.comparison import Comparison
from tasks.results.run_summary import RunSummary
from tests.artifacts import examples


@pytest.fixture(scope="module")
def c() -> Comparison:
    """Two models with a seed each."""
    return examples.comparison()


@pytest.fixture(scope="module")
def drawn(c: Comparison) -> dict[str, Picture]:
    """Every figure, drawn."""
    return examples.pictures(c)


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What is published, by key."""
    artifacts: dict[str, Any] = {}
    for kind in ("markdown", "table"):

        def create(content: Any, key: str, **_: Any) -> None:
            artifacts[key] = content

        monkeypatch.setattr(publish, f"create_{kind}_artifact", create)
    return artifacts


def publish_all(makers: dict[str, publish.Maker]) -> None:
    """Make and publish artifacts, each under its key."""
    for key, make in makers.items():
        artifact = make()
        assert artifact.key == key
        publish.publish(artifact)


def images(markdown: str) -> int:
    """How many figures are in it."""
    return len(re.findall(r"!\[", markdown))


def test_the_published_markdown_loses_its_largest_figures_where_it_would_be_too_large(
    c: Comparison, drawn: dict[str, Picture]
) -> None:
    def within(size: int) -> str:
        return publish.within(size, drawn, lambda address: markdown(c, address))

    whole = within(2_000_000)
    assert images(whole) == len(drawn) == 13
    smaller = within(len(whole.encode()) - 1)
    largest = max(drawn, key=lambda stem: len(drawn[stem].png))
    assert images(smaller) == 12
    assert f"{largest}.png is in the run" in smaller
    assert images(within(0)) == 0


def test_the_report_a_page_for_each_question_and_the_table_are_published(
    c: Comparison, drawn: dict[str, Picture], published: dict[str, Any]
) -> None:
    publish_all(publish.report_artifacts(c, drawn))
    assert images(published["report"]) == 1
    assert published["report"].startswith("# SimpleRNN and LSTM on the IMDB reviews")
    assert [row["network"] for row in published["comparison"]] == ["SimpleRNN", "LSTM"]
    questions = {key.removeprefix("report-") for key in published if key.startswith("report-")}
    assert questions == {"which", "sure", "why", "failed", "learned", "made", "reading"}
    assert published["report-which"].startswith("# Which network? · SimpleRNN and LSTM on the IMDB reviews")
    assert sum(images(published[f"report-{question}"]) for question in questions) == len(drawn) - 1


def test_the_pages_hold_what_the_short_report_leaves_out(
    c: Comparison, drawn: dict[str, Picture], published: dict[str, Any]
) -> None:
    publish_all(publish.report_artifacts(c, drawn))
    assert "a fine film" in published["report-failed"]
    assert "a fine film" not in re.sub(r"(?m)^The end of .*$", "", published["report"])
    assert re.search(r"LSTM .*: a ⟨50%⟩ fine ⟨70%⟩ film ⟨90%⟩", published["report-reading"])
    assert "data:image/webp" not in re.sub(r"!\[[^]]*\]\([^)]*\)", "", published["report-reading"])
    assert "training.epochs" in published["report-made"]


def test_a_file_name_is_no_markup_in_any_artifact(
    c: Comparison, drawn: dict[str, Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    for kind in ("markdown", "table"):

        def create(content: Any, description: str, **_: Any) -> None:
            written.append(description)
            if isinstance(content, str):
                written.append(content)

        monkeypatch.setattr(publish, f"create_{kind}_artifact", create)
    source = replace(c.dataset.source, path=c.dataset.source.path.with_name("x`\r\r![p](www.e.org).npz"))
    hostile = replace(c, dataset=replace(c.dataset, imdb=False, source=source), command="x\r\r![p](http://e/p.png)")
    publish_all(publish.report_artifacts(hostile, drawn))
    for text in written:
        page = MarkdownIt("commonmark").enable("table").render(text)
        assert not re.findall(r"<a\b|<img src=\"(?!data:image/webp)", page)
        assert "\r" not in text


def test_the_newest_runs_are_published_with_their_trend(published: dict[str, Any]) -> None:
    rows = [RunSummary(str(n), 1.0, "IMDB", "f", 1, {"lstm": 0.8}, 3.5, {}, {}, {}, "x") for n in range(60)]
    publish_all(publish.history_artifacts(rows))
    assert [row["run"] for row in published["history"]] == [str(n) for n in range(59, 9, -1)]
    assert published["trend"].startswith("![Test accuracy over the runs](data:image/webp;base64,")


def test_text_in_a_table_is_no_markup(published: dict[str, Any]) -> None:
    rows = [{"file": "![x](https://evil.example/p.png)", "rows": 3, "share": None}]
    publish.publish(publish.Artifact("scores-sure", rows, "sure"))
    (row,) = published["scores-sure"]
    assert "![x](" not in row["file"]
    assert (row["rows"], row["share"]) == (3, None)
