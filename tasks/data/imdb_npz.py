"""Reads and writes `imdb.npz`, the format of `keras.datasets.imdb`, without running any code that a file contains.

The file is a zip of four `.npy` members. `x_train` and `x_test` are pickled object arrays of Python lists, so
`numpy.load(allow_pickle=True)` would run any code hidden in them. `tasks.data.pickled_lists` reads them without
unpickling, and `tasks.data.other_pickles` reads the tuples, arrays and shared lists that other tools save.
"""

import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tokenize import TokenError
from typing import IO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from tasks.data.other_pickles import read_pickled_reviews
from tasks.data.pickled_lists import NotPlainListsError, read_pickled_lists
from tasks.data.tokens import Reviews
from tasks.errors import DataError, shortened
from tasks.storage.code_version import parsing
from tasks.storage.files import atomic_path

MEMBERS = ("x_train", "y_train", "x_test", "y_test")
MAX_MEMBER_BYTES = 2 << 30
MAX_REVIEWS = 10_000_000
_HEADER_BYTES = 512  # NumPy writes 128 bytes. Long headers can nest deeper than Python's parser can handle.
# What NumPy raises for a header that is not a Python literal.
BAD_HEADER = (ValueError, TypeError, SyntaxError, RecursionError, MemoryError, TokenError)


def read_imdb_npz(path: Path) -> tuple[Reviews, Reviews]:
    """Read the training and test reviews of an `imdb.npz`, in file order.

    Raises:
        DataError: the file is missing, truncated or not such an archive, or contains anything but lists, tuples or
            arrays of non-negative integers with a label of 0 or 1 for each. The message names the member and what was
            found.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(path, archive)
        # Unpacking and decoding release the interpreter lock, so the splits are read in parallel.
        with ThreadPoolExecutor(2) as pool:
            train, test = pool.map(lambda split: _read_split(path, split), ("train", "test"))
        return train, test
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; give the path of an imdb.npz") from None
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError, zlib.error) as error:
        raise DataError(f"{path}: not a readable .npz archive ({error}); fetch the file again") from error


def write_imdb_npz(path: Path, train: Reviews, test: Reviews) -> None:
    """Atomically write reviews in the format that `read_imdb_npz` and `keras.datasets.imdb.load_data` read."""
    arrays: dict[str, NDArray[np.generic]] = {}
    for split, reviews in (("train", train), ("test", test)):
        lists = np.empty(len(reviews), dtype=object)
        lists[:] = [part.tolist() for part in np.split(reviews.ranks, reviews.offsets[1:-1])]
        arrays[f"x_{split}"] = lists
        arrays[f"y_{split}"] = reviews.labels.astype(np.int64)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=True, **arrays)


def _check_members(path: Path, archive: zipfile.ZipFile) -> None:
    sizes = {info.filename.removesuffix(".npy"): info.file_size for info in archive.infolist()}
    missing = [name for name in MEMBERS if name not in sizes]
    if missing:
        raise DataError(
            f"{path}: expected the arrays {', '.join(MEMBERS)}; missing {', '.join(missing)}, found {sorted(sizes)[:8]}"
        )
    for name in MEMBERS:
        if sizes[name] > MAX_MEMBER_BYTES:
            raise DataError(f"{path}: {name} unpacks to {sizes[name]} bytes; expected at most {MAX_MEMBER_BYTES}")


def _read_split(path: Path, split: str) -> Reviews:
    # Each thread opens the archive itself: from Python 3.12 on, threads that share a ZipFile read each other's bytes.
    with zipfile.ZipFile(path) as archive:
        with archive.open(f"y_{split}.npy") as member:
            labels = _read_labels(f"{path}: y_{split}", member)
        tokens, offsets = _read_reviews(f"{path}: x_{split}", archive, f"x_{split}.npy")
    if len(labels) != len(offsets) - 1:
        raise DataError(
            f"{path}: y_{split} has {len(labels)} labels for {len(offsets) - 1} reviews; expected one for each"
        )
    if len(labels) == 0:
        raise DataError(f"{path}: x_{split} has no reviews; expected at least one")
    return Reviews(tokens, offsets, labels)


def _read_header(where: str, member: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
    try:
        shape, dtype = _parse_header(member)
    except BAD_HEADER as error:
        raise DataError(f"{where}: not a NumPy array ({shortened(error)})") from error
    if len(shape) != 1 or shape[0] > MAX_REVIEWS:
        raise DataError(f"{where}: the array has shape {shape}; expected one dimension of at most {MAX_REVIEWS}")
    return shape, dtype


@parsing
def _parse_header(member: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
    member.seek(0)
    read_header = npy.read_array_header_1_0 if npy.read_magic(member) == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read_header(member, max_header_size=_HEADER_BYTES)
    return shape, dtype


def _read_labels(where: str, member: IO[bytes]) -> NDArray[np.uint8]:
    (count,), dtype = _read_header(where, member)
    if dtype.kind not in "iub":
        raise DataError(f"{where}: the labels are of type {dtype}; expected integers, 0 or 1 for each review")
    content = member.read(count * dtype.itemsize)
    if len(content) < count * dtype.itemsize:
        raise DataError(f"{where}: the array ends too early; the file is cut short, fetch it again")
    labels = np.frombuffer(content, dtype)
    wrong = np.flatnonzero((labels != 0) & (labels != 1))
    if len(wrong):
        raise DataError(f"{where}: label {labels[wrong[0]]} at review {wrong[0]}; expected 0 or 1")
    return labels.astype(np.uint8)


def _read_reviews(where: str, archive: zipfile.ZipFile, name: str) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Read the ranks and offsets of one split: quickly if each review is a separate list, more slowly otherwise."""
    with archive.open(name) as member:
        count = _read_object_header(where, member)
        try:
            flat, offsets = _read_lists(where, member)
        except NotPlainListsError:
            reviews = read_pickled_reviews(where, _rest(archive, name))
            offsets = np.cumsum([0, *map(len, reviews)], dtype=np.int64)
            flat = np.concatenate([np.zeros(0, np.int32), *reviews])
    if len(offsets) - 1 != count:
        raise DataError(f"{where}: found {len(offsets) - 1} lists; the header promises {count}")
    if len(flat) and flat.min() < 0:
        raise DataError(f"{where}: word index {flat.min()} found; expected 0 or more")
    return flat, offsets


def _read_object_header(where: str, member: IO[bytes]) -> int:
    """Return the number of reviews, as given in the header."""
    (count,), dtype = _read_header(where, member)
    if not dtype.hasobject or dtype.names:
        raise DataError(f"{where}: the array is of type {dtype}; expected object (a list of integers for each review)")
    return count


def _rest(archive: zipfile.ZipFile, name: str) -> bytes:
    """Read everything after a member's header."""
    with archive.open(name) as member:
        _read_header(name, member)
        return member.read()


def _read_lists(where: str, member: IO[bytes]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    ranks: list[NDArray[np.int32]] = []
    starts: list[NDArray[np.int64]] = []
    total = 0
    for lists in read_pickled_lists(where, member):
        ranks.append(lists.values)
        starts.append(lists.starts + total)
        total += len(lists.values)
    offsets = np.concatenate([*starts, np.array([total], np.int64)])
    return np.concatenate(ranks) if ranks else np.zeros(0, np.int32), offsets
