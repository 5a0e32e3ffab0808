"""What a pickled object array of reviews is made of, as plain records: sequences, arrays, types, names.

Nothing here is looked up or called: a name stays a name, and a call of NumPy's becomes the data that it stands for.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

MAX_RANKS = 1 << 29  # Shared lists unpack to more than their file holds.
MAX_RANK = 2**31 - 1
_SHORT = 64
_NUMPY = ("numpy.core", "numpy._core")
_ARRAY_NAMES = {f"{core}.multiarray._reconstruct" for core in _NUMPY}
_SCALAR_NAMES = {f"{core}.multiarray.scalar" for core in _NUMPY}
_BUFFER_NAMES = {f"{core}.numeric._frombuffer" for core in _NUMPY}


class RefusedError(Exception):
    """The pickle holds something else; the text says what."""


class Name(NamedTuple):
    """A module's function or class that the pickle names."""

    text: str


@dataclass
class Sequence:
    """A list or tuple: integers in runs, int64, and other values in between."""

    items: list[Any] = field(default_factory=list)

    def short(self) -> list[Any]:
        """The values one by one, of a sequence that describes something."""
        values: list[Any] = []
        for item in self.items:
            values += item.tolist() if isinstance(item, np.ndarray) else [item]
            if len(values) > _SHORT:
                raise RefusedError(f"a description of more than {_SHORT} values")
        return values


@dataclass
class Type:
    """The type of an array's values: "i8", say, and the order of its bytes."""

    text: str
    order: str = "="

    def integers(self, content: Any) -> NDArray[np.int64]:
        """The integers that bytes of this type hold."""
        if self.text[:1] not in ("i", "u", "b") or self.text[1:] not in ("1", "2", "4", "8"):
            raise RefusedError(f"values of type {self.text!r}")
        if self.text == "u8" or not isinstance(content, bytes):
            raise RefusedError("an array that is not plain integers")
        order = {"|": "="}.get(self.order, self.order)
        if order not in ("=", "<", ">") or len(content) % int(self.text[1:]):
            raise RefusedError("an array whose bytes are cut")
        return np.frombuffer(content, np.dtype(order + self.text)).astype(np.int64)


@dataclass
class Array:
    """An array, described by its state: version, shape, type, order, content."""

    state: list[Any] | None = None

    def integers(self) -> NDArray[np.int64]:
        """The values of an array of one dimension, of integers or of objects that are integers."""
        kind, content = self._kind_and_content()
        if isinstance(content, Sequence):
            return integers_of(content)
        return kind.integers(content)

    def objects(self) -> list[Any]:
        """The values of an array of objects."""
        _, content = self._kind_and_content()
        if not isinstance(content, Sequence):
            raise RefusedError("an array without objects")
        return content.items

    def _kind_and_content(self) -> tuple[Type, Any]:
        if self.state is None or len(self.state) != 5:
            raise RefusedError("an array without content")
        _, shape, kind, _, content = self.state
        if not isinstance(shape, Sequence) or len(shape.short()) != 1 or not isinstance(kind, Type):
            raise RefusedError("an array that has not one dimension")
        return kind, content


def reviews_of(array: Array) -> Iterator[NDArray[np.int32]]:
    """The integers of each review.

    Raises:
        RefusedError: a review is no sequence of integers.
    """
    total = 0
    for item in array.objects():
        if isinstance(item, np.ndarray):
            raise RefusedError("integers where reviews should stand")
        ranks = integers_of(item)
        total += len(ranks)
        if total > MAX_RANKS:
            raise RefusedError(f"more than {MAX_RANKS} integers")
        if len(ranks) and ranks.max() > MAX_RANK:
            raise RefusedError(f"the word index {ranks.max()}, which does not fit into 31 bits")
        yield ranks.clip(-1).astype(np.int32)


def integers_of(value: Any) -> NDArray[np.int64]:
    """The integers of a review: a list, a tuple or an array of them."""
    if isinstance(value, Array):
        return value.integers()
    if not isinstance(value, Sequence):
        raise RefusedError(f"{described(value)} where a review should stand")
    for item in value.items:
        if not isinstance(item, np.ndarray):
            raise RefusedError(f"{described(item)} where an integer should stand")
    return np.concatenate(value.items) if value.items else np.zeros(0, np.int64)


def described(value: Any) -> str:
    """A value for errors."""
    kinds = {Sequence: "a list or tuple", Array: "an array", Type: "a type", bytes: "bytes", str: "a string"}
    return f"the name {value.text!r}" if isinstance(value, Name) else kinds.get(type(value), f"{value!r:.40}")


def described_call(name: Name, arguments: list[Any]) -> Any:
    """The data that one of NumPy's own calls stands for. It is not made."""
    if name.text in _ARRAY_NAMES:
        return Array()
    if name.text == "numpy.dtype" and arguments and isinstance(arguments[0], str):
        return Type(arguments[0])
    if name.text == "_codecs.encode" and len(arguments) == 2 and arguments[1] == "latin1":
        return arguments[0].encode("latin1") if isinstance(arguments[0], str) else _refuse(name)
    if name.text == "__builtin__.bytes" and not arguments:
        return b""  # How protocol 2 writes the content of an empty array.
    if name.text in _SCALAR_NAMES and len(arguments) == 2 and isinstance(arguments[0], Type):
        return arguments[0].integers(arguments[1])
    if name.text in _BUFFER_NAMES and len(arguments) == 4:
        content, kind, shape, _ = arguments
        return Array([1, shape, kind, False, content])
    return _refuse(name)


def _refuse(name: Name) -> NoReturn:
    raise RefusedError(f"the name {name.text!r}")
