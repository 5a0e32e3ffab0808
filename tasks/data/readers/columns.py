"""Merges the columns of several batches into those of one file: it finds a common schema and converts values to it.

Values that fit no column type, such as lists in JSON Lines or numbers mixed with words, become JSON in a text column
that is marked as JSON, so that they can be written to JSON Lines unchanged.
"""

import json
import math
from typing import Any, NamedTuple

import pyarrow as pa

from tasks.errors import DataError

_JSON = {b"holds": b"json"}
TEXT = pa.large_string()


class JsonColumn(NamedTuple):
    """A column, and its field's metadata, which says whether its text is JSON."""

    array: pa.Array
    metadata: dict[bytes, bytes] | None = None


def json_column(values: list[Any]) -> JsonColumn:
    """Convert values from JSON to a column of strings, booleans, integers or floats; others become JSON text."""
    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return JsonColumn(pa.nulls(len(values)))  # A later batch may determine the type.
    if kinds == {str}:
        return JsonColumn(pa.array(values, TEXT))
    if kinds == {bool}:
        return JsonColumn(pa.array(values, pa.bool_()))
    try:
        if kinds == {int}:
            return JsonColumn(pa.array(values, pa.int64()))
        if kinds == {float}:
            return JsonColumn(pa.array(values, pa.float64()))
    except (OverflowError, pa.ArrowInvalid):
        pass
    return JsonColumn(as_json(values), _JSON)


def is_json(field: pa.Field) -> bool:
    """Whether a column's text is JSON."""
    return (field.metadata or {}).get(b"holds") == b"json"


def joined(first: pa.Schema | None, second: pa.Schema) -> pa.Schema:
    """Merge two schemas: the columns of the first come first; types are widened where that changes no value.

    Other types become JSON: a float cannot represent every large integer, nor can nanoseconds represent every date.
    """
    if first is None or first.equals(second, check_metadata=True):
        return second
    before, after = ({field.name: field for field in schema} for schema in (first, second))
    fields = [_wider(field, after[name]) if name in after else field for name, field in before.items()]
    return pa.schema([*fields, *(field for name, field in after.items() if name not in before)])


def _wider(first: pa.Field, second: pa.Field) -> pa.Field:
    if is_json(first) or is_json(second):
        return first if is_json(first) else second
    for wider, other in ((first, second), (second, first)):
        if _holds(wider.type, other.type):
            return pa.field(wider.name, wider.type)
    return pa.field(first.name, TEXT, metadata=_JSON)


def _holds(wider: pa.DataType, other: pa.DataType) -> bool:
    """Whether a type can represent all values of another."""
    if wider.equals(other) or pa.types.is_null(other):
        return True
    if pa.types.is_large_string(wider):
        return bool(pa.types.is_string(other))
    are_numbers = any(
        is_wider(wider) and is_other(other)
        for is_wider, is_other in (
            (pa.types.is_signed_integer, pa.types.is_integer),
            (pa.types.is_unsigned_integer, pa.types.is_unsigned_integer),
            (pa.types.is_floating, pa.types.is_floating),
        )
    )
    return are_numbers and bool(wider.bit_width > other.bit_width)


def fitted(columns: pa.RecordBatch, schema: pa.Schema) -> list[pa.Array]:
    """Convert a batch's columns to the types and order of a joined schema; missing columns become null."""
    present = {field.name: (column, field) for column, field in zip(columns.columns, columns.schema, strict=True)}
    return [
        _fit(*present[field.name], field) if field.name in present else pa.nulls(len(columns), field.type)
        for field in schema
    ]


def _fit(column: pa.Array, before: pa.Field, after: pa.Field) -> pa.Array:
    if is_json(after) and not is_json(before):
        return as_json(column.to_pylist())
    return column.cast(after.type)


def as_json(values: list[Any]) -> pa.LargeStringArray:
    """Convert values to JSON texts; None becomes null."""
    texts = [None if value is None else json.dumps(plain(value), ensure_ascii=False) for value in values]
    return pa.array(texts, TEXT)


def plain(value: Any) -> Any:
    """Convert a value to JSON types: dates and decimals become text; NaN and infinities become null.

    Raises:
        DataError: the value is or contains bytes.
    """
    if isinstance(value, bytes):
        raise DataError("a column mixes bytes with other values; it would be written as JSON, which has no bytes")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, str | int | bool) else str(value)
