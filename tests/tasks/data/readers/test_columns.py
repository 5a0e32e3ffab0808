"""Columns of different batches in one schema."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from tasks.data.readers.columns import fitted, is_json, joined, json_column, plain
from tasks.errors import DataError


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["a", None], pa.large_string()),
        ([True, None], pa.bool_()),
        ([1, None], pa.int64()),
        ([1.5, None], pa.float64()),
        ([None], pa.null()),
    ],
)
def test_values_of_one_kind_make_a_column_of_it(values: list[Any], kind: pa.DataType) -> None:
    column = json_column(values)
    assert (column.array.type, column.metadata) == (kind, None)
    assert column.array.to_pylist() == values


@pytest.mark.parametrize("values", [[1, "a"], [True, 1], [1, 1.5], [[1]], [{"a": 1}], [2**70]])
def test_other_values_become_json(values: list[Any]) -> None:
    column = json_column([*values, None])
    assert is_json(pa.field("x", column.array.type, metadata=column.metadata))
    assert pa.array(column.array).null_count == 1


def batch(**columns: pa.Array) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(columns)


def test_a_joined_schema_holds_all_columns_and_widens_numbers() -> None:
    first, second = batch(a=pa.array([1], pa.int32()), b=pa.array(["x"])), batch(c=pa.array([2]), a=pa.array([2**40]))
    schema = joined(joined(None, first.schema), second.schema)
    assert dict(zip(schema.names, schema.types, strict=True)) == {"a": pa.int64(), "b": pa.string(), "c": pa.int64()}
    assert [column.to_pylist() for column in fitted(first, schema)] == [[1], ["x"], [None]]
    assert [column.to_pylist() for column in fitted(second, schema)] == [[2**40], [None], [2]]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pa.array([2**53 + 1]), pa.array([0.5])),
        (pa.array([2**64 - 1], pa.uint64()), pa.array([-1])),
        (pa.array([253_402_300_799], pa.timestamp("s")), pa.array([1], pa.timestamp("ns"))),
        (pa.array([Decimal("1.10")]), pa.array([2**62])),
        (pa.array([[2**53 + 1]]), pa.array([[0.5]])),
    ],
)
def test_values_that_no_common_type_holds_stay_as_they_are(first: pa.Array, second: pa.Array) -> None:
    schema = joined(batch(a=first).schema, batch(a=second).schema)
    for array in (first, second):
        (text,) = fitted(batch(a=array), schema)[0].to_pylist()
        assert json.loads(text) == plain(array.to_pylist()[0])


@pytest.mark.parametrize("kind", [pa.int64(), pa.float32(), pa.large_string(), pa.list_(pa.int64())])
def test_a_column_that_is_empty_at_first_takes_the_type_of_its_values(kind: pa.DataType) -> None:
    for types in ((pa.null(), kind), (kind, pa.null())):
        assert joined(*(pa.schema([("a", part)]) for part in types)).field("a").type == kind


def test_kinds_that_differ_become_json() -> None:
    first, second = batch(a=pa.array(["x"])), batch(a=pa.array([2]))
    schema = joined(first.schema, second.schema)
    assert is_json(schema.field("a"))
    assert [fitted(part, schema)[0].to_pylist() for part in (first, second)] == [['"x"'], ["2"]]


def test_plain_values_are_json() -> None:
    value = {"a": (1, float("nan")), 2: date(2026, 1, 2), "c": [Decimal("1.50"), None, True]}
    assert plain(value) == {"a": [1, None], "2": "2026-01-02", "c": ["1.50", None, True]}
    with pytest.raises(DataError, match="has no bytes"):
        plain([b"x"])
