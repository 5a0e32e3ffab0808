import io
import pickle
import threading
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib import format as npy

from tasks.data.imdb_npz import read_imdb_npz, write_imdb_npz
from tasks.errors import DataError
from tests.conftest import make_reviews, random_reviews

LISTS = st.lists(
    st.tuples(st.lists(st.integers(0, 2**31 - 1), max_size=20), st.integers(0, 1)), min_size=1, max_size=12
)


def save(path: Path, **changes: object) -> Path:
    """An imdb.npz with some members replaced (None leaves one out)."""
    lists = np.empty(3, dtype=object)
    lists[:] = [[1, 2], [3], [4, 5, 6]]
    members = {"x_train": lists, "y_train": np.array([0, 1, 0]), "x_test": lists, "y_test": np.array([1, 1, 0])}
    members |= changes
    np.savez(path, allow_pickle=True, **{name: value for name, value in members.items() if value is not None})
    return path


def objects(*items: object) -> np.ndarray:
    """An object array of the given items."""
    array = np.empty(len(items), dtype=object)
    for place, item in enumerate(items):
        array[place] = item
    return array


def test_no_two_threads_read_through_one_archive(npz: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readers: dict[int, set[int]] = {}
    real = zipfile.ZipFile.open

    def recorded(archive: zipfile.ZipFile, *arguments: Any) -> Any:
        readers.setdefault(id(archive), set()).add(threading.get_ident())
        archives.append(archive)  # Keeps its id from being used again.
        return real(archive, *arguments)

    archives: list[zipfile.ZipFile] = []
    monkeypatch.setattr(zipfile.ZipFile, "open", recorded)
    read_imdb_npz(npz)
    assert all(len(threads) == 1 for threads in readers.values())


@settings(deadline=None)
@given(train=LISTS, test=LISTS)
def test_reads_what_numpy_wrote(tmp_path_factory: pytest.TempPathFactory, train: list, test: list) -> None:
    path = tmp_path_factory.mktemp("npz") / "imdb.npz"
    splits = [make_reviews([tokens for tokens, _ in rows], [label for _, label in rows]) for rows in (train, test)]
    write_imdb_npz(path, *splits)
    for found, expected in zip(read_imdb_npz(path), splits, strict=True):
        np.testing.assert_array_equal(found.ranks, expected.ranks)
        np.testing.assert_array_equal(found.offsets, expected.offsets)
        np.testing.assert_array_equal(found.labels, expected.labels)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_reads_every_binary_pickle_protocol(tmp_path: Path, protocol: int) -> None:
    lists = objects([70_000, 255, 256, 1], [], [5], list(range(2_500)))
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.zeros(4, dtype=object), allow_pickle=True)
    header = buffer.getvalue()[: buffer.getvalue().index(b"\n") + 1]
    path = save(tmp_path / "imdb.npz", x_train=None, y_train=np.array([0, 1, 0, 1]))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("x_train.npy", header + pickle.dumps(lists, protocol))
    train, _ = read_imdb_npz(path)
    assert train.ranks.tolist() == [token for one in lists for token in one]
    assert train.offsets.tolist() == [0, 4, 4, 5, 2_505]


def test_reads_more_than_one_chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.data.pickled_lists._CHUNK_BYTES", 64)
    monkeypatch.setattr("tasks.data.pickled_lists._PROLOGUE_BYTES", 512)
    expected = random_reviews(400)
    write_imdb_npz(tmp_path / "imdb.npz", expected, expected)
    found, _ = read_imdb_npz(tmp_path / "imdb.npz")
    np.testing.assert_array_equal(found.ranks, expected.ranks)
    np.testing.assert_array_equal(found.offsets, expected.offsets)


