import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.data.imdb_npz import read_imdb_npz
from tasks.data.other_pickles import read_pickled_reviews
from tasks.errors import DataError
from tests.tasks.data.test_imdb_npz import Attack, objects

SHARED = [7, 300, 70_000]
REVIEWS = [[1, 2], [], [255, 256, 65_535, 65_536, 2**31 - 1], list(range(2_500)), [5], [1, 2, 3], [1, 2, 3, 4]]


def numpy_1(content: bytes) -> bytes:
    """A pickle of NumPy 2 as NumPy 1 writes it: its modules have a shorter name."""
    for module in (b"numpy._core.multiarray", b"numpy._core.numeric"):
        old = module.replace(b"_core", b"core")
        content = content.replace(b"c" + module + b"\n", b"c" + old + b"\n")
        content = content.replace(bytes([0x8C, len(module)]) + module, bytes([0x8C, len(old)]) + old)
        content = content.replace(
            b"X" + len(module).to_bytes(4, "little") + module, b"X" + len(old).to_bytes(4, "little") + old
        )
    return content


KINDS = {
    "lists": list,
    "tuples": tuple,
    "int64 arrays": lambda review: np.array(review, np.int64),
    "int32 arrays": lambda review: np.array(review, np.int32),
    "uint32 arrays": lambda review: np.array(review, np.uint32),
    "big-endian arrays": lambda review: np.array(review, ">i4"),
    "arrays of objects": lambda review: np.array(review, object),
    "lists of NumPy integers": lambda review: list(np.array(review, np.int64)),
    "read-only arrays": lambda review: np.frombuffer(np.array(review, np.int64).tobytes(), np.int64),
}


@pytest.mark.parametrize("release", ["NumPy 1", "NumPy 2"])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_reads_what_people_have(kind: str, protocol: int, release: str) -> None:
    content = pickle.dumps(objects(*map(KINDS[kind], REVIEWS)), protocol)
    if release == "NumPy 1":  # The frames of protocols 4 and 5 are too long then, which does not matter.
        content = numpy_1(content)
        assert b"_core" not in content
    assert [review.tolist() for review in read_pickled_reviews("x", content)] == REVIEWS


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_reads_shared_lists_tuples_and_arrays(protocol: int) -> None:
    array = np.array(SHARED)
    content = pickle.dumps(objects(SHARED, [1], SHARED, tuple(SHARED), array, array, SHARED), protocol)
    found = [review.tolist() for review in read_pickled_reviews("x", content)]
    assert found == [SHARED, [1], SHARED, SHARED, SHARED, SHARED, SHARED]


@pytest.mark.parametrize("order", "<>=")
@pytest.mark.parametrize("kind", "i1 i2 i4 i8 u1 u2 u4 u8".split())
def test_reads_every_type_of_integers(kind: str, order: str) -> None:
    array = np.array([0, 1, 127], order + kind)
    content = pickle.dumps(objects(array, list(array)))
    assert [review.tolist() for review in read_pickled_reviews("x", content)] == [[0, 1, 127]] * 2


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_reads_more_reviews_than_one_byte_counts(kind: str, protocol: int) -> None:
    reviews = [[]] * 300 + [list(range(length)) for length in range(300)]
    content = pickle.dumps(objects(*map(KINDS[kind], reviews)), protocol)
    assert [review.tolist() for review in read_pickled_reviews("x", content)] == reviews


@settings(deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 2**31 - 1), max_size=9), max_size=9),
    st.sampled_from(sorted(KINDS)),
    st.sampled_from([2, 3, 4, 5]),
)
def test_any_reviews_of_any_kind(reviews: list[list[int]], kind: str, protocol: int) -> None:
    content = pickle.dumps(objects(*map(KINDS[kind], reviews)), protocol)
    assert [review.tolist() for review in read_pickled_reviews("x", content)] == reviews


def test_a_file_of_arrays_and_shared_lists_is_read_as_one_of_lists(tmp_path: Path) -> None:
    path = tmp_path / "imdb.npz"
    x_train, x_test = objects(*map(np.array, ([1, 2], [3], [4, 5, 6]))), objects(SHARED, SHARED)
    np.savez(
        path, allow_pickle=True, x_train=x_train, y_train=np.array([0, 1, 0]), x_test=x_test, y_test=np.array([1, 0])
    )
    train, test = read_imdb_npz(path)
    assert (train.ranks.tolist(), train.offsets.tolist()) == ([1, 2, 3, 4, 5, 6], [0, 2, 3, 6])
    assert (test.ranks.tolist(), test.offsets.tolist()) == ([*SHARED, *SHARED], [0, 3, 6])


