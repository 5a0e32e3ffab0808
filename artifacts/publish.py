"""Artifacts in the Prefect UI: markdown with embedded figures, and tables."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, cast
from uuid import UUID

from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactUpdate
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, FlowRunFilterStartTime

from artifacts import report, sweep, tables
from artifacts.blocks import Section, Table
from artifacts.figures.render import Picture, data_uri, png
from artifacts.figures.scores import trend
from artifacts.markup import escape_markdown
from artifacts.sections import pages
from artifacts.wording import report as wording
from artifacts.wording import sweep as sweep_wording
from tasks.results.comparison import Comparison
from tasks.results.run_summary import RunSummary
from tasks.results.sweep import Sweep

ImageAddress = Callable[[str], str | None]  # As in `report.markdown`.
MAX_BYTES, HISTORY_ROWS = 2_000_000, 50
SHORT = ("curves",)  # The figures of the short version.
# The page of a sweep: bytes at its end and while it grows, the figures that grow, and the growth after which it is
# drawn again. The server keeps the newest page twice, and each in an event.
SWEEP_BYTES, GROWING_BYTES, GROWTH = 200_000, 40_000, 1.5
RUN_NAME, STAMP = re.compile(r"\d{8}-\d{6}-[0-9a-f]{8}"), len("20260101-000000")
AROUND, PAGE = timedelta(minutes=5), 200  # A run's folder is named some seconds after the run starts.


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


def unpublish(run: str) -> None:
    """Delete the artifacts of a run from the server's database, which otherwise only grows.

    Args:
        run: the name of its folder, which has the local time of its start and the first digits of its id.
    """
    if not RUN_NAME.fullmatch(run):
        return  # A folder that was renamed.
    began = datetime.strptime(run[:STAMP], "%Y%m%d-%H%M%S").astimezone()
    around = FlowRunFilterStartTime(after_=began - AROUND, before_=began + AROUND)
    with get_client(sync_client=True) as client:
        for found in client.read_flow_runs(flow_run_filter=FlowRunFilter(start_time=around), limit=PAGE):
            if str(found.id).startswith(run[STAMP + 1 :]):
                ours = FlowRunFilter(id=FlowRunFilterId(any_=[found.id]))
                while artifacts := client.read_artifacts(flow_run_filter=ours, limit=PAGE):
                    for artifact in artifacts:
                        client.delete_artifact(artifact.id)


def report_artifacts(comparison: Comparison, drawn: Mapping[str, Picture]) -> dict[str, Maker]:
    """The report: a short version of the whole, a page for each question, and the comparison as a table.

    Each figure of the report is on the page of its question; the short version has only the curves, the chapter none:
    the server keeps every picture twice. The UI is slow with pages beyond 2 MB, so figures are left out of larger ones.

    Returns:
        by its key, how to make each artifact.
    """
    description = escape_markdown(wording.title(comparison))  # The UI renders descriptions as markdown.

    def whole() -> Artifact:
        return Artifact("report", report.markdown(comparison, lambda stem: _address(stem, SHORT, drawn)), description)

    def page(section: Section) -> Artifact:
        text = within(MAX_BYTES, drawn, partial(report.markdown_page, comparison, section))
        return Artifact(f"report-{section.anchor}", text, f"{escape_markdown(section.title)} {description}")

    def chapter_page() -> Artifact:
        text = report.chapter_markdown(comparison, lambda stem: None if stem in drawn else "")
        return Artifact("report-chapter", text, f"The chapter, with this run's networks: {description}")

    questions: dict[str, Maker] = {f"report-{section.anchor}": partial(page, section) for section in pages(comparison)}
    if comparison.chapter:
        questions["report-chapter"] = chapter_page
    table = partial(_table, "comparison", lambda: tables.networks(comparison), description)
    return {"report": whole, **questions, "comparison": table}


def sweep_artifact(s: Sweep, drawn: Mapping[str, Picture], key: str = "sweep", size: int = SWEEP_BYTES) -> Artifact:
    """The page of a sweep; its largest figures are left out if it would have more than `size` bytes."""
    text = within(size, drawn, partial(sweep.markdown, s))
    return Artifact(key, text, escape_markdown(sweep_wording.title(s)))


class SweepPage:
    """The page of a sweep in the UI, which grows while the sweep runs."""

    def __init__(self) -> None:
        self._artifact: UUID | None = None
        self._shown = 0

    def grow(self, s: Sweep) -> bool:
        """Show the sweep so far, unless it has grown too little since the last time; whether it is shown."""
        if len(s.trials) < max(1, GROWTH * self._shown):
            return False
        drawn = {drawing.stem: Picture(png(drawing.draw(s)), "") for drawing in sweep.drawings(s)}
        self._show(sweep_artifact(s, drawn, size=GROWING_BYTES))
        self._shown = len(s.trials)
        return True

    def finish(self, s: Sweep, drawn: Mapping[str, Picture]) -> None:
        """Show the whole sweep, with the figures of its report."""
        self._show(sweep_artifact(s, drawn))

    def _show(self, artifact: Artifact) -> None:
        text = cast(str, artifact.content)
        if self._artifact is None:
            created = create_markdown_artifact(text, key=artifact.key, description=artifact.description)
            self._artifact = cast(UUID, created)
            return
        with get_client(sync_client=True) as client:
            client.update_artifact(self._artifact, ArtifactUpdate(data=text))


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
