"""Spans and text as HTML and markdown, safely escaped."""

import re
from collections.abc import Sequence

from markupsafe import Markup, escape

from artifacts.blocks import Code, Link, Shade, Span, Strong
from tasks.results.data import LABELS, Labels

_CONTROLS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]+")


def one_line(text: str) -> str:
    """Replace each run of white space and control characters with one space, even at the ends."""
    return _CONTROLS.sub(" ", text)


LONGEST_LABEL = 40


def label_names(labels: Labels) -> Labels:
    """The names of the labels for display: on one line, without control characters, long ones without their middle.

    Names that look the same, or like nothing, are replaced by the usual ones.
    """
    negative, positive = (_short(one_line(name).strip()) for name in labels)
    return (negative, positive) if negative and positive and negative != positive else LABELS


def _short(name: str) -> str:
    half = LONGEST_LABEL // 2
    return name if len(name) <= LONGEST_LABEL else f"{name[: half - 1]}…{name[-half:]}"


# Text that a renderer would turn into a link. As code it stays unchanged and is easy to copy.
_ADDRESS = re.compile(
    r"(?:\b[a-z][a-z0-9+.-]*://|\b(?:mailto|xmpp):|\bwww\.)[\w.~:/?#@!$&',;=%+-]*|[\w.+-]+@[\w.-]+\w", re.I
)
# Match a sign only where it would be markup: not an underscore within a word, a colon, "a < b" or "[1, 2]".
_MARKDOWN_SIGNS = re.compile(
    r"[\\`*|~]"
    r"|(?<![^\W_])_|_(?![^\W_])"  # Emphasis.
    r"|(?<=!)\[|\](?=[(\[:])"  # Pictures and links.
    r"|(?<!\S)\#"  # Headings, and the signs that close them.
    r"|^[>+=-](?=[\s=>-]|$)|(?<=^\d)[.)](?=\s)"  # Quotes, lists, lines.
)
_HTML_SIGNS = re.compile(r"<(?=[a-z/!?]|$)|&(?=[a-z#]|$)", re.I)  # Tags and character references.


def html_spans(spans: Sequence[Span]) -> Markup:
    """Spans as HTML."""
    return Markup().join(_html(span) for span in spans)


def markdown_spans(spans: Sequence[Span]) -> str:
    """Spans as markdown, on one line. Percentages replace HTML's colours."""
    return "".join(_markdown(span) for span in spans)


def markdown_listing(text: str) -> str:
    """Source code that keeps its lines, fenced by more backticks than it contains."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}python\n{text}\n{fence}"


def escape_markdown(text: object) -> str:
    """Text that markdown shows unchanged, on one line: no markup, no HTML, no table cell, no link."""
    line = one_line(str(text))
    parts, end = [], 0
    for address in _ADDRESS.finditer(line):
        parts += [_escape(line[end : address.start()]), f"`{address[0]}`"]
        end = address.end()
    return "".join([*parts, _escape(line[end:])])


def _escape(text: str) -> str:
    """Escape text that contains no addresses."""
    html_free = _HTML_SIGNS.sub(lambda sign: "&lt;" if sign[0] == "<" else "&amp;", text)
    return _MARKDOWN_SIGNS.sub(r"\\\g<0>", html_free)


def _html(span: Span) -> Markup:
    if isinstance(span, Code):
        return Markup("<code>{}</code>").format(span.text)
    if isinstance(span, Strong):
        return Markup("<b>{}</b>").format(span.text)
    if isinstance(span, Shade):
        return Markup('<i class="q{}">{}</i>').format(span.level, span.text)
    if isinstance(span, Link):
        return Markup('<a href="{}">{}</a>').format(span.address, span.text)
    return escape(span)


def _markdown(span: Span) -> str:
    if isinstance(span, Code):
        code = one_line(span.text).replace("`", "'")
        return f"`{code}`" if code.strip() else code
    if isinstance(span, Strong):
        return f"**{escape_markdown(span.text)}**"
    if isinstance(span, Link):
        return f"[{escape_markdown(span.text)}]({span.address})"
    if isinstance(span, Shade):
        return f"{escape_markdown(span.text)} ⟨{10 * span.level}%⟩"
    return escape_markdown(span)