class Calls:
    """Unpickled, it calls something."""

    def __init__(self, *reduced: object) -> None:
        self.reduced = reduced

    def __reduce__(self) -> tuple:
        return self.reduced


NESTED: list = [1]
NESTED.append(NESTED)
REFUSED = {
    "code": objects((1,), Calls(eval, ("1/0",))),
    "code in a state": objects((1,), Calls(list, (), {"a": 1})),
    "no array": [[1, 2]],
    "itself": objects((1,), NESTED),
    "one number": np.array(5),
    "an array of integers": np.array([1, 2]),
    "words": objects((1,), "a review"),
    "a word": objects(
        (1, "a"),
    ),
    "floats": objects((1,), (1.5,)),
    "float array": objects((1,), np.array([1.5])),
    "truth": objects((1,), (True,)),
    "nothing": objects((1,), None),
    "an integer": objects((1,), 5),
    "two dimensions": objects((1,), np.zeros((2, 2), int)),
    "a column": objects((1,), np.zeros((3, 1), int)),
    "nested": objects((1,), ((1,),)),
    "dict": objects((1,), {1: 2}),
    "set": objects((1,), {1}),
    "too large": objects((1,), (2**40,)),
    "far below zero": objects((1,), (-(2**40),)),
    "a NumPy integer too large": objects((1,), (np.int64(2**31),)),
    "far below zero in an array": objects((1,), np.array([-(2**40)])),
    "far too large": objects((1,), np.array([2**63], np.uint64)),
    "complex": objects((1,), np.array([1j])),
    "dates": objects((1,), np.array(["2026-01-01"], "M8[D]")),
    "truths": objects((1,), np.array([True])),
}


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("fault", REFUSED)
def test_everything_else_is_refused_with_the_way_out(fault: str, protocol: int) -> None:
    with pytest.raises(
        DataError, match="the pickle contains .*; refused: .*store each review as a list of ints"
    ) as caught:
        read_pickled_reviews("imdb.npz: x_train", pickle.dumps(REFUSED[fault], protocol))
    assert "\n" not in str(caught.value)


def test_negative_integers_are_left_for_the_check_of_ranks() -> None:
    assert read_pickled_reviews("x", pickle.dumps(objects((-4, 2))))[0].min() < 0


@pytest.mark.parametrize("place", ["tuple", "array", "shared"])
def test_code_beside_other_reviews_is_not_run(tmp_path: Path, place: str) -> None:
    target = tmp_path / "created"
    attack = Attack(target)
    x_train = {
        "tuple": objects((1,), (1, attack)),
        "array": objects(np.array([1]), attack),
        "shared": objects(SHARED, SHARED, attack),
    }
    path = tmp_path / "imdb.npz"
    reviews, labels = x_train[place], np.zeros(len(x_train[place]), int)
    np.savez(path, allow_pickle=True, x_train=reviews, y_train=labels, x_test=reviews, y_test=labels)
    with pytest.raises(DataError, match="refused"):
        read_imdb_npz(path)
    assert not target.exists()


@pytest.mark.parametrize("kind", ["tuples", "int64 arrays", "lists of NumPy integers"])
def test_a_cut_or_damaged_pickle_is_refused(kind: str) -> None:
    content = pickle.dumps(objects(*map(KINDS[kind], REVIEWS[:3])))
    for end in range(len(content)):
        with pytest.raises(DataError):
            read_pickled_reviews("x", content[:end])
    random = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(content)
        damaged[random.integers(len(damaged))] = random.integers(256)
        assert "\n" not in complaint(bytes(damaged))


def complaint(content: bytes) -> str:
    """What is wrong with a pickle; "" where it can be read."""
    try:
        read_pickled_reviews("x", content)
    except DataError as error:
        return str(error)
    return ""


def test_shared_lists_do_not_unpack_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.data.other_pickles.MAX_RANKS", 10)
    with pytest.raises(DataError, match="more than 10 integers"):
        read_pickled_reviews("x", pickle.dumps(objects(*[SHARED] * 4)))


def test_the_header_must_agree(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.zeros(3, dtype=object), allow_pickle=True)
    header = buffer.getvalue()[: buffer.getvalue().index(b"\n") + 1]
    path = tmp_path / "imdb.npz"
    np.savez(path, y_train=np.zeros(3, int), x_test=np.zeros(0), y_test=np.zeros(3, int))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("x_train.npy", header + pickle.dumps(objects((1,), (2,))))
    with pytest.raises(DataError, match="found 2 lists; the header promises 3"):
        read_imdb_npz(path)
