from artifacts.blocks import (
    LONGEST_REVIEW,
    MOST_SPANS,
    Bullets,
    Column,
    Details,
    Drawing,
    Paragraph,
    Shade,
    SideBySide,
    Table,
    Topic,
    every_block,
    present,
    unfolded,
    without_details,
)
from artifacts.figures import scores
from artifacts.formats import COUNT, interval
from tasks.results.training import Estimate

TABLE = Table(
    "Numbers",
    [Column("Name", lambda row: row[0]), Column("AUC", lambda row: row[1], interval(2)), Column("n", len, COUNT)],
    [("a", Estimate(0.5, 0.25, 0.75)), ("b", None)],
)


def drawing(stem: str) -> Drawing:
    """A figure by its stem."""
    return Drawing(stem, stem, scores.roc)


def test_cells_have_a_text_and_a_number_to_sort_by() -> None:
    assert TABLE.cells() == [
        [("a", None), ("0.50 (0.25 to 0.75)", 0.5), ("2", 2)],
        [("b", None), ("", None), ("2", 2)],
    ]


def test_records_name_values_after_the_heads() -> None:
    assert TABLE.records() == [
        {"name": "a", "AUC": 0.5, "AUC, 95% low": 0.25, "AUC, 95% high": 0.75, "n": 2},
        {"name": "b", "n": 2},
    ]


def test_what_has_nothing_to_show_is_left_out() -> None:
    empty = Table("", TABLE.columns, [])
    assert present(empty, None, Bullets(()), Topic("nothing", ())) == ()
    assert present(TABLE, Topic("something", (TABLE,))) == (TABLE, Topic("something", (TABLE,)))


def test_blocks_are_found_at_every_level() -> None:
    blocks = (drawing("a"), Topic("t", (SideBySide((drawing("b"), drawing("c"))), Details("d", (drawing("e"),)))))
    assert [found.stem for found in every_block(blocks) if isinstance(found, Drawing)] == ["a", "b", "c", "e"]


def test_markdown_loses_what_needs_folding_or_colours() -> None:
    text, shaded = Paragraph(("text",)), Paragraph(("a", Shade("b", 3)))
    blocks = (text, shaded, Details("d", (text,)), Topic("only details", (Details("d", ()),)), Topic("t", (text,)))
    assert without_details(blocks) == (text, Topic("t", (text,)))


def test_of_a_long_review_only_the_end_is_unfolded_and_explanations_stay_whole() -> None:
    review = Paragraph(("start " + "word " * LONGEST_REVIEW + "end",), "reading")
    words = tuple(Shade(str(number), 3) for number in range(MOST_SPANS + 5))
    shaded, explanation = Paragraph(("LSTM: ", *words), "reading"), Paragraph(("why " * LONGEST_REVIEW,))
    (topic,) = unfolded([Details("a review", (review, shaded, explanation, Paragraph(("short",), "reading")))])
    assert isinstance(topic, Topic)
    first, second, *rest = topic.blocks
    assert isinstance(first, Paragraph)
    assert isinstance(second, Paragraph)
    assert str(first.spans[0]).startswith("… ")
    assert str(first.spans[0]).endswith("word end")
    assert second.spans == ("LSTM: ", "… ", *words[5:])
    assert rest == [explanation, Paragraph(("short",), "reading")]
