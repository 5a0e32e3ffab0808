"""Reads reviews from pickled object arrays of tuples, arrays or shared lists of integers.

`tasks.data.pickled_lists` quickly reads the usual array of lists. All others are read here, by Python's
`pickle.Unpickler`. Before it executes anything, the whole file is read with `pickletools`, and opcodes that arrays of
integers do not need are refused. Names in the file are never looked up: a few names from NumPy map to functions of this
module that create records, and all others are refused. NumPy receives only bytes and the name of an integer type.

All of these APIs are public. `pickle._Unpickler`, written in Python, would not need the first pass, because its memo is
a dictionary and its opcode table can be reduced. But it is private and several times slower.
"""

import io
import pickle
import pickletools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.errors import DataError, shortened

MAX_BYTES = 1 << 29
MAX_OPCODES = 1 << 26  # Each opcode may create an object. Consecutive integers are not counted.
MAX_RANKS = 1 << 29  # Shared lists unpack to more ranks than the file contains.
MAX_RANK = 2**31 - 1
_ADVICE = (
    "only lists of integers, tuples or arrays of them are read. Nothing from the file was run. If you wrote this file, "
    "store each review as a list of ints"
)
# No dictionaries, sets or floats; no instances, persistent names or extension codes; no numbers written as text, no
# text longer than 4 GiB and no integer longer than 255 bytes.
_ADMITTED = frozenset(
    "PROTO FRAME STOP MARK EMPTY_LIST APPEND APPENDS EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 NONE NEWTRUE NEWFALSE "
    "BININT BININT1 BININT2 LONG1 BINSTRING SHORT_BINSTRING BINUNICODE SHORT_BINUNICODE BINBYTES SHORT_BINBYTES "
    "BYTEARRAY8 MEMOIZE BINPUT LONG_BINPUT BINGET LONG_BINGET GLOBAL STACK_GLOBAL REDUCE BUILD".split()
)
# The opcodes BININT1, BININT2 and BININT with their operands.
_INTEGERS = re.compile(rb"(?:K.|M..|J....)*+", re.DOTALL)
_FRAME_BYTES = 9
_TYPES = {f"{order}{kind}{size}" for order in "<>=|" for kind in "iu" for size in "1248"}
# What an unpickler (according to its documentation), `pickletools` or a call with wrong arguments may raise.
_DAMAGED = (pickle.UnpicklingError, AttributeError, EOFError, IndexError, TypeError, ValueError)


def read_pickled_reviews(where: str, content: bytes) -> list[NDArray[np.int32]]:
    """Read the integers of each review in a pickled object array.

    Args:
        where: the file and its member, for errors.
        content: the pickle.

    Returns:
        one array per review, shape (integers,).

    Raises:
        DataError: the pickle contains anything but sequences of integers of at most 31 bits, or is truncated.
    """
    try:
        return list(_reviews_of(_Unpickler(io.BytesIO(_checked(content)), encoding="latin1").load()))
    except _RefusedError as error:
        raise DataError(f"{where}: the pickle contains {error}; refused: {_ADVICE}") from None
    except _DAMAGED:
        raise DataError(f"{where}: the pickle ends too early, or is damaged; fetch the file again") from None


class _RefusedError(Exception):
    """The pickle contains something that this module refuses to read; the message says what."""


def _checked(content: bytes) -> bytes:
    """Check the pickle and return it without its frames.

    Raises:
        _RefusedError: it does more than arrays of integers need, or exceeds a limit.
        ValueError: it is truncated, or not a pickle.
    """
    if len(content) > MAX_BYTES:
        raise _RefusedError(f"more than {MAX_BYTES} bytes")
    stream, parts, start = io.BytesIO(content), [], 0
    for number, (opcode, operand, _) in enumerate(pickletools.genops(stream)):
        name = opcode.name
        if name not in _ADMITTED:
            raise _RefusedError(f"the opcode {name}")
        if number > MAX_OPCODES:
            raise _RefusedError(f"more than {MAX_OPCODES} opcodes")
        if name == "MARK" and (integers := _INTEGERS.match(content, stream.tell())):
            stream.seek(integers.end())  # Integers fill most of a file of tuples, and are slow to read one by one.
        elif name == "LONG_BINPUT" and (operand or 0) > number:
            raise _RefusedError(f"the memo index {operand}")  # The unpickler would allocate a memo of that size.
        elif name == "FRAME":  # If a frame ended in an operand, the unpickler would see other opcodes.
            parts.append(content[start : stream.tell() - _FRAME_BYTES])
            start = stream.tell()
    return b"".join([*parts, content[start:]])


