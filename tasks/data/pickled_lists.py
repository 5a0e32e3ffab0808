"""Reads lists of integers from a pickled object array, without unpickling it.

Unpickling runs any code hidden in a file. Here a compiled loop walks over the pickle's opcodes and accepts only those
that build a list of lists of integers, in the order in which `pickle.dump` writes them. Nothing in the file is ever
called.
"""

import pickletools
from collections.abc import Iterator
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.errors import DataError
from tasks.storage.compiled import compiled

_CHUNK_BYTES = 8 << 20
_PROLOGUE_BYTES = 4096
# Every name and constant in an object array's pickle, for protocols 0 to 5 and NumPy 1 and 2.
_ARRAY_WORDS = set(
    "numpy.core.multiarray numpy._core.multiarray _reconstruct numpy ndarray dtype _codecs encode b latin1".split()
) | {"O8", "O", "|", "|O"}
_EPILOGUE = ["TUPLE", "BUILD", "STOP"]
_MEMO_NAMES = {"MEMOIZE", "BINPUT", "LONG_BINPUT"}
# The opcodes that make up lists of integers in pickle protocols 2 to 5, as `pickletools` names them.
MARK, TUPLE, FRAME = 40, 116, 149
EMPTY_LIST, APPEND, APPENDS = 93, 97, 101
BININT, BININT1, BININT2, LONG1, LONG4 = 74, 75, 77, 138, 139
MEMOIZE, BINPUT, LONG_BINPUT = 148, 113, 114
_INTEGERS = (BININT, BININT1, BININT2)
# Opcodes that change nothing in the lists, with their sizes in bytes, including operands.
_SKIPPED = {MEMOIZE: 1, BINPUT: 2, LONG_BINPUT: 5, FRAME: 9}
# The size of the longest opcode in bytes, including its operand.
LONGEST_OPCODE = 9
# What is being built. `pickle` fills a list in two ways: a MARK, a batch of items and APPENDS, or one item and APPEND.
# Both the outer list and each review may be filled either way.
OUTER_LIST = 0
BATCH = 1  # An empty batch of reviews.
REVIEW = 2  # A review in a batch; it ends where the next one begins or the batch ends.
REVIEW_BATCH = 3  # A batch of integers in a review in a batch.
REVIEW_INTEGER = 4  # A review in a batch, with an integer before its APPEND.
SINGLE = 5  # A review outside a batch, before its APPEND.
SINGLE_BATCH = 6
SINGLE_INTEGER = 7
# How the walk ends.
DONE, REFUSED, TOO_LARGE = 8, 9, 10
_GRAMMAR = {
    OUTER_LIST: {MARK: BATCH, EMPTY_LIST: SINGLE, TUPLE: DONE},
    BATCH: {EMPTY_LIST: REVIEW, APPENDS: OUTER_LIST},
    REVIEW: {EMPTY_LIST: REVIEW, MARK: REVIEW_BATCH, APPENDS: OUTER_LIST} | dict.fromkeys(_INTEGERS, REVIEW_INTEGER),
    REVIEW_BATCH: {APPENDS: REVIEW} | dict.fromkeys(_INTEGERS, REVIEW_BATCH),
    REVIEW_INTEGER: {APPEND: REVIEW},
    SINGLE: {MARK: SINGLE_BATCH, APPEND: OUTER_LIST} | dict.fromkeys(_INTEGERS, SINGLE_INTEGER),
    SINGLE_BATCH: {APPENDS: SINGLE} | dict.fromkeys(_INTEGERS, SINGLE_BATCH),
    SINGLE_INTEGER: {APPEND: SINGLE},
}


def _transitions() -> NDArray[np.uint8]:
    """Convert the grammar to an array for the compiled loop: the next state for each state and opcode."""
    table = np.full((len(_GRAMMAR), 256), REFUSED, np.uint8)
    for state, next_states in _GRAMMAR.items():
        table[state, [LONG1, LONG4]] = TOO_LARGE
        table[state, list(_SKIPPED)] = state
        table[state, list(next_states)] = list(next_states.values())
    return table


NEXT_STATE = _transitions()
# The size in bytes of each opcode except integers.
OPCODE_BYTES = np.array([_SKIPPED.get(opcode, 1) for opcode in range(256)], np.uint8)


class NotPlainListsError(DataError):
    """The pickle is not an array of plain lists; `tasks.data.other_pickles` may be able to read it."""


class Lists(NamedTuple):
    """Concatenated lists of integers: list i is `values[starts[i]:starts[i + 1]]`."""

    values: NDArray[np.int32]
    starts: NDArray[np.int64]


class _Walk(NamedTuple):
    """How far a walk over a chunk got."""

    bytes_used: int
    value_count: int
    list_count: int
    state: int


