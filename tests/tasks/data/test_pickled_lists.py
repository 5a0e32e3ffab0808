import io
import pickle
import pickletools
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.data import pickled_lists
from tasks.data.pickled_lists import read_pickled_lists
from tasks.errors import DataError

OPCODES = {opcode.name: opcode for opcode in pickletools.opcodes}
WITHOUT_VALUE = ["MARK", "EMPTY_LIST", "APPEND", "APPENDS", "FRAME", "MEMOIZE", "BINPUT", "LONG_BINPUT", "TUPLE"]
# What surrounds the content of the outer list in the pickle of an object array, as short as the reader accepts it.
PROLOGUE, EPILOGUE = b"\x80\x02]", b"tb."
EMPTY_LIST, MARK, APPENDS, APPEND = b"]", b"(", b"e", b"a"
ONE, TWO = b"K\x01", b"K\x02"


def read(content: bytes) -> list[list[int]]:
    """The lists in a pickle, their chunks put together."""
    values: list[int] = []
    starts: list[int] = []
    for lists in read_pickled_lists("file", io.BytesIO(content)):
        starts += (lists.starts + len(values)).tolist()
        values += lists.values.tolist()
    return [values[start:end] for start, end in pairwise([*starts, len(values)])]


@pytest.mark.parametrize("name", [*WITHOUT_VALUE, "BININT", "BININT1", "BININT2", "LONG1", "LONG4"])
def test_opcodes_have_the_codes_of_pickletools(name: str) -> None:
    assert chr(getattr(pickled_lists, name)) == OPCODES[name].code


@pytest.mark.parametrize("name", WITHOUT_VALUE)
def test_opcodes_have_the_sizes_of_pickletools(name: str) -> None:
    opcode = OPCODES[name]
    size = 1 + (opcode.arg.n if opcode.arg else 0)
    assert pickled_lists.OPCODE_BYTES[ord(opcode.code)] == size <= pickled_lists.LONGEST_OPCODE


@settings(deadline=None)
@given(
    lists=st.lists(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=4), min_size=1, max_size=5),
    protocol=st.sampled_from([2, 3, 4, 5]),
    chunk_bytes=st.sampled_from([1, 7, 64, 1 << 20]),
)
def test_reads_what_pickle_writes_in_chunks_of_any_size(lists: list, protocol: int, chunk_bytes: int) -> None:
    array = np.empty(len(lists), dtype=object)
    array[:] = lists
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(pickled_lists, "_CHUNK_BYTES", chunk_bytes)
        assert read(pickle.dumps(array, protocol)) == lists


@pytest.mark.parametrize(
    ("content", "lists"),
    [
        (b"", []),
        (EMPTY_LIST + APPEND, [[]]),
        (EMPTY_LIST + ONE + APPEND + APPEND, [[1]]),
        (EMPTY_LIST + MARK + ONE + TWO + APPENDS + APPEND, [[1, 2]]),
        (MARK + EMPTY_LIST + EMPTY_LIST + ONE + APPEND + APPENDS, [[], [1]]),
        (MARK + EMPTY_LIST + MARK + ONE + TWO + APPENDS + ONE + APPEND + APPENDS, [[1, 2, 1]]),
        (MARK + EMPTY_LIST + APPENDS + MARK + EMPTY_LIST + APPENDS + EMPTY_LIST + APPEND, [[], [], []]),
    ],
)
def test_both_ways_to_fill_a_list_are_admitted(content: bytes, lists: list) -> None:
    assert read(PROLOGUE + content + EPILOGUE) == lists


@pytest.mark.parametrize(
    ("content", "opcode"),
    [
        (ONE, "K"),
        (APPEND, "a"),
        (MARK + MARK, "("),
        (MARK + ONE, "K"),
        (MARK + EMPTY_LIST + APPEND, "a"),
        (MARK + EMPTY_LIST + ONE + TWO, "K"),
        (MARK + EMPTY_LIST + ONE + APPENDS, "e"),
        (MARK + EMPTY_LIST + MARK + EMPTY_LIST, "]"),
        (MARK + EMPTY_LIST + MARK + APPEND, "a"),
        (MARK + EMPTY_LIST, "t"),
        (EMPTY_LIST, "t"),
        (EMPTY_LIST + EMPTY_LIST + APPEND, "]"),
        (EMPTY_LIST + APPENDS, "e"),
        (EMPTY_LIST + ONE + EMPTY_LIST, "]"),
        (b"cos\nsystem\n", "c"),
        (EMPTY_LIST + b"R", "R"),
    ],
)
def test_any_other_structure_is_refused_with_its_opcode(content: bytes, opcode: str) -> None:
    with pytest.raises(DataError, match="only lists of integers are allowed") as caught:
        read(PROLOGUE + content + EPILOGUE)
    assert f"file: the pickle contains opcode {opcode!r} " in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x80\x02cos\nsystem\n]", "names 'os system'; refused"),
        (b"\x80\x02K\x01.", "found no list of reviews"),
        (b"\x80\x02\xff]", "cannot be read"),
        (PROLOGUE + b"tbK\x01.", "continues after the reviews"),
        (PROLOGUE + b"t", "cut short"),
        (PROLOGUE + MARK + EMPTY_LIST + ONE, "cut short"),
        (PROLOGUE + MARK + EMPTY_LIST + b"K", "cut short"),
        (PROLOGUE + MARK + EMPTY_LIST + b"\x8a\x05\x00\x00\x00\x00\x01", "31 bits"),
    ],
)
def test_a_faulty_pickle_is_one_clear_line(content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read(content)
    assert str(caught.value).startswith("file: ")
    assert "\n" not in str(caught.value)
