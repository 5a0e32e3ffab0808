import re
from pathlib import Path
from typing import Any

import pytest

from artifacts import publish
from artifacts.figures.render import Picture, picture
from artifacts.sections import all_figures
from tasks.results.comparison import Comparison
from tasks.results.run_log import RunSummary
from tests.artifacts import examples


@pytest.fixture(scope="module")
def c() -> Comparison:
    """Two models with a seed each."""
    return examples.comparison()


@pytest.fixture(scope="module")
def drawn(c: Comparison) -> dict[str, Picture]:
    """Every figure, drawn."""
    return {stem: picture(figure) for stem, figure in all_figures(c).items()}


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What is published, by key."""
    artifacts: dict[str, Any] = {}
    for kind in ("link", "markdown", "table"):

        def create(content: Any, key: str, **_: Any) -> None:
            artifacts[key] = content

        monkeypatch.setattr(publish, f"create_{kind}_artifact", create)
    return artifacts


def images(markdown: str) -> int:
    """How many figures are in it."""
    return len(re.findall(r"!\[", markdown))


def test_the_published_markdown_loses_its_largest_figures_where_it_would_be_too_large(
    c: Comparison, drawn: dict[str, Picture]
) -> None:
    whole = publish.markdown_within(2_000_000, c, drawn)
    assert images(whole) == len(drawn) == 13
    smaller = publish.markdown_within(len(whole.encode()) - 1, c, drawn)
    largest = max(drawn, key=lambda stem: len(drawn[stem].png))
    assert images(smaller) == 12
    assert f"{largest}.png is in the run" in smaller
    assert images(publish.markdown_within(0, c, drawn)) == 0


def test_report_table_and_link_are_published(
    c: Comparison, drawn: dict[str, Picture], published: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "report.html").touch()
    publish.publish(c, drawn, tmp_path)
    assert published["report"].startswith("# simple_rnn and lstm on the IMDB reviews")
    assert [row["model"] for row in published["comparison"]] == ["lstm", "simple_rnn"]
    assert published["report-html"] == (tmp_path / "report.html").as_uri()
    assert "reader-html" not in published


def test_the_reader_is_linked_where_there_is_one(
    c: Comparison, drawn: dict[str, Picture], published: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "reader.html").touch()
    publish.publish(c, drawn, tmp_path)
    assert published["reader-html"] == (tmp_path / "reader.html").as_uri()


def test_the_newest_runs_are_published_with_their_trend(published: dict[str, Any]) -> None:
    rows = [RunSummary(str(n), 1.0, "IMDB", "f", 1, {"lstm": 0.8}, {}, 3.5, {}, {}, {}, "x") for n in range(60)]
    publish.publish_history(rows)
    assert [row["run"] for row in published["history"]] == [str(n) for n in range(10, 60)]
    assert published["trend"].startswith("![Test accuracy over the runs](data:image/png;base64,")
