"""The report in the Prefect UI: one markdown artifact with its figures inside, one table, one link."""

from collections.abc import Mapping, Sequence

from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from artifacts import report, tables
from artifacts.figures.comparison import trend
from artifacts.figures.render import Picture, data_uri, png
from artifacts.wording import report as wording
from tasks.results.comparison import Comparison
from tasks.results.run_log import RunSummary

MAX_BYTES, HISTORY_ROWS = 2_000_000, 50


def publish(comparison: Comparison, drawn: Mapping[str, Picture], page: str) -> None:
    """Publish the report to the current run. The UI is slow beyond 2 MB: a larger report loses figures."""
    title = wording.title(comparison)
    create_markdown_artifact(markdown_within(MAX_BYTES, comparison, drawn), key="report", description=title)
    create_table_artifact(tables.networks(comparison).records(), key="comparison", description=title)
    create_link_artifact(page, link_text="report.html", key="report-html", description="The whole report as one file")


def publish_history(rows: Sequence[RunSummary]) -> None:
    """Publish the newest runs as a table and their trend as a figure, under keys that all runs share."""
    newest = tables.history(rows[-HISTORY_ROWS:])
    create_table_artifact(newest.records(), key="history", description="Runs, the newest last")
    picture = data_uri(png(trend(rows)))
    create_markdown_artifact(f"![Test accuracy over the runs]({picture})", key="trend", description="Runs over time")


def markdown_within(size: int, comparison: Comparison, drawn: Mapping[str, Picture]) -> str:
    """The report as markdown with its figures inside; the largest are left out until it has at most `size` bytes."""
    stems = sorted(drawn, key=lambda stem: len(drawn[stem].png))
    while True:
        text = report.markdown(comparison, lambda stem: drawn[stem].data_uri if stem in stems else None)
        if len(text.encode()) <= size or not stems:
            return text
        stems.pop()
