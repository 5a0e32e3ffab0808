import numpy as np
import pyarrow as pa
import pytest

from tasks.data.own_texts.labels import LabelReader
from tasks.data.readers.batch import Column, Columns, RowBatch
from tasks.errors import DataError

LABELS = Columns.of_texts("stars", Column("label", "stars", "--label-column"))


def batch(*labels: str | None) -> RowBatch:
    """Reviews with these labels."""
    columns = pa.record_batch({"stars": pa.array(labels, pa.large_string())})
    return RowBatch("r.csv", columns, np.arange(2, 2 + len(labels)), (), 9)


@pytest.mark.parametrize(
    "labels",
    [
        ("0", "1"), ("false", "true"), ("neg", "pos"), ("negative", "positive"), ("False", "TRUE"), ("0.0", " 1 "),
        ("-1", "1"), ("-1.0", "+1"), ("0.00", "1e0"), ("\tNegative", " Positive "), ("-0", "01"), ("0,0", "1,0"),
    ],
)  # fmt: skip
def test_known_names(labels: tuple[str, str]) -> None:
    assert LabelReader("stars")(batch(*labels, labels[1])).tolist() == [0, 1, 1]


def test_a_chosen_positive_makes_the_other_one_negative() -> None:
    read = LabelReader("stars", ["spam"])
    assert read(batch("ham", " Spam", "HAM ")).tolist() == [0, 1, 0]
    assert read(batch("spam", "ham")).tolist() == [1, 0]


def test_the_chosen_positive_may_be_a_known_name() -> None:
    assert LabelReader("stars", ["0"])(batch("0", "1")).tolist() == [1, 0]
    assert LabelReader("stars", ["true"])(batch("0", "1.0")).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("positive", "labels", "names"),
    [
        (["good", "GREAT"], [1, 0, 1, 0], ("other", "good, GREAT")),
        (["a, b", "good"], [1, 0, 0, 0], ("other", "a, b, good")),
    ],
)
def test_with_several_positives_all_other_labels_are_negative(
    positive: list[str], labels: list[int], names: tuple[str, str]
) -> None:
    read = LabelReader("stars", positive)
    assert read(batch("good", "bad", "great", "poor")).tolist() == labels
    assert read(batch("a, b")).tolist() == [int("a, b" in positive)]
    assert read.names() == names


@pytest.mark.parametrize(
    ("bound", "labels", "negative"),
    [(">=7", [0, 1, 1], "<7"), (">7", [0, 0, 1], "<=7"), ("<=7", [1, 1, 0], ">7"), ("< 7.0", [1, 0, 0], ">=7.0")],
)
def test_a_bound_compares_numbers(bound: str, labels: list[int], negative: str) -> None:
    read = LabelReader("stars", [bound])
    assert read(batch("2", "7.0", "10")).tolist() == labels
    read(batch("1", "9"))
    assert read.names() == (negative, bound)


def test_a_bound_wants_numbers() -> None:
    with pytest.raises(DataError, match="row 3: the label is 'unsure', not a number, for --positive '>=7'; --drop uns"):
        LabelReader("stars", [">=7"])(batch("8", "unsure"))


def test_labels_are_named_as_the_texts_name_them() -> None:
    read = LabelReader("stars")
    read(batch("neg", " Pos ", "1"))
    read(batch("NEG", "Pos", "neg", "positive"))
    assert read.names() == ("neg", "Pos")
    chosen = LabelReader("stars", ["gut"])
    chosen(batch("Gut", "schlecht"))
    assert chosen.names() == ("schlecht", "Gut")


COUNTS = r"the labels so far: '0' \(2\), '1' \(1\), '2' \(1\)"


@pytest.mark.parametrize(
    ("positive", "labels", "message"),
    [
        ([], ("0", "1", "2", "0"), f"row 4: the label is '2'; {COUNTS}; expected 0 or 1, .*--positive VALUE"),
        ([], ("0", None), "row 3: the label is missing; .* --drop ''"),
        ([], ("0", " "), "row 3: the label is missing"),
        ([], ("0", "x" * 500), "row 3: the label is 'x{40}';"),
        ([], ("1", "-1", "0"), "row 4: the label is '0', but there are both -1 and 0; .* --drop -1"),
        (
            ["2"],
            ("0", "1", "2", "0"),
            f"row 3: the label is '1', a third class besides '2' and '0'; {COUNTS}; .*--drop 1",
        ),
    ],
)
def test_another_label_is_named_with_its_row(positive: list[str], labels: tuple[str | None, ...], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        LabelReader("stars", positive)(batch(*labels))
    assert "\n" not in str(caught.value)


def test_a_third_class_more_frequent_than_the_second_is_named() -> None:
    with pytest.raises(DataError, match="row 3: the label is 'neutral', a third class besides 'good' and 'bad'"):
        LabelReader("stars", ["good"])(batch("bad", "neutral", "neutral", "good"))


def test_a_third_class_in_a_later_batch_is_named() -> None:
    read = LabelReader("stars", ["5"])
    read(batch("5", "1"))
    with pytest.raises(DataError, match="row 3: the label is '3', a third class besides '5' and '1'"):
        read(batch("1", "3"))


def test_minus_one_in_a_later_batch_than_zero_is_ambiguous_too() -> None:
    read = LabelReader("stars")
    read(batch("-1", "1"))
    with pytest.raises(DataError, match="row 2: the label is '0', but there are both"):
        read(batch("0", "1"))


@pytest.mark.parametrize(("positive", "bad"), [(["good", "grand"], "grand"), ([">9"], "'>9'"), (["grand"], "grand")])
def test_a_positive_that_fits_nothing_names_the_labels_that_there_are(positive: list[str], bad: str) -> None:
    read = LabelReader("stars", positive)
    labels = ("5", "6") if bad == "'>9'" else ("good", "good")
    read(batch(*labels, *labels[:1]))
    with pytest.raises(
        DataError, match=rf"--positive {bad}: no row has such a label; the labels so far: '.*' \([23]\)"
    ):
        read.names()


def test_dropped_labels_are_left_out_and_counted_in_all_their_spellings() -> None:
    drop = ("neutral", "-1", "")
    columns = Columns(LABELS.wanted, drop=drop)
    read = LabelReader("stars", (), drop)
    kept = batch("Neutral ", "1", "-1.0", None, "0", " ", "neutral").without_dropped(columns)
    assert kept.rows.tolist() == [3, 6]
    assert read(kept).tolist() == [1, 0]
    assert read.dropped == {"neutral": 2, "-1": 1, "": 2}
    assert read.names() == ("0", "1")


def test_a_dropped_label_that_no_row_has_is_an_error() -> None:
    read = LabelReader("stars", (), ("nuetral",))
    read(batch("0", "1").without_dropped(Columns(LABELS.wanted, drop=("nuetral",))))
    with pytest.raises(
        DataError, match=r"--drop nuetral: no row has this label; the labels so far: '0' \(1\), '1' \(1\)"
    ):
        read.names()


def test_a_million_different_labels_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.data.own_texts.labels._MOST_SPELLINGS", 3)
    read = LabelReader("stars", ["1", "2"])
    read(batch(*map(str, range(50))))
    assert read.names() == ("other", "1, 2")
