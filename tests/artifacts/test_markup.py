import pytest

from artifacts.blocks import Code, Link, Shade, Strong
from artifacts.markup import escape_markdown, html_spans, markdown_spans

NASTY = "<b>\n`x` | [l](javascript:1) **b** _i_ & http://e"


def test_spans_as_html() -> None:
    spans = ("a < b ", Code("<c>"), Strong("<d>"), Shade("<e>", 7))
    assert html_spans(spans) == 'a &lt; b <code>&lt;c&gt;</code><b>&lt;d&gt;</b><i class="q7">&lt;e&gt;</i>'


def test_spans_as_markdown() -> None:
    spans = ("Run ", Code("a`b\nc"), " of ", Strong("*"), Shade("x", 3))
    assert markdown_spans(spans) == r"Run `a'b c` of **\***x"


def test_a_link_as_html_and_as_markdown() -> None:
    link = (Link("<b> & *", "reader.html"),)
    assert html_spans(link) == '<a href="reader.html">&lt;b&gt; &amp; *</a>'
    assert markdown_spans(link) == r"[&lt;b&gt; &amp; \*](reader.html)"


def test_nothing_of_a_text_is_markdown() -> None:
    assert escape_markdown(NASTY) == (r"&lt;b&gt; \`x\` \| \[l\](javascript\:1) \*\*b\*\* \_i\_ &amp; http\://e")


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("simple_rnn seed 1: loss", "simple_rnn seed 1: loss"),
        ("_a_ __b__ c_", r"\_a\_ \_\_b\_\_ c\_"),
        ("www.example.org", r"www\.example.org"),
        ("mailto:a@b", r"mailto\:a@b"),
    ],
)
def test_only_what_would_be_markup_is_escaped(text: str, escaped: str) -> None:
    assert escape_markdown(text) == escaped
