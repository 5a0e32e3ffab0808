"""The report as files: figures, `report.md`, self-contained pages, `summary.txt` and `metrics.json`."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from jinja2 import Template
from markupsafe import Markup, escape

from artifacts import chapter, pages
from artifacts.blocks import Block, Drawing, Paragraph, Section, every_block, unfolded, without_details
from artifacts.chapter import all_drawings, all_sections
from artifacts.figures.render import Picture
from artifacts.markup import escape_markdown, html_spans, markdown_listing, markdown_spans
from artifacts.pages import own_source, policy_hash, template_environment
from artifacts.sections import introduction, overview, sections, warnings
from artifacts.terminal import summary
from artifacts.wording import report as wording
from artifacts.wording.chapter import ABOUT_REPORT, TITLE
from artifacts.wording.report import about_reader
from tasks.results.comparison import Comparison
from tasks.results.export import ReaderPage
from tasks.storage.layout import CHAPTER_PAGE, METRICS, READER, REPORT, REPORT_MARKDOWN, SUMMARY

Content = Callable[[], bytes]


def files(comparison: Comparison, drawn: Mapping[str, Picture], reader: ReaderPage | None = None) -> dict[str, Content]:
    """The whole report: for each file in the run's folder, how to make its content. The reader is a separate page."""
    content = figure_files(drawn) | {
        METRICS: lambda: json_bytes(metrics(comparison)),
        SUMMARY: lambda: summary(comparison).encode(),
        REPORT_MARKDOWN: lambda: markdown(comparison, lambda stem: f"{stem}.png" if stem in drawn else "").encode(),
        REPORT: lambda: html(comparison, drawn, reader).encode(),
    }
    if comparison.chapter:
        content[CHAPTER_PAGE] = lambda: chapter_html(comparison, drawn).encode()
    if reader and reader.is_usable:
        content[READER] = lambda: pages.reader_html(reader).encode()
    return content


def faults(comparison: Comparison, drawn: Mapping[str, Picture]) -> list[str]:
    """Which parts of the pages could not be made or drawn; each is a sentence."""
    missing = [
        f"{section.title} {''.join(map(str, block.spans))}"
        for section in all_sections(comparison)
        for block in every_block(section.blocks)
        if isinstance(block, Paragraph) and block.role == "missing"
    ]
    stems = [drawing.stem for drawing in all_drawings(comparison)]
    return [*missing, *(wording.not_drawn(stem) for stem in stems if stem not in drawn)]


def figure_files(drawn: Mapping[str, Picture]) -> dict[str, Content]:
    """Each figure as two files: for each name, how to make its content."""
    content: dict[str, Content] = {}
    for stem, picture in drawn.items():
        content |= {f"{stem}.png": partial(bytes, picture.png), f"{stem}.svg": picture.svg.encode}
    return content


def json_bytes(value: Any) -> bytes:
    """Plain values as an indented JSON file."""
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def markdown(comparison: Comparison, address: Callable[[str], str | None]) -> str:
    """The report as markdown, without the parts that need folding or colours.

    `address` maps a figure's stem to the target of its image link: None leaves the figure out, "" says that it could
    not be drawn.
    """

    text = markdown_template(address, without_details).render(
        title=wording.title(comparison),
        overview=overview(comparison),
        introduction=introduction(comparison),
        more_in_html=wording.more_in_html(comparison),
        sections=sections(comparison),
    )
    return tidy(text)


def markdown_page(comparison: Comparison, section: Section, address: Callable[[str], str | None]) -> str:
    """One section as a complete markdown page; parts that HTML folds are unfolded."""
    text = markdown_template(address, unfolded).render(
        title=f"{section.title} · {wording.title(comparison)}",
        overview=warnings(comparison),
        introduction=introduction(comparison),
        more_in_html="",
        sections=[replace(section, title="")],
    )
    return tidy(text)


