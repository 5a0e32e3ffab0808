"""Text as HTML and as markdown. Data are shown as they are and never become markup."""

import re
from collections.abc import Sequence

from markupsafe import Markup, escape

from artifacts.blocks import Code, Link, Shade, Span, Strong

# An underscore within a word is no markup; a colon before a space starts no link; "www." does.
_MARKDOWN_SIGNS = re.compile(r"[\\`*\[\]#|~]|(?<![^\W_])_|_(?![^\W_])|:(?=\S)|(?<=www)\.")
_HTML_SIGNS = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def html_spans(spans: Sequence[Span]) -> Markup:
    """Spans as HTML."""
    return Markup().join(_html(span) for span in spans)


def markdown_spans(spans: Sequence[Span]) -> str:
    """Spans as markdown, on one line."""
    return "".join(_markdown(span) for span in spans)


def escape_markdown(text: object) -> str:
    """Text that markdown shows as it is: no markup, no HTML, no table cell, on one line."""
    line = "".join(_HTML_SIGNS.get(sign, sign) for sign in _one_line(str(text)))
    return _MARKDOWN_SIGNS.sub(r"\\\g<0>", line)


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
        return f"`{_one_line(span.text).replace('`', chr(39))}`"
    if isinstance(span, Strong):
        return f"**{escape_markdown(span.text)}**"
    if isinstance(span, Link):
        return f"[{escape_markdown(span.text)}]({span.address})"
    return escape_markdown(span.text if isinstance(span, Shade) else span)


def _one_line(text: str) -> str:
    """Runs of white space, line breaks included, become one space; a space at an end stays."""
    return re.sub(r"\s+", " ", text)