def read_pickled_lists(where: str, member: IO[bytes]) -> Iterator[Lists]:
    """Read the integers of a pickled object array of lists, a chunk of the file at a time.

    Args:
        where: the file and its member, for errors.
        member: the pickle.

    Raises:
        NotPlainListsError: the pickle contains anything but lists of integers of at most 31 bits, or a list twice.
        DataError: the pickle is truncated or unreadable, or continues after the reviews.
    """
    rest = member.read(_PROLOGUE_BYTES)
    rest = rest[_end_of_prologue(where, rest) :]
    state = OUTER_LIST
    while state != DONE:
        chunk = member.read(_CHUNK_BYTES)
        # Padding lets the loop read a whole operand at the end of the file without reading past the buffer.
        buffer = np.frombuffer(rest + chunk + (b"" if chunk else bytes(LONGEST_OPCODE)), np.uint8)
        values = np.empty(len(buffer) // 2 + 1, np.int32)
        starts = np.empty(len(buffer) + 1, np.int64)
        walk = _Walk(*_walk_opcodes(buffer, state, values, starts))
        is_cut = not chunk and walk.bytes_used >= len(rest)
        _check_walk(where, walk, buffer, is_cut)
        yield Lists(values[: walk.value_count].copy(), starts[: walk.list_count].copy())
        rest = buffer[walk.bytes_used :].tobytes()
        state = walk.state
    _check_epilogue(where, rest + member.read(_PROLOGUE_BYTES))


def _check_walk(where: str, walk: _Walk, buffer: NDArray[np.uint8], is_cut: bool) -> None:
    if is_cut:
        raise DataError(f"{where}: the pickle ends too early; the file is cut short, fetch it again")
    if walk.state == TOO_LARGE:
        raise NotPlainListsError(f"{where}: a word index does not fit into 31 bits; expected the ranks of words")
    if walk.state == REFUSED:
        raise NotPlainListsError(
            f"{where}: the pickle contains opcode {chr(buffer[walk.bytes_used])!r} where only lists of integers are "
            "allowed. Nothing from the file was run. If you wrote this file, store each review as a list of ints"
        )


def _end_of_prologue(where: str, start: bytes) -> int:
    """Return where the object array's outer list begins: the byte after its EMPTY_LIST opcode."""
    try:
        for opcode, argument, position in pickletools.genops(start):
            if opcode.name == "EMPTY_LIST" and position is not None:
                return position + 1
            unknown = set(argument.split()) - _ARRAY_WORDS if isinstance(argument, str) else set()
            if unknown:
                raise NotPlainListsError(
                    f"{where}: the pickle names {argument!r}; refused, only arrays of lists of integers are read. "
                    "Nothing from the file was run"
                )
    except ValueError as error:
        raise DataError(f"{where}: the pickle cannot be read ({str(error).splitlines()[0]})") from error
    raise NotPlainListsError(f"{where}: found no list of reviews in the pickle; expected an array of lists of integers")


def _check_epilogue(where: str, end: bytes) -> None:
    try:
        names = [opcode.name for opcode, _, _ in pickletools.genops(end)]
    except ValueError as error:
        raise DataError(f"{where}: the pickle ends too early; the file is cut short, fetch it again") from error
    if [name for name in names if name not in _MEMO_NAMES] != _EPILOGUE:
        raise DataError(f"{where}: the pickle continues after the reviews ({names[:6]}); refused. Nothing was run")


@compiled
def _walk_opcodes(
    buffer: NDArray[np.uint8], state: int, values: NDArray[np.int32], starts: NDArray[np.int64]
) -> tuple[int, int, int, int]:
    """Walk over opcodes as long as they build a list of lists of integers.

    Args:
        buffer: opcodes; the last `LONGEST_OPCODE` - 1 bytes are left for the next chunk.
        state: what the preceding opcodes are building.
        values, starts: results: the integers, and where each list starts.

    Returns:
        the fields of `_Walk`; an opcode that ends the walk does not count as used.
    """
    position, value_count, list_count = 0, 0, 0
    while position + LONGEST_OPCODE <= len(buffer):
        opcode = buffer[position]
        state = NEXT_STATE[state, opcode]
        if state >= DONE:
            break
        if opcode in _INTEGERS:
            # If the size were read from a table, each position would have to wait for the preceding one.
            value, size = np.int32(buffer[position + 1]), 2
            if opcode != BININT1:
                value |= np.int32(buffer[position + 2]) << 8
                size = 3
            if opcode == BININT:
                value |= (np.int32(buffer[position + 3]) << 16) | (np.int32(buffer[position + 4]) << 24)
                size = 5
            values[value_count] = value
            value_count += 1
            position += size
            continue
        if opcode == EMPTY_LIST:
            starts[list_count] = value_count
            list_count += 1
        position += OPCODE_BYTES[opcode]
    return position, value_count, list_count, state
