"""Scored texts in words and tables."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

from artifacts.wording import scoring as wording
from tasks.results.scoring import ReadText, ReadWord, ScoredText, Scoring, ScoringNetwork, Toy

SCORING = Scoring(
    label="lstm seed 1",
    model="abc",
    parts=(),
    columns=Path("columns.arrow"),
    digests=(),
    rows=1_000,
    rejected=1,
    positive=250,
    truncated=1,
    unknown_share=0.051,
    histogram=(700, 50, 0, 0, 0, 0, 0, 0, 0, 250),
    negative_most=(ScoredText(3, 0.012345, "bad\nfilm"),),
    positive_most=(ScoredText(4, 0.99, "good"),),
    least_sure=(),
    seconds=1.0,
)


NETWORK = ScoringNetwork(Path("n"), Path("w"), "abc", run="20260101-a", data="IMDB reviews")


def test_what_scored_is_named_as_far_as_it_is_known() -> None:
    assert wording.by("lstm seed 1", NETWORK) == "lstm seed 1 of run 20260101-a (trained on IMDB reviews, model abc)"
    assert wording.by("lstm seed 1", ScoringNetwork(Path("n"), Path("w"), "abc")) == "lstm seed 1 (model abc)"


def test_a_toy_network_is_warned_of() -> None:
    assert wording.warning(NETWORK) is None
    for toy in get_args(Toy):
        warning = wording.warning(replace(NETWORK, toy=toy))
        assert warning
        assert "say nothing" in warning


def test_the_sentence_counts_reviews_and_rejects() -> None:
    by = wording.by("lstm seed 1", NETWORK)
    assert wording.sentence(SCORING, NETWORK) == (
        f"1,000 reviews scored by {by}, 25.0% labelled positive. 1 row could not be scored."
    )
    nothing = replace(SCORING, rows=0, rejected=2)
    assert wording.sentence(nothing, NETWORK) == f"0 reviews scored by {by}. 2 rows could not be scored."


def test_the_caution_names_what_was_not_read() -> None:
    expected = "5.1% of the words are not in the vocabulary. The network reads only the end of 1 long review."
    assert wording.caution(SCORING) == expected
    assert wording.caution(replace(SCORING, truncated=0)) == "5.1% of the words are not in the vocabulary."


def test_rows_are_plain_values_for_tables() -> None:
    rows = wording.distribution_rows(SCORING)
    assert rows[0] == {"probability of positive": "0.0 to 0.1", "reviews": 700, "share": "70.0%"}
    assert rows[-1]["probability of positive"] == "0.9 to 1.0"
    assert wording.distribution_rows(replace(SCORING, rows=0))[0]["share"] == ""
    assert wording.sure_rows(SCORING) == [
        {"kind": "surely negative", "review": 3, "probability": 0.0123, "text": "bad film"},
        {"kind": "surely positive", "review": 4, "probability": 0.99, "text": "good"},
    ]


def test_the_names_of_own_labels_are_used() -> None:
    own = replace(SCORING, labels=("schlecht", "gut"))
    assert ", 25.0% labelled gut." in wording.sentence(own, NETWORK)
    assert [row["kind"] for row in wording.sure_rows(own)] == ["surely schlecht", "surely gut"]
    assert "probability of gut" in wording.distribution_rows(own)[0]
    read = ReadText("lstm seed 1", "abc", (ReadWord("film", 0.4, True),), 0, 0.4, ("schlecht", "gut"))
    assert wording.answer(read, NETWORK).startswith("schlecht, with probability 0.600")


def test_an_answer_says_what_was_not_read() -> None:
    words = (ReadWord("old", None, True), ReadWord("film", 0.4, True))
    by = wording.by("lstm seed 1", NETWORK)
    assert wording.answer(ReadText("lstm seed 1", "abc", words[1:], 0, 0.4), NETWORK) == (
        f"negative, with probability 0.600, by {by}"
    )
    assert wording.answer(ReadText("lstm seed 1", "abc", words, 1, 0.6), NETWORK).endswith(
        "it reads only the end, without the first 1 word"
    )
