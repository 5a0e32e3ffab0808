"""Lists of integers out of a pickled object array, without unpickling it.

Unpickling runs whatever code somebody put into a file. Here a compiled loop walks over the opcodes of the pickle and
admits only those that a list of lists of integers consists of. Nothing in the file is ever called.
"""

import pickletools
from collections.abc import Iterator
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.results.errors import DataError
from tasks.storage.compiled import compiled

_CHUNK_BYTES = 8 << 20
_PROLOGUE_BYTES = 4096
# Every name and constant in the pickle of an object array, by protocols 0 to 5 and NumPy 1 and 2.
_ARRAY_WORDS = set(
    "numpy.core.multiarray numpy._core.multiarray _reconstruct numpy ndarray dtype _codecs encode b latin1".split()
) | {"O8", "O", "|", "|O"}
_EPILOGUE = ["TUPLE", "BUILD", "STOP"]
_MEMO_NAMES = {"MEMOIZE", "BINPUT", "LONG_BINPUT"}

# The opcodes of pickle protocols 2 to 5 that lists of integers consist of, as `pickletools` names them.
MARK, TUPLE, FRAME = 40, 116, 149
EMPTY_LIST, APPEND, APPENDS = 93, 97, 101
BININT, BININT1, BININT2, LONG1, LONG4 = 74, 75, 77, 138, 139
MEMOIZE, BINPUT, LONG_BINPUT = 148, 113, 114
# Bytes of an opcode with its operand; the longest is FRAME with its eight.
LONGEST_OPCODE = 10

# How a walk over a chunk ended.
MORE, DONE, REFUSED, TOO_LARGE = 0, 1, 2, 3
# What the opcodes so far left open, as places in `state`: a review; a mark in it; an integer that waits for its
# APPEND; a mark in the outer list.
IN_REVIEW, INNER_MARK, WAITING, OUTER_MARK = 0, 1, 2, 3


class NotPlainListsError(DataError):
    """The pickle is no array of plain lists; `tasks.data.pickle_machine` may know what it holds."""


class Lists(NamedTuple):
    """Lists of integers laid end to end: list i is `values[starts[i]:starts[i + 1]]`."""

    values: NDArray[np.int32]
    starts: NDArray[np.int64]


class _Walk(NamedTuple):
    """What a walk over a chunk used, found and ended with."""

    bytes_used: int
    value_count: int
    list_count: int
    status: int