class _Unpickler(pickle.Unpickler):
    """An unpickler that never looks up the names in a file."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        """Return this module's stand-in for the name."""
        name = f"{module_name}.{global_name}"
        if name not in _STAND_INS:
            raise _RefusedError(f"the name {_described(name)}")
        return _STAND_INS[name]


@dataclass
class _Record:
    """Describes an array or a type: the type's text, and the state that BUILD sets."""

    text: Any = None
    state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


def _encode(text: Any, encoding: Any) -> Any:
    """Return the text unencoded, because a short file can request a long text many times; it is encoded when needed."""
    if encoding != "latin1":
        raise _RefusedError(f"the encoding {_described(encoding)}")
    return text


_STAND_INS: dict[str, Any] = {
    "numpy.ndarray": None,  # Never called.
    "numpy.dtype": lambda text, *_: _Record(text),
    "_codecs.encode": _encode,
    "__builtin__.bytes": lambda: b"",  # How protocol 2 writes the content of an empty array.
}
for _core in ("numpy.core", "numpy._core"):
    _STAND_INS[f"{_core}.multiarray._reconstruct"] = lambda *_: _Record()
    _STAND_INS[f"{_core}.multiarray.scalar"] = lambda kind, content: _integers_in(kind, content).item()
    _STAND_INS[f"{_core}.numeric._frombuffer"] = lambda content, kind, shape, order: _Record(
        state=(1, shape, kind, order, content)
    )


def _reviews_of(array: Any) -> Iterator[NDArray[np.int32]]:
    reviews = _values_of(array) if isinstance(array, _Record) else None
    if not isinstance(reviews, list):
        raise _RefusedError("no array of objects")
    total = 0
    for review in reviews:
        ranks = _ranks_of(review)
        total += len(ranks)
        if total > MAX_RANKS:
            raise _RefusedError(f"more than {MAX_RANKS} integers")
        yield ranks


def _ranks_of(review: Any) -> NDArray[np.int32]:
    values = _values_of(review) if isinstance(review, _Record) else review
    if isinstance(values, np.ndarray):
        extremes = int(values.min(initial=0)), int(values.max(initial=0))
    elif not isinstance(values, list | tuple):
        raise _RefusedError(f"{_described(values)} where a review should be")
    elif others := set(map(type, values)) - {int}:
        other = next(value for value in values if type(value) in others)
        raise _RefusedError(f"{_described(other)} where an integer should be")
    else:
        extremes = min(values, default=0), max(values, default=0)
    for value in extremes:
        if not -MAX_RANK <= value <= MAX_RANK:
            raise _RefusedError(f"the word index {shortened(value, 40)}, which does not fit into 31 bits")
    return np.array(values, np.int32)


def _values_of(array: _Record) -> list[Any] | NDArray[Any]:
    """Return an array's objects or integers; its state is (version, shape, type, order, content)."""
    match array.state:
        case (_, (length,), kind, _, content):
            values = content if isinstance(content, list) else _integers_in(kind, content)
        case _:
            raise _RefusedError("an array that is not one-dimensional")
    if length != len(values):
        raise _RefusedError("an array whose content does not match its shape")
    return values


def _integers_in(kind: Any, content: Any) -> NDArray[Any]:
    """Decode integers from bytes. Their type's state is (version, byte order, …)."""
    match kind:
        case _Record(str(text), (_, str(order), *_)) if order + text in _TYPES:
            values = content.encode("latin1") if isinstance(content, str) else content
            if not isinstance(values, bytes | bytearray) or len(values) % int(text[1]):
                raise _RefusedError("an array whose bytes are truncated")
            return np.frombuffer(values, order + text)
        case _Record(text):
            raise _RefusedError(f"values of type {_described(text)}")
    raise _RefusedError("values without a type")


def _described(value: Any) -> str:
    """Describe a value for error messages. Sequences are not written out: they may be nested endlessly."""
    if value is None or isinstance(value, int | str):
        return shortened(repr(value), 40)
    return f"a {type(value).__name__.strip('_').lower()}"
