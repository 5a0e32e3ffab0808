"""The report in the Prefect UI: markdown artifacts with their figures inside, and a table."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from artifacts import report, tables
from artifacts.figures.comparison import trend
from artifacts.figures.render import Picture, data_uri, png
from artifacts.markup import escape_markdown
from artifacts.sections import pages
from artifacts.wording import report as wording
from tasks.results.comparison import Comparison
from tasks.results.run_log import RunSummary

Address = Callable[[str], str | None]  # What the image link of a figure points to, by its stem.
MAX_BYTES, HISTORY_ROWS = 2_000_000, 50


def publish(comparison: Comparison, drawn: Mapping[str, Picture]) -> None:
    """Publish the report to the current run: all of it in short, and a page for each question.

    The UI is slow beyond 2 MB: a larger page loses figures.
    """
    description = escape_markdown(wording.title(comparison))  # The UI renders it as markdown.
    text = within(MAX_BYTES, drawn, lambda address: report.markdown(comparison, address))
    create_markdown_artifact(text, key="report", description=description)
    for section in pages(comparison):
        text = within(MAX_BYTES, drawn, partial(report.markdown_page, comparison, section))
        about = f"{escape_markdown(section.title)} {description}"
        create_markdown_artifact(text, key=f"report-{section.anchor}", description=about)
    create_table_artifact(tables.networks(comparison).records(), key="comparison", description=description)


def publish_history(rows: Sequence[RunSummary]) -> None:
    """Publish the newest runs as a table and their trend as a figure, under keys that all runs share."""
    newest = tables.history(rows[-HISTORY_ROWS:])
    create_table_artifact(newest.records(), key="history", description="Runs, the newest last")
    picture = data_uri(png(trend(rows)))
    create_markdown_artifact(f"![Test accuracy over the runs]({picture})", key="trend", description="Runs over time")


def within(size: int, drawn: Mapping[str, Picture], write: Callable[[Address], str]) -> str:
    """Markdown with its figures inside; the largest are left out until it has at most `size` bytes."""
    stems = sorted(drawn, key=lambda stem: len(drawn[stem].png))
    while True:
        text = write(lambda stem: drawn[stem].data_uri if stem in stems else None)
        if len(text.encode()) <= size or not stems:
            return text
        stems.pop()