def read_pickled_lists(where: str, member: IO[bytes]) -> Iterator[Lists]:
    """The integers of a pickled object array of lists, a chunk of the file at a time.

    Args:
        where: the file and its member, for errors.
        member: the pickle.

    Raises:
        NotPlainListsError: the pickle holds anything but lists of integers, each list once.
        DataError: an integer has more than 31 bits, or the pickle is cut short.
    """
    rest = member.read(_PROLOGUE_BYTES)
    rest = rest[_end_of_prologue(where, rest) :]
    state = np.zeros(4, np.bool_)
    while True:
        chunk = member.read(_CHUNK_BYTES)
        # Padding lets the loop read a whole operand at the end of the file without looking past the buffer.
        buffer = np.frombuffer(rest + chunk + (b"" if chunk else bytes(LONGEST_OPCODE)), np.uint8)
        values = np.empty(len(buffer) // 2 + 1, np.int32)
        starts = np.empty(len(buffer) + 1, np.int64)
        walk = _Walk(*_walk(buffer, state, values, starts))
        _check_status(where, walk, buffer, is_end=not chunk and walk.bytes_used >= len(rest))
        yield Lists(values[: walk.value_count].copy(), starts[: walk.list_count].copy())
        rest = buffer[walk.bytes_used :].tobytes()
        if walk.status == DONE:
            _check_epilogue(where, rest + member.read(_PROLOGUE_BYTES))
            return
        if not chunk:
            raise DataError(f"{where}: the pickle ends too early; the file is cut short")


def _check_status(where: str, walk: _Walk, buffer: NDArray[np.uint8], is_end: bool) -> None:
    if walk.status == REFUSED and not is_end:
        raise NotPlainListsError(
            f"{where}: the pickle holds opcode {chr(buffer[walk.bytes_used])!r} where only lists of integers are "
            "admitted; nothing from it was run. If you made this file: store each review as a list of ints"
        )
    if walk.status == TOO_LARGE:
        raise DataError(f"{where}: a word index does not fit into 31 bits; expected the ranks of words")


def _end_of_prologue(where: str, start: bytes) -> int:
    """Where the outer list of the object array begins: the byte after its EMPTY_LIST opcode."""
    try:
        for opcode, argument, position in pickletools.genops(start):
            if opcode.name == "EMPTY_LIST" and position is not None:
                return position + 1
            unknown = set(argument.split()) - _ARRAY_WORDS if isinstance(argument, str) else set()
            if unknown:
                raise NotPlainListsError(
                    f"{where}: the pickle names {argument!r}; refused: only arrays of lists of integers are read; "
                    "nothing from the file was run"
                )
    except ValueError as error:
        raise DataError(f"{where}: the pickle cannot be read ({str(error).splitlines()[0]})") from error
    raise NotPlainListsError(f"{where}: no list of reviews was found in the pickle")


def _check_epilogue(where: str, end: bytes) -> None:
    try:
        names = [opcode.name for opcode, _, _ in pickletools.genops(end)]
    except ValueError as error:
        raise DataError(f"{where}: the pickle ends too early; the file is cut short") from error
    if [name for name in names if name not in _MEMO_NAMES] != _EPILOGUE:
        raise NotPlainListsError(
            f"{where}: the pickle continues after the reviews ({names[:6]}); refused, nothing was run"
        )


@compiled
def _walk(
    buffer: NDArray[np.uint8],
    state: NDArray[np.bool_],
    values: NDArray[np.int32],
    starts: NDArray[np.int64],
) -> tuple[int, int, int, int]:
    """Walk over opcodes as long as they build a list of lists of integers.

    Args:
        buffer: opcodes; the last `LONGEST_OPCODE` - 1 bytes are left for the next chunk.
        state: what the opcodes before left open, updated.
        values, starts: room for the integers, and for where each list starts.

    Returns:
        bytes used, integers, lists, and how it ended, as `_Walk` names them.
    """
    in_review, inner_mark = state[IN_REVIEW], state[INNER_MARK]
    waiting, outer_mark = state[WAITING], state[OUTER_MARK]
    at, value_count, list_count, status = 0, 0, 0, MORE
    while at + LONGEST_OPCODE <= len(buffer):
        opcode = buffer[at]
        if opcode in (BININT1, BININT2, BININT):
            if not in_review or waiting:
                status = REFUSED
                break
            value = np.int32(buffer[at + 1])
            size = 2
            if opcode != BININT1:
                value |= np.int32(buffer[at + 2]) << 8
                size = 3
            if opcode == BININT:
                value |= (np.int32(buffer[at + 3]) << 16) | (np.int32(buffer[at + 4]) << 24)
                size = 5
            values[value_count] = value
            value_count += 1
            waiting = not inner_mark
            at += size
        elif opcode == EMPTY_LIST:
            if inner_mark or waiting:
                status = REFUSED
                break
            starts[list_count] = value_count
            list_count += 1
            in_review = True
            at += 1
        elif opcode == MARK:
            if inner_mark or waiting or (outer_mark and not in_review):
                status = REFUSED
                break
            if in_review:
                inner_mark = True
            else:
                outer_mark = True
            at += 1
        elif opcode == APPENDS:
            if inner_mark:
                inner_mark = False
            elif outer_mark and not waiting:
                outer_mark = in_review = False
            else:
                status = REFUSED
                break
            at += 1
        elif opcode == APPEND:
            if waiting:
                waiting = False
            elif in_review and not outer_mark and not inner_mark:
                in_review = False
            else:
                status = REFUSED
                break
            at += 1
        elif opcode == MEMOIZE:
            at += 1
        elif opcode == BINPUT:
            at += 2
        elif opcode == LONG_BINPUT:
            at += 5
        elif opcode == FRAME:
            at += 9
        elif opcode in (LONG1, LONG4):
            status = TOO_LARGE
            break
        else:
            status = DONE if opcode == TUPLE and not (in_review or outer_mark) else REFUSED
            break
    state[IN_REVIEW], state[INNER_MARK] = in_review, inner_mark
    state[WAITING], state[OUTER_MARK] = waiting, outer_mark
    return at, value_count, list_count, status
