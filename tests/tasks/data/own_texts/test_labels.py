import numpy as np
import pyarrow as pa
import pytest

from tasks.data.own_texts.labels import LabelReader
from tasks.data.readers.batch import RowBatch
from tasks.errors import DataError


def batch(*labels: str | None) -> RowBatch:
    """Reviews with these labels."""
    columns = pa.record_batch({"stars": pa.array(labels, pa.large_string())})
    return RowBatch("r.csv", columns, np.arange(2, 2 + len(labels)), (), 9)


@pytest.mark.parametrize(
    "labels",
    [("0", "1"), ("false", "true"), ("neg", "pos"), ("negative", "positive"), ("False", "TRUE"), ("0.0", " 1 ")],
)
def test_known_names(labels: tuple[str, str]) -> None:
    assert LabelReader("stars")(batch(*labels, labels[1])).tolist() == [0, 1, 1]


def test_a_chosen_positive_makes_the_other_one_negative() -> None:
    read = LabelReader("stars", "spam")
    assert read(batch("ham", "spam", "ham")).tolist() == [0, 1, 0]
    assert read(batch("spam", "ham")).tolist() == [1, 0]


def test_the_chosen_positive_may_be_a_known_name() -> None:
    assert LabelReader("stars", "0")(batch("0", "1")).tolist() == [1, 0]


def test_labels_are_named_as_the_texts_name_them() -> None:
    read = LabelReader("stars")
    read(batch("neg", " Pos ", "1"))
    read(batch("NEG", "Pos", "neg", "positive"))
    assert read.names() == ("neg", "Pos")
    chosen = LabelReader("stars", "gut")
    chosen(batch("gut", "schlecht"))
    assert chosen.names() == ("schlecht", "gut")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (("0", "1", "2"), "row 4: the label is '2'; expected 0 or 1, .*--positive VALUE"),
        (("0", None), "row 3: the label is missing"),
        (("0", " "), "row 3: the label is missing"),
        (("0", "x" * 500), "row 3: the label is 'x{40}';"),
    ],
)
def test_another_label_is_named_with_its_row(labels: tuple[str | None, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        LabelReader("stars")(batch(*labels))


def test_a_third_class_in_a_later_batch_is_named() -> None:
    read = LabelReader("stars", "5")
    read(batch("5", "1"))
    with pytest.raises(DataError, match="row 3: the label is '3', a third class besides '5' and '1'"):
        read(batch("1", "3"))