def chapter_markdown(comparison: Comparison, address: Callable[[str], str | None]) -> str:
    """The chapter page as markdown."""
    text = markdown_template(address, unfolded).render(
        title=TITLE,
        overview=warnings(comparison),
        introduction=chapter.introduction(comparison),
        more_in_html="",
        sections=chapter.sections(comparison),
    )
    return tidy(text)


def markdown_template(
    address: Callable[[str], str | None],
    shown: Callable[[Sequence[Block]], Any],
    left_out: Callable[[str], str] = wording.left_out,
) -> Template:
    """The template of a page of sections as markdown.

    Args:
        address: as in `markdown`.
        shown: which of the blocks, and in what form, markdown shows.
        left_out: the sentence in the place of a figure that this page does not have, by its stem.
    """

    def image(drawing: Drawing) -> str:
        target = address(drawing.stem)
        if not target:
            return left_out(drawing.stem) if target is None else wording.not_drawn(drawing.stem)
        return f"![{escape_markdown(drawing.caption)}]({target})"

    environment = template_environment(autoescape=False)
    environment.filters |= {"md": escape_markdown, "spans": markdown_spans, "shown": shown, "listing": markdown_listing}
    environment.globals["image"] = image
    return environment.get_template("report.md.j2")


def tidy(text: str) -> str:
    """Markdown without needless blank lines."""
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def html(comparison: Comparison, drawn: Mapping[str, Picture], reader: ReaderPage | None = None) -> str:
    """The whole report as one HTML file with embedded figures and links to the chapter page and the reader."""
    links = [*([wording.ABOUT_CHAPTER] if comparison.chapter else []), *([about_reader(reader)] if reader else [])]
    return html_page(
        drawn,
        title=wording.title(comparison),
        overview=overview(comparison),
        introduction=[*map(Paragraph, links), *introduction(comparison)],
        sections=sections(comparison),
        has_pixels=False,
    )


def chapter_html(comparison: Comparison, drawn: Mapping[str, Picture]) -> str:
    """The chapter page as one HTML file with embedded figures."""
    return html_page(
        drawn,
        title=TITLE,
        overview=[*warnings(comparison), *chapter.introduction(comparison), Paragraph(ABOUT_REPORT)],
        introduction=[],
        sections=chapter.sections(comparison),
        has_pixels=True,
    )


def html_page(drawn: Mapping[str, Picture], **content: Any) -> str:
    """A page of sections.

    Its content policy lets only our script for sorting tables run, whatever the data contain; `has_pixels` allows
    figures to embed images.
    """

    def image(drawing: Drawing) -> Markup:
        if drawing.stem not in drawn:
            return escape(wording.not_drawn(drawing.stem))
        # Ids must be unique, because all figures share one document.
        svg = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{drawing.stem}-", drawn[drawing.stem].svg)
        labelled = svg.replace("<svg", f'<svg role="img" aria-label="{escape(drawing.caption)}"', 1)
        return Markup(labelled)  # noqa: S704 -- made by matplotlib, which escapes text

    script = own_source("sort.js")
    environment = template_environment(autoescape=True)
    environment.filters["spans"] = html_spans
    return environment.get_template("report.html.j2").render(
        **content,
        how_to_sort=wording.HOW_TO_SORT,
        image=image,
        style=own_source("report.css"),
        script=script,
        script_hash=policy_hash(script),
    )


def metrics(comparison: Comparison) -> dict[str, Any]:
    """Everything in the report, as plain values.

    Without long curves, which the predictions file determines, and the states in the chapter's pictures.
    """
    value: dict[str, Any] = plain(asdict(comparison))
    if value["chapter"]:
        del value["chapter"]["loops"]
        for reading in value["chapter"]["readings"]:
            del reading["states"]
    for evaluation in value["evaluations"]:
        for point in ("last", "best"):
            del evaluation[point]["roc"], evaluation[point]["precision_recall"]
    for line, reproduction in zip(value["reproduction"], comparison.reproduction, strict=True):
        line["reproduced"] = reproduction.reproduced
    return value


def plain(value: Any) -> Any:
    """A record's values as JSON knows them; paths as text."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
