"""The report as files: figures, `report.md`, a self-contained `report.html`, `summary.txt` and `metrics.json`."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from jinja2 import Template
from markupsafe import Markup, escape

from artifacts import pages
from artifacts.blocks import Block, Drawing, Paragraph, Section, unfolded, without_details
from artifacts.figures.render import Picture
from artifacts.markup import escape_markdown, html_spans, markdown_spans
from artifacts.pages import own_source, policy_hash, template_environment
from artifacts.sections import all_drawings, introduction, left_out, sections
from artifacts.terminal import summary
from artifacts.wording import report as wording
from artifacts.wording.report import about_reader
from tasks.results.comparison import Comparison
from tasks.results.export import ReaderPage
from tasks.storage.layout import METRICS, READER, REPORT, REPORT_MARKDOWN, SUMMARY

Content = Callable[[], bytes]


def files(comparison: Comparison, drawn: Mapping[str, Picture], reader: ReaderPage | None = None) -> dict[str, Content]:
    """The whole report: for each file in the run's folder, how to make its content. The reader is a separate page."""
    content: dict[str, Content] = {}
    for stem, picture in drawn.items():
        content |= {f"{stem}.png": partial(bytes, picture.png), f"{stem}.svg": picture.svg.encode}
    content |= {
        METRICS: lambda: _json(metrics(comparison)),
        SUMMARY: lambda: summary(comparison).encode(),
        REPORT_MARKDOWN: lambda: markdown(comparison, lambda stem: f"{stem}.png" if stem in drawn else "").encode(),
        REPORT: lambda: html(comparison, drawn, reader).encode(),
    }
    if reader and reader.is_usable:
        content[READER] = lambda: pages.reader_html(reader).encode()
    return content


def faults(comparison: Comparison, drawn: Mapping[str, Picture]) -> list[str]:
    """Which parts of the report could not be made or drawn; each is a sentence."""
    stems = [drawing.stem for drawing in all_drawings(comparison)]
    return [*left_out(comparison), *(wording.not_drawn(stem) for stem in stems if stem not in drawn)]


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def markdown(comparison: Comparison, address: Callable[[str], str | None]) -> str:
    """The report as markdown, without the parts that need folding or colours.

    `address` maps a figure's stem to the target of its image link: None leaves the figure out, "" says that it could
    not be drawn.
    """

    text = _markdown_template(address, without_details).render(
        title=wording.title(comparison),
        introduction=introduction(comparison),
        more_in_html=wording.more_in_html(comparison),
        sections=sections(comparison),
    )
    return _tidy(text)


def markdown_page(comparison: Comparison, section: Section, address: Callable[[str], str | None]) -> str:
    """One section as a complete markdown page; parts that HTML folds are unfolded."""
    text = _markdown_template(address, unfolded).render(
        title=f"{section.title} · {wording.title(comparison)}",
        introduction=introduction(comparison),
        more_in_html="",
        sections=[replace(section, title="")],
    )
    return _tidy(text)


def _markdown_template(address: Callable[[str], str | None], shown: Callable[[Sequence[Block]], Any]) -> Template:
    def image(drawing: Drawing) -> str:
        target = address(drawing.stem)
        if not target:
            return wording.left_out(drawing.stem) if target is None else wording.not_drawn(drawing.stem)
        return f"![{escape_markdown(drawing.caption)}]({target})"

    environment = template_environment(autoescape=False)
    environment.filters |= {"md": escape_markdown, "spans": markdown_spans, "shown": shown}
    environment.globals["image"] = image
    return environment.get_template("report.md.j2")


def _tidy(text: str) -> str:
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def html(comparison: Comparison, drawn: Mapping[str, Picture], reader: ReaderPage | None = None) -> str:
    """The whole report as one HTML file with embedded figures and a link to the reader.

    Its content policy lets only our script for sorting tables run, whatever the data contain.
    """

    def image(drawing: Drawing) -> Markup:
        if drawing.stem not in drawn:
            return escape(wording.not_drawn(drawing.stem))
        # Ids must be unique, because all figures share one document.
        svg = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{drawing.stem}-", drawn[drawing.stem].svg)
        labelled = svg.replace("<svg", f'<svg role="img" aria-label="{escape(drawing.caption)}"', 1)
        return Markup(labelled)  # noqa: S704 -- made by matplotlib, which escapes text

    link = [Paragraph(about_reader(reader))] if reader else []
    script = own_source("sort.js")
    environment = template_environment(autoescape=True)
    environment.filters["spans"] = html_spans
    return environment.get_template("report.html.j2").render(
        title=wording.title(comparison),
        introduction=[*introduction(comparison), *link],
        how_to_sort=wording.HOW_TO_SORT,
        sections=sections(comparison),
        image=image,
        style=own_source("report.css"),
        script=script,
        script_hash=policy_hash(script),
    )


def metrics(comparison: Comparison) -> dict[str, Any]:
    """Everything in the report, as plain values, except long curves, which the predictions file determines."""
    value: dict[str, Any] = _plain(asdict(comparison))
    for evaluation in value["evaluations"]:
        for point in ("last", "best"):
            del evaluation[point]["roc"], evaluation[point]["precision_recall"]
    for line, reproduction in zip(value["reproduction"], comparison.reproduction, strict=True):
        line["reproduced"] = reproduction.reproduced
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
