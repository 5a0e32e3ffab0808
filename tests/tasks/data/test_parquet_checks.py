import numpy as np
import pyarrow.parquet as pq
import pytest

from tasks.data.parquet import check_splits, read_column, read_tokens
from tasks.data.unpadded import unpadded_writer
from tasks.errors import DataError
from tasks.results.data import Dataset


def change_column(dataset: Dataset, column: str, values: np.ndarray) -> None:
    """Write the training split again with another column."""
    table = pq.read_table(dataset.train.path)
    place = table.schema.get_field_index(column)
    pq.write_table(table.set_column(place, table.schema.field(column), [values]), dataset.train.path)


@pytest.mark.parametrize(
    ("column", "value", "fault"),
    [
        ("label", 1, r"labels \[1\], expected 0 and 1"),
        ("length", 0, "length 0, expected 1 or more"),
        ("length", 31, "padding that differs from the length"),
    ],
)
def test_a_value_out_of_its_range_is_reported(dataset: Dataset, column: str, value: int, fault: str) -> None:
    table = pq.read_table(dataset.train.path)
    change_column(dataset, column, np.full(len(table), value, table.schema.field(column).type.to_pandas_dtype()))
    with pytest.raises(DataError, match=f"train.parquet: {fault}"):
        check_splits(dataset.folder, 50, 30)


def test_a_token_beyond_the_vocabulary_is_reported(dataset: Dataset) -> None:
    with pytest.raises(DataError, match="expected less than the vocabulary of 40"):
        check_splits(dataset.folder, 40, 30)


def test_one_label_only_is_reported_with_all_faults(dataset: Dataset) -> None:
    for split in (dataset.train, dataset.test):
        table = pq.read_table(split.path)
        ones = np.ones(len(table), np.uint8)
        table = table.set_column(1, table.schema.field("label"), [ones])
        pq.write_table(table, split.path)
    with pytest.raises(DataError) as caught:
        check_splits(dataset.folder, 50, 30)
    assert str(caught.value).count("labels [1], expected 0 and 1") == 2


def test_a_wrong_schema_is_reported(dataset: Dataset) -> None:
    with pytest.raises(DataError, match=r"train.parquet: schema"):
        check_splits(dataset.folder, 50, 31)


@pytest.mark.parametrize("change", ["labels", "tokens", "reviews"])
def test_unpadded_reviews_that_differ_are_reported(dataset: Dataset, change: str) -> None:
    tokens, labels = read_tokens(dataset.train.path), read_column(dataset.train.path, "label").astype(np.uint8)
    kept = len(labels) - (change == "reviews")
    with unpadded_writer(dataset.train.unpadded, 50, 30) as write:
        write(
            1 - labels if change == "labels" else labels[:kept], tokens[::-1] if change == "tokens" else tokens[:kept]
        )
    with pytest.raises(DataError, match="train.parquet: review 0 or one of the next differs in train.arrow"):
        check_splits(dataset.folder, 50, 30)
