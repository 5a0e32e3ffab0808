from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.data.own_texts import word_counts
from tasks.data.own_texts.word_counts import WordCounts, count_words
from tasks.data.tokenizer import split_words
from tasks.results.data import UNICODE_RULES


def ranked(pieces: list[list[str]]) -> list[tuple[str, int]]:
    """Words and counts of texts that come in pieces."""
    counts = WordCounts()
    for texts in pieces:
        counts.add(count_words(split_words(texts, UNICODE_RULES).words))
    table = counts.ranked()
    return list(zip(table["word"].to_pylist(), table["count"].to_pylist(), strict=True))


@settings(deadline=None)
@given(st.lists(st.lists(st.text("ab é", max_size=9), max_size=3), max_size=40))
def test_counts_of_pieces_are_those_of_the_whole_by_frequency_then_by_word(pieces: list[list[str]]) -> None:
    expected = Counter(word for texts in pieces for text in texts for word in text.split(" ") if word)
    assert ranked(pieces) == sorted(expected.items(), key=lambda item: (-item[1], item[0].encode()))


def test_very_long_and_very_many_words_are_left_out(monkeypatch) -> None:
    monkeypatch.setattr(word_counts, "MAX_WORDS", 2)
    assert ranked([["c a b " + "x" * 201 + " c"]]) == [("c", 2), ("a", 1)]
    monkeypatch.setattr(word_counts, "MAX_BYTES", 50)
    assert ranked([["c a"]]) == [("a", 1)]
