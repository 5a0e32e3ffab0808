"""Pickles that no tool writes: their instructions are not followed, and they get no extra memory."""

import pickle
import pickletools
import re
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy._core.multiarray import _reconstruct, scalar
from numpy._core.numeric import _frombuffer

from tasks.data.other_pickles import read_pickled_reviews
from tests.tasks.data.test_imdb_npz import objects
from tests.tasks.data.test_other_pickles import Calls, complaint

FEW_BYTES = 16 << 20
DEEP = 100_000
DTYPE = b"cnumpy\ndtype\n"
ARRAY = b"cnumpy._core.multiarray\n_reconstruct\n"
SCALAR = b"cnumpy._core.multiarray\nscalar\n"
ENCODE = b"c_codecs\nencode\n"
CUT_FRAME = b"\x95" + (2).to_bytes(8, "little")


def among_reviews(opcodes: bytes) -> bytes:
    """The pickle of an object array in which some opcodes stand where a review should."""
    content = pickle.dumps(objects((1,), "a review"), 2)
    word = b"X" + (8).to_bytes(4, "little") + b"a review"
    assert word in content
    return content.replace(word, opcodes)


def words(text: str) -> bytes:
    """The opcode of a string."""
    return b"X" + len(text.encode()).to_bytes(4, "little") + text.encode()


REFUSED_OPCODES = set(
    "INT LONG LONG4 STRING UNICODE FLOAT BINFLOAT NEXT_BUFFER READONLY_BUFFER LIST EMPTY_DICT DICT SETITEM SETITEMS "
    "EMPTY_SET ADDITEMS FROZENSET POP DUP POP_MARK GET PUT EXT1 EXT2 EXT4 INST OBJ NEWOBJ NEWOBJ_EX PERSID "
    "BINPERSID BINUNICODE8 BINBYTES8".split()
)
OPERANDS = {"STRING": b"'1'\n", "LONG4": b"\1\0\0\0\1", "BINUNICODE8": bytes(8), "BINBYTES8": bytes(8)}


@pytest.mark.parametrize("before", [b"", b"(", b"(K\1M\1\1J\1\1\1\1"])
@pytest.mark.parametrize("name", sorted(REFUSED_OPCODES))
def test_an_opcode_that_data_does_not_need_is_refused(name: str, before: bytes) -> None:
    (code,) = (opcode.code for opcode in pickletools.opcodes if opcode.name == name)
    opcodes = before + code.encode("latin1") + OPERANDS.get(name, b"1\n1\n1\n1\n")
    assert f"the pickle contains the opcode {name}; refused" in complaint(among_reviews(opcodes))


