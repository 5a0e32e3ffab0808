"""Artifacts in the Prefect UI: markdown with embedded figures, and tables."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from artifacts import report, tables
from artifacts.blocks import Section, Table
from artifacts.figures.render import Picture, data_uri, png
from artifacts.figures.scores import trend
from artifacts.markup import escape_markdown
from artifacts.sections import pages
from artifacts.wording import report as wording
from tasks.results.comparison import Comparison
from tasks.results.run_summary import RunSummary

ImageAddress = Callable[[str], str | None]  # As in `report.markdown`.
MAX_BYTES, HISTORY_ROWS = 2_000_000, 50


@dataclass(frozen=True)
class Artifact:
    """An artifact in the UI, under a key of lower-case letters, digits and dashes.

    Attributes:
        key: artifacts with the same key are versions of each other.
        content: markdown, or the rows of a table.
        description: one line of markdown.
    """

    key: str
    content: str | list[dict[str, Any]]
    description: str


Maker = Callable[[], Artifact]


def publish(artifact: Artifact) -> None:
    """Add an artifact to the current run."""
    if isinstance(artifact.content, str):
        create_markdown_artifact(artifact.content, key=artifact.key, description=artifact.description)
    else:
        rows = [{name: _cell(value) for name, value in row.items()} for row in artifact.content]
        create_table_artifact(rows, key=artifact.key, description=artifact.description)


def _cell(value: Any) -> Any:
    """A value of a table, which the UI renders as markdown if it is text."""
    return escape_markdown(value) if isinstance(value, str) else value


def report_artifacts(comparison: Comparison, drawn: Mapping[str, Picture]) -> dict[str, Maker]:
    """The report: a short version of the whole, a page for each question, and the comparison as a table.

    The UI is slow with pages beyond 2 MB, so figures are left out of larger ones.

    Returns:
        by its key, how to make each artifact.
    """
    description = escape_markdown(wording.title(comparison))  # The UI renders descriptions as markdown.

    def whole() -> Artifact:
        text = within(MAX_BYTES, drawn, lambda address: report.markdown(comparison, address))
        return Artifact("report", text, description)

    def page(section: Section) -> Artifact:
        text = within(MAX_BYTES, drawn, partial(report.markdown_page, comparison, section))
        return Artifact(f"report-{section.anchor}", text, f"{escape_markdown(section.title)} {description}")

    questions = {f"report-{section.anchor}": partial(page, section) for section in pages(comparison)}
    table = partial(_table, "comparison", lambda: tables.networks(comparison), description)
    return {"report": whole, **questions, "comparison": table}


def history_artifacts(rows: Sequence[RunSummary]) -> dict[str, Maker]:
    """The newest runs as a table and the trend as a figure, under keys that all runs share.

    Returns:
        by its key, how to make each artifact.
    """

    def shown() -> Artifact:
        picture = data_uri(png(trend(rows)))
        return Artifact("trend", f"![Test accuracy over the runs]({picture})", "Runs over time")

    newest = partial(_table, "history", lambda: tables.history(rows[-HISTORY_ROWS:][::-1]), "Runs, the newest first")
    return {"history": newest, "trend": shown}


def _table(key: str, make: Callable[[], Table[Any]], description: str) -> Artifact:
    return Artifact(key, make().records(), description)


def within(size: int, drawn: Mapping[str, Picture], write: Callable[[ImageAddress], str]) -> str:
    """Markdown with embedded figures; the largest are left out until the text has at most `size` bytes."""
    stems = sorted(drawn, key=lambda stem: len(drawn[stem].png))
    while True:
        text = write(lambda stem: _address(stem, stems, drawn))
        if len(text.encode()) <= size or not stems:
            return text
        stems.pop()


def _address(stem: str, stems: Sequence[str], drawn: Mapping[str, Picture]) -> str | None:
    if stem not in drawn:
        return ""
    return drawn[stem].data_uri if stem in stems else None