class Attack:
    """Unpickled, it creates a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple:
        return Path.touch, (self.target,)


@pytest.mark.parametrize("place", ["whole array", "review", "token"])
def test_code_in_the_pickle_is_refused_and_not_run(tmp_path: Path, place: str) -> None:
    target = tmp_path / "created"
    attack = {
        "whole array": objects(Attack(target)),
        "review": objects([1], Attack(target)),
        "token": objects([1, Attack(target)]),
    }
    path = save(tmp_path / "imdb.npz", x_train=attack[place])
    with pytest.raises(DataError, match="refused|admitted"):
        read_imdb_npz(path)
    assert not target.exists()
    np.load(path, allow_pickle=True)["x_train"]
    assert target.exists(), "the attack would not have worked: this test proves nothing"


FAULTY = {
    "wrong key": ({"x_train": None, "x_other": np.array([1])}, "missing x_train"),
    "wrong dtype": ({"x_train": np.array([1, 2, 3])}, "type int64; expected object"),
    "label dtype": ({"y_train": np.array([0.5, 1.0, 0.0])}, "type float64; expected integers"),
    "label value": ({"y_train": np.array([0, 7, 0])}, "label 7 at review 1"),
    "negative index": ({"x_train": objects([1], [-4], [2])}, "word index -4"),
    "large index": ({"x_train": objects([1], [2**40], [2])}, "31 bits"),
    "words": ({"x_train": objects([1], ["bad"], [2])}, "only lists of integers"),
    "nested": ({"x_train": objects([1], [[1]], [2])}, "only lists of integers"),
    "ragged labels": ({"y_train": np.array([0, 1])}, "2 labels for 3 reviews"),
    "object labels": ({"y_train": objects([0], [1, 0], 1)}, "labels are of type object"),
    "no reviews": ({"x_train": objects(), "y_train": np.zeros(0, int)}, "no list of reviews|no reviews"),
    "two dimensions": ({"y_train": np.zeros((3, 2), int)}, "one dimension"),
}


@pytest.mark.parametrize("fault", FAULTY)
def test_a_faulty_file_is_named_with_what_was_found(tmp_path: Path, fault: str) -> None:
    changes, message = FAULTY[fault]
    path = save(tmp_path / "imdb.npz", **changes)
    with pytest.raises(DataError, match=message) as caught:
        read_imdb_npz(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_a_cut_file_is_refused(tmp_path: Path, npz: Path, share: float) -> None:
    path = tmp_path / "cut.npz"
    path.write_bytes(npz.read_bytes()[: int(npz.stat().st_size * share)])
    with pytest.raises(DataError, match="cut.npz"):
        read_imdb_npz(path)


@pytest.mark.parametrize("keep", [30, 400, 1_500])
def test_a_cut_pickle_in_a_whole_archive_is_refused(tmp_path: Path, keep: int) -> None:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, objects(*([1, 2, 300] for _ in range(400))), allow_pickle=True)
    path = save(tmp_path / "imdb.npz", x_train=None, y_train=np.zeros(400, int))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("x_train.npy", buffer.getvalue()[:keep])
    with pytest.raises(DataError, match="cut short|not a NumPy array|no list of reviews|promises"):
        read_imdb_npz(path)


def test_a_member_that_unpacks_to_too_much_is_refused(npz: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.data.imdb_npz.MAX_MEMBER_BYTES", 1_000)
    with pytest.raises(DataError, match="at most 1000"):
        read_imdb_npz(npz)


@pytest.mark.parametrize("header", [b"(" * 4_000, b"-" * 4_000 + b"1", b"__import__('os')", b"[" * 100])
def test_a_header_that_is_no_literal_is_refused(tmp_path: Path, header: bytes) -> None:
    path = save(tmp_path / "imdb.npz", x_train=None)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("x_train.npy", b"\x93NUMPY\x02\x00" + len(header).to_bytes(4, "little") + header)
    with pytest.raises(DataError, match="not a NumPy array"):
        read_imdb_npz(path)


def test_a_header_that_another_thread_disturbed_is_read_again(npz: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read_imdb_npz(npz)
    disturbances = iter([True, True])
    read_header = npy.read_array_header_1_0

    def disturbed(*arguments: Any, **options: Any) -> Any:
        header = read_header(*arguments, **options)
        if next(disturbances, False):
            raise SystemError("AST constructor recursion depth mismatch (before=42, after=-2683)")
        return header

    monkeypatch.setattr(npy, "read_array_header_1_0", disturbed)
    again = read_imdb_npz(npz)
    assert next(disturbances, None) is None
    for before, after in zip(whole, again, strict=True):
        np.testing.assert_array_equal(before.labels, after.labels)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_imdb_npz(tmp_path / "none.npz")