# Opcodes that end with STOP are a whole pickle; others stand where a review should.
HOSTILE = {
    "memo index": (b"]r\xff\xff\xff\x7f.", "the memo index 2147483647"),
    "largest memo index": (b"]r\xff\xff\xff\xff.", "the memo index 4294967295"),
    "LONG4 of gigabytes": (b"\x8b\xff\xff\xff\x7f.", "ends too early"),
    "LONG4 below zero": (b"\x8b\xff\xff\xff\xff.", "ends too early"),
    "BINBYTES of gigabytes": (b"B\xff\xff\xff\xff.", "ends too early"),
    "BINBYTES8": (b"\x8e" + b"\xff" * 7 + b"\x7f.", "ends too early"),
    "BYTEARRAY8": (b"\x96" + b"\xff" * 7 + b"\x7f.", "ends too early"),
    "BINUNICODE8": (b"\x8d" + b"\xff" * 7 + b"\x7f.", "ends too early"),
    "BINSTRING": (b"T\xff\xff\xff\x7f.", "ends too early"),
    "FRAME": (b"\x95" + b"\xff" * 7 + b"\x7f", "does not match its shape"),
    # If an unpickler continues after the frame, it reads the text as opcodes: ")", then a memo index of 2**24.
    "a FRAME that cuts an operand": (CUT_FRAME + b"M\5\0U)" + b"r\0\0\0\1".ljust(41, b"N"), "does not match its shape"),
    "word index": (b"\x8a\xff" + b"\x7f" * 255 + b"\x85", "the word index \\d{40}…, which does not fit into 31 bits"),
    "BUILD with a dict": (DTYPE + words("i8") + b"\x85R}b", "the opcode EMPTY_DICT"),
    "BUILD on a list": (b"]K\x01\x85b", "is damaged"),
    "BUILD on a name": (SCALAR + b"K\x01\x85b", "is damaged"),
    "REDUCE of a number": (b"K\x01)R", "is damaged"),
    "REDUCE of a class": (b"cnumpy\nndarray\n)R", "is damaged"),
    "REDUCE of an array": (ARRAY + b")R)R", "is damaged"),
    "REDUCE with a list": (DTYPE + b"]R", "is damaged"),
    "REDUCE with nothing": (DTYPE + b")R", "is damaged"),
    "bytes of a length": (b"c__builtin__\nbytes\nJ\xff\xff\xff\x7f\x85R", "is damaged"),
    "another module's ndarray": (b"cos\nndarray\n", "the name 'os.ndarray'"),
    "a name of numbers": (b"K\x01K\x01\x93", "is damaged"),
    "a name without end": (b"c" + b"o" * DEEP + b"\nx\n", "the name 'o{39}…; refused"),
    "another encoding": (ENCODE + words("x") + words("rot13") + b"\x86R", "the encoding 'rot13'"),
    "encoding of numbers": (ENCODE + b"K\x01K\x02\x86R", "the encoding 2"),
    "text outside latin1": (ARRAY + b")R(K\x01K\x01\x85" + DTYPE + words("i4") + b"\x85R(K\x03U\x01<tbI00\ntb", "INT"),
    "a type of lists": (SCALAR + DTYPE + b"]\x85RU\x01x\x86R", "values of type a list"),
    "a type without state": (SCALAR + DTYPE + words("i8") + b"\x85RU\x01x\x86R", "values of type 'i8'"),
    "a number without a type": (SCALAR + b"K\x01U\x01x\x86R", "values without a type"),
    "append to a tuple": (b"(K\x01tK\x02a", "is damaged"),
    "append to nothing": (b"aaaa", "is damaged"),
    "nothing remembered": (b"h\xff", "is damaged"),
    "much remembered": (b"j\xff\xff\xff\xff", "is damaged"),
    "protocol 6": (b"\x80\x06", "is damaged"),
    "deep lists": (b"]" * DEEP + b"a" * (DEEP - 1), "a list where an integer should be"),
    "deep tuples": (b")" + b"\x85" * DEEP, "a tuple where an integer should be"),
    "deep list of reviews": (b"]" * DEEP + b"a" * (DEEP - 1) + b".", "no array of objects"),
    "deep arrays": (ARRAY + b"q\x63)R" + b"h\x63)R" * DEEP + b"\x85b" * DEEP, "not one-dimensional"),
    "deep dtypes": (SCALAR + DTYPE + b"q\x63" + b"h\x63)R" * 2 + b"\x85R" * DEEP, "is damaged"),
    "marks": (b"(" * DEEP, "is damaged"),
    "marks as tuples": (b"(" * DEEP + b"t" * DEEP, "a tuple where an integer should be"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_opcodes_made_by_hand_are_refused_in_little_memory(name: str) -> None:
    opcodes, message = HOSTILE[name]
    content = opcodes if opcodes.endswith(b".") else among_reviews(opcodes)
    tracemalloc.start()
    try:
        found = complaint(content)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert re.search(message, found), found
    assert len(found) < 400
    assert most < FEW_BYTES + 200 * len(content)


def array(*state: object) -> Calls:
    return Calls(_reconstruct, (np.ndarray, (0,), b"b"), state)


INT, OBJECT = np.dtype("i4"), np.dtype("O")
MALFORMED = {
    "no state": (Calls(_reconstruct, (np.ndarray, (0,), b"b")), "not one-dimensional"),
    "a short state": (array(1, (1,), INT, False), "not one-dimensional"),
    "a long state": (array(1, (1,), INT, False, bytes(4), 0), "not one-dimensional"),
    "no dimension": (array(1, (), INT, False, bytes(4)), "not one-dimensional"),
    "a shape that is a number": (array(1, 1, INT, False, bytes(4)), "not one-dimensional"),
    "a huge shape": (array(1, (2**31 - 1,), INT, False, bytes(4)), "does not match its shape"),
    "a shape below zero": (array(1, (-1,), INT, False, bytes(4)), "does not match its shape"),
    "a shape of words": (array(1, ("4",), INT, False, bytes(4)), "does not match its shape"),
    "a shape of objects": (array(1, (3,), OBJECT, False, [1, 2]), "does not match its shape"),
    "bytes cut": (array(1, (2,), INT, False, bytes(7)), "bytes are truncated"),
    "no bytes": (array(1, (2,), INT, False, 8), "bytes are truncated"),
    "nothing": (array(1, (2,), INT, False, None), "bytes are truncated"),
    "bytes as objects": (array(1, (1,), OBJECT, False, bytes(8)), "values of type 'O8'"),
    "a type that is a word": (array(1, (1,), "i4", False, bytes(4)), "values without a type"),
    "a type of fields": (array(1, (1,), np.dtype([("a", "i4")]), False, bytes(4)), "the opcode EMPTY_DICT"),
    "a type of arrays": (array(1, (1,), np.dtype((np.int32, (4,))), False, bytes(16)), "values of type 'V16'"),
    "another order": (array(1, (1,), Calls(np.dtype, ("i4",), (3, "!")), False, bytes(4)), "values of type 'i4'"),
    "an order of numbers": (array(1, (1,), Calls(np.dtype, ("i4",), (3, 4)), False, bytes(4)), "values of type 'i4'"),
    "an order cut": (array(1, (1,), Calls(np.dtype, ("i4",), (3,)), False, bytes(4)), "values of type 'i4'"),
    "sixteen bytes": (array(1, (1,), Calls(np.dtype, ("i16",), (3, "<")), False, bytes(16)), "values of type 'i16'"),
    "a buffer's shape": (Calls(_frombuffer, (bytes(4), INT, (2,), "C")), "does not match its shape"),
    "a buffer's type": (Calls(_frombuffer, (bytes(4), None, (1,), "C")), "values without a type"),
    "a buffer of a buffer": (Calls(_frombuffer, (array(), INT, (1,), "C")), "bytes are truncated"),
    "two numbers": ((Calls(scalar, (INT, bytes(8))),), "is damaged"),
    "a number cut": ((Calls(scalar, (INT, bytes(3))),), "bytes are truncated"),
    "an object as a number": ((Calls(scalar, (OBJECT, bytes(8))),), "values of type 'O8'"),
    "a list in an array": (array(1, (1,), OBJECT, False, [[1]]), "where an integer should be"),
}


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("name", MALFORMED)
def test_a_state_that_numpy_could_not_bear_is_refused(name: str, protocol: int) -> None:
    review, message = MALFORMED[name]
    assert message in complaint(pickle.dumps(objects((1,), review), protocol))


def test_no_module_is_imported() -> None:
    assert "antigravity" not in sys.modules
    assert "the name 'antigravity.geohash'; refused" in complaint(b"cantigravity\ngeohash\n.")
    assert "antigravity" not in sys.modules


def test_a_short_file_does_not_make_many_copies_of_a_long_text() -> None:
    text = words("x" * 1_000_000)
    content = among_reviews(text + b"q\x63(" + (ENCODE + b"h\x63" + words("latin1") + b"\x86R") * 1_000 + b"t")
    tracemalloc.start()
    try:
        assert "does not match its shape" in complaint(content)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < FEW_BYTES


@pytest.mark.parametrize(("limit", "unit"), [("MAX_OPCODES", "opcodes"), ("MAX_BYTES", "bytes")])
def test_a_file_that_would_need_much_memory_is_refused(monkeypatch: pytest.MonkeyPatch, limit: str, unit: str) -> None:
    content = pickle.dumps(objects(*[(1, 2, 3, 4)] * 200))
    assert complaint(content) == ""
    monkeypatch.setattr(f"tasks.data.other_pickles.{limit}", 200)
    assert f"more than 200 {unit}" in complaint(content)


SNIPPETS = [
    *(bytes([code]) for code in b"(])}ateb.RN" + b"\x85\x86\x87\x88\x89\x93\x94\x8f"),
    *(b"K\x01", b"M\x01\x02", b"J\x01\x02\x03\x04", b"\x8a\x01\x05", b"U\x01<", b"C\x01x", b"C\x08" + bytes(8)),
    *(b"q\x00", b"q\x01", b"h\x00", b"h\x01", b"r\x02\0\0\0", b"j\x02\0\0\0", b"\x96\x01" + bytes(8), words("i8")),
    *(DTYPE, ARRAY, SCALAR, ENCODE, b"cnumpy\nndarray\n", b"c__builtin__\nbytes\n", words("latin1")),
    b"cnumpy._core.numeric\n_frombuffer\n",
]


@settings(deadline=None, max_examples=500)
@given(st.lists(st.sampled_from(SNIPPETS), max_size=40), st.booleans())
def test_any_opcodes_are_read_or_refused(opcodes: list[bytes], is_review: bool) -> None:
    content = b"".join(opcodes)
    assert "\n" not in complaint(among_reviews(content) if is_review else content + b".")


@pytest.mark.parametrize(("count", "opcode"), [(3, b"U\x0c"), (100, b"T\x90\1\0\0")])
def test_python_2_wrote_bytes_as_strings(count: int, opcode: bytes) -> None:
    array = np.arange(70_000, 70_000 + count, dtype=np.int32)
    content, text = pickle.dumps(objects(array), 2), words(array.tobytes().decode("latin1"))
    assert text in content
    content = content.replace(text, opcode + array.tobytes())
    assert [review.tolist() for review in read_pickled_reviews("x", content)] == [array.tolist()]
