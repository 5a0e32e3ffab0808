import html
import re

import pytest
from markdown_it import MarkdownIt

from artifacts.blocks import Code, Link, Shade, Strong
from artifacts.markup import escape_markdown, html_spans, markdown_spans

NASTY = "<b>\n`x` | [l](javascript:1) **b** _i_ & http://e"


def test_spans_as_html() -> None:
    spans = ("a < b ", Code("<c>"), Strong("<d>"), Shade("<e>", 7))
    assert html_spans(spans) == 'a &lt; b <code>&lt;c&gt;</code><b>&lt;d&gt;</b><i class="q7">&lt;e&gt;</i>'


def test_spans_as_markdown() -> None:
    spans = ("Run ", Code("a`b\nc"), " of ", Strong("*"), Shade("x", 3))
    assert markdown_spans(spans) == r"Run `a'b c` of **\***x ⟨30%⟩"


def test_a_link_as_html_and_as_markdown() -> None:
    link = (Link("<b> & *", "reader.html"),)
    assert html_spans(link) == '<a href="reader.html">&lt;b&gt; &amp; *</a>'
    assert shown(markdown_spans(link)) == '<p><a href="reader.html">&lt;b&gt; &amp; *</a></p>'


def shown(markdown: str) -> str:
    """What a renderer makes of it."""
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(markdown).strip()


HOSTILE = (
    NASTY,
    "![x](http://e/p.png)", "!", "[x](http://e)", "[x]: http://e", "[x][y]", "<img src=x>", "&lt;b&gt;", "&#60;b>", "<",
    "*b*", "__b__", "~~s~~", "`c`", "# h", "a #", "- l", "+ l", "1. l", "1) l", "> q", "---", "===",
    "a\\*b*", "\\", "\\`c`",
    "`http://e`", "\\http://e", "http://e`![x](http://e)`", "<http://e>", "a@b.c", "www.e.org`", "a\n\n# h", "|a|b|",
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_of_a_text_is_markdown(text: str) -> None:
    page = shown(escape_markdown(text))
    assert set(re.findall(r"<(\w+)", page)) <= {"p", "code"}
    words = html.unescape(re.sub(r"</?(?:p|code)>", "", page))
    assert words == " ".join(text.split())


def test_an_address_is_code_and_no_link() -> None:
    assert escape_markdown("see https://e.org/a_b?c=d, www.e.org or mailto:a@b.c") == (
        "see `https://e.org/a_b?c=d,` `www.e.org` or `mailto:a@b.c`"
    )


CONTROLS = [chr(number) for number in (*range(32), *range(127, 160), 0x2028, 0x2029, 0x202E)]


@pytest.mark.parametrize("sign", CONTROLS)
def test_no_control_character_ends_a_code_span(sign: str) -> None:
    for span in (Code(f"a{sign}{sign}b"), Strong(f"a{sign}b"), f"a{sign}b"):
        text = markdown_spans((span,))
        assert text.strip("`*") == "a b"


def test_an_empty_code_span_swallows_nothing() -> None:
    assert shown(markdown_spans((Code(""), "a", Code("b")))) == "<p>a<code>b</code></p>"


@pytest.mark.parametrize(
    "text",
    ["simple_rnn seed 1: loss", "12:30", "a:b", "a < b & c > d", "[1, 2]", "('lstm', 'gru')", "5-100 #", "+6.0", "-1"],
)
def test_what_is_no_markup_is_not_escaped(text: str) -> None:
    assert escape_markdown(text) == text.replace(" #", r" \#")


@pytest.mark.parametrize(("text", "escaped"), [("_a_ __b__ c_", r"\_a\_ \_\_b\_\_ c\_"), ("*a*|", r"\*a\*\|")])
def test_markup_is_escaped(text: str, escaped: str) -> None:
    assert escape_markdown(text) == escaped
