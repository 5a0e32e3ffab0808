"""Columns of several batches as columns of one file: a schema that holds them all, and the way into it.

Values that no column type fits, such as lists in JSON Lines or numbers beside words, become JSON in a column of text
that is marked as such: JSON Lines writes them as they were.
"""

import json
import math
from typing import Any, NamedTuple

import pyarrow as pa

_JSON = {b"holds": b"json"}
TEXT = pa.large_string()


class Column(NamedTuple):
    """A column, and whether its text is JSON, as metadata of its field."""

    array: pa.Array
    metadata: dict[bytes, bytes] | None = None


def json_column(values: list[Any]) -> Column:
    """Values from JSON as a column of strings, booleans, integers or floats; of anything else, as JSON."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {str}:
        return Column(pa.array(values, TEXT))
    if kinds == {bool}:
        return Column(pa.array(values, pa.bool_()))
    try:
        if kinds == {int}:
            return Column(pa.array(values, pa.int64()))
        if kinds == {float}:
            return Column(pa.array(values, pa.float64()))
    except (OverflowError, pa.ArrowInvalid):
        pass
    return Column(_as_json(values), _JSON)


def is_json(field: pa.Field) -> bool:
    """Whether the text of a column is JSON."""
    return (field.metadata or {}).get(b"holds") == b"json"


def joined(first: pa.Schema | None, second: pa.Schema) -> pa.Schema:
    """A schema that holds the columns of both: those of the first in front, types widened where they differ."""
    if first is None or first.equals(second, check_metadata=True):
        return second
    fields = [_wider(field, second.field(field.name)) if field.name in second.names else field for field in first]
    return pa.schema([*fields, *(field for field in second if field.name not in first.names)])


def _wider(first: pa.Field, second: pa.Field) -> pa.Field:
    if is_json(first) or is_json(second):
        return first if is_json(first) else second
    if first.type.equals(second.type):
        return first
    try:
        return pa.unify_schemas([pa.schema([first]), pa.schema([second])], promote_options="permissive").field(0)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.field(first.name, TEXT, metadata=_JSON)


def fitted(columns: pa.RecordBatch, schema: pa.Schema) -> list[pa.Array]:
    """The columns of a batch in the types and the order of a joined schema; null where the batch lacks one."""
    present = set(columns.schema.names)
    return [
        _fit(columns.column(field.name), columns.schema.field(field.name), field)
        if field.name in present
        else pa.nulls(len(columns), field.type)
        for field in schema
    ]


def _fit(column: pa.Array, before: pa.Field, after: pa.Field) -> pa.Array:
    if is_json(after) and not is_json(before):
        return _as_json(column.to_pylist())
    return column.cast(after.type)


def _as_json(values: list[Any]) -> pa.LargeStringArray:
    texts = [None if value is None else json.dumps(plain(value), ensure_ascii=False) for value in values]
    return pa.array(texts, TEXT)


def plain(value: Any) -> Any:
    """A value as JSON knows it: dates and decimals as text, no NaN."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, str | int | bool) else str(value)
