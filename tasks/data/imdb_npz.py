"""Reading and writing `imdb.npz`, the file format of `keras.datasets.imdb`, without running anything from it.

The file is a zip of four `.npy` members. `x_train` and `x_test` are pickled object arrays of Python lists, so
`numpy.load(allow_pickle=True)` would run whatever code somebody put there. Here the pickle is never unpickled: a
compiled loop walks over its opcodes and admits only what a list of lists of integers is made of.
"""

import pickletools
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numba import njit
from numpy.lib import format as npy
from numpy.typing import NDArray

from tasks.results.errors import DataError
from tasks.storage.files import atomic_path

MEMBERS = ("x_train", "y_train", "x_test", "y_test")
MAX_MEMBER_BYTES = 2 << 30
MAX_REVIEWS = 10_000_000
_CHUNK_BYTES = 8 << 20
_PROLOGUE_BYTES = 4096
_HEADER_BYTES = 4096
# Every name and constant in the pickle of an object array, by protocols 0 to 5 and NumPy 1 and 2.
_ARRAY_WORDS = set(
    "numpy.core.multiarray numpy._core.multiarray _reconstruct numpy ndarray dtype _codecs encode b latin1".split()
) | {"O8", "O", "|", "|O"}


@dataclass(frozen=True)
class Reviews:
    """Reviews of different lengths, laid end to end.

    Attributes:
        tokens: int32, all reviews' word indices one after the other (1 = the most frequent word).
        offsets: int64, shape (reviews + 1,); review i is `tokens[offsets[i]:offsets[i + 1]]`.
        labels: uint8, shape (reviews,), 0 = negative, 1 = positive.
    """

    tokens: NDArray[np.int32]
    offsets: NDArray[np.int64]
    labels: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.labels)


def read_imdb_npz(path: Path) -> tuple[Reviews, Reviews]:
    """The training and the test reviews of an `imdb.npz`, in the order of the file.

    Raises:
        DataError: the file is missing, is no such archive, is cut short, or holds anything but lists of
            non-negative integers with one label of 0 or 1 for each. The text names the member and what was found.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(path, archive)
            # Unpacking and decoding leave the interpreter's lock, so the splits are read side by side.
            with ThreadPoolExecutor(2) as pool:
                train, test = pool.map(lambda split: _read_split(path, archive, split), ("train", "test"))
            return train, test
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file; give the path of an imdb.npz") from None
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{path}: not a readable .npz archive ({error}); fetch the file again") from error


def write_imdb_npz(path: Path, train: Reviews, test: Reviews) -> None:
    """Write reviews in the format that `read_imdb_npz` and `keras.datasets.imdb.load_data` read, atomically."""
    arrays: dict[str, NDArray[np.generic]] = {}
    for split, reviews in (("train", train), ("test", test)):
        lists = np.empty(len(reviews), dtype=object)
        lists[:] = [part.tolist() for part in np.split(reviews.tokens, reviews.offsets[1:-1])]
        arrays[f"x_{split}"] = lists
        arrays[f"y_{split}"] = reviews.labels.astype(np.int64)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=True, **arrays)


def _check_members(path: Path, archive: zipfile.ZipFile) -> None:
    found = {info.filename: info.file_size for info in archive.infolist()}
    missing = [name for name in MEMBERS if f"{name}.npy" not in found]
    if missing:
        raise DataError(
            f"{path}: expected the arrays {', '.join(MEMBERS)}; missing {', '.join(missing)}, found {sorted(found)[:8]}"
        )
    for name in MEMBERS:
        if found[f"{name}.npy"] > MAX_MEMBER_BYTES:
            raise DataError(
                f"{path}: {name} unpacks to {found[f'{name}.npy']} bytes; at most {MAX_MEMBER_BYTES} are read"
            )


def _read_split(path: Path, archive: zipfile.ZipFile, split: str) -> Reviews:
    with archive.open(f"y_{split}.npy") as member:
        labels = _read_labels(f"{path}: y_{split}", member)
    with archive.open(f"x_{split}.npy") as member:
        tokens, offsets = _read_lists(f"{path}: x_{split}", member)
    if len(labels) != len(offsets) - 1:
        raise DataError(
            f"{path}: y_{split} holds {len(labels)} labels for {len(offsets) - 1} reviews; expected one each"
        )
    if len(labels) == 0:
        raise DataError(f"{path}: x_{split} holds no reviews; expected at least one")
    return Reviews(tokens, offsets, labels)


def _read_header(where: str, member: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
    try:
        version = npy.read_magic(member)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(member, max_header_size=_HEADER_BYTES)
    except ValueError as error:
        raise DataError(f"{where}: not a NumPy array ({str(error).splitlines()[0]})") from error
    if len(shape) != 1 or shape[0] > MAX_REVIEWS:
        raise DataError(f"{where}: the array has shape {shape}; expected one dimension of at most {MAX_REVIEWS}")
    return shape, dtype


def _read_labels(where: str, member: IO[bytes]) -> NDArray[np.uint8]:
    (count,), dtype = _read_header(where, member)
    if dtype.kind not in "iub":
        raise DataError(f"{where}: the labels are of type {dtype}; expected integers, 0 or 1 for each review")
    content = member.read(count * dtype.itemsize)
    if len(content) < count * dtype.itemsize:
        raise DataError(f"{where}: the array ends too early; the file is cut short")
    labels = np.frombuffer(content, dtype)
    wrong = np.flatnonzero((labels != 0) & (labels != 1))
    if len(wrong):
        raise DataError(f"{where}: label {labels[wrong[0]]} at review {wrong[0]}; expected 0 or 1")
    return labels.astype(np.uint8)


def _read_lists(where: str, member: IO[bytes]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    (count,), dtype = _read_header(where, member)
    if not dtype.hasobject or dtype.names:
        raise DataError(f"{where}: the array is of type {dtype}; expected object (a list of integers a review)")
    tokens: list[NDArray[np.int32]] = []
    starts: list[NDArray[np.int64]] = []
    total = 0
    for values, begins in _decode_pickle(where, member):
        tokens.append(values)
        starts.append(begins + total)
        total += len(values)
    offsets = np.concatenate([*starts, np.array([total], np.int64)])
    if len(offsets) - 1 != count:
        raise DataError(f"{where}: {len(offsets) - 1} lists found; the header promises {count}")
    flat = np.concatenate(tokens) if tokens else np.zeros(0, np.int32)
    if len(flat) and flat.min() < 0:
        raise DataError(f"{where}: word index {flat.min()} found; expected 0 or more")
    return flat, offsets


def _decode_pickle(where: str, member: IO[bytes]) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int64]]]:
    """The integers of a pickled list of lists, and where in them each list starts, a chunk of the file at a time."""
    rest = member.read(_PROLOGUE_BYTES)
    rest = rest[_end_of_prologue(where, rest) :]
    state = np.zeros(4, np.bool_)
    while True:
        chunk = member.read(_CHUNK_BYTES)
        # Padding lets the loop read a whole operand at the end of the file without looking past the buffer.
        buffer = np.frombuffer(rest + chunk + (b"" if chunk else bytes(_LONGEST_OP)), np.uint8)
        values = np.empty(len(buffer) // 2 + 1, np.int32)
        begins = np.empty(len(buffer) + 1, np.int64)
        used, found, lists, status = _decode_chunk(buffer, state, values, begins)
        if status == _REFUSED and (chunk or used < len(rest)):
            raise DataError(
                f"{where}: the pickle holds opcode {chr(buffer[used])!r} where only lists of integers are admitted; "
                "nothing from it was run. If you made this file: store each review as a list of ints"
            )
        if status == _TOO_LARGE:
            raise DataError(f"{where}: a word index does not fit into 31 bits; expected the ranks of words")
        yield values[:found].copy(), begins[:lists].copy()
        rest = buffer[used:].tobytes()
        if status == _DONE:
            _check_epilogue(where, rest + member.read(_PROLOGUE_BYTES))
            return
        if not chunk:
            raise DataError(f"{where}: the pickle ends too early; the file is cut short")


def _end_of_prologue(where: str, start: bytes) -> int:
    """Where the outer list of the object array begins: the byte after its EMPTY_LIST opcode."""
    try:
        for opcode, argument, position in pickletools.genops(start):
            if opcode.name == "EMPTY_LIST" and position is not None:
                return position + 1
            unknown = set(argument.split()) - _ARRAY_WORDS if isinstance(argument, str) else set()
            if unknown:
                raise DataError(
                    f"{where}: the pickle names {argument!r}; refused: only arrays of lists of integers are read; "
                    "nothing from the file was run"
                )
    except ValueError as error:
        raise DataError(f"{where}: the pickle cannot be read ({str(error).splitlines()[0]})") from error
    raise DataError(f"{where}: no list of reviews was found in the pickle")


def _check_epilogue(where: str, end: bytes) -> None:
    names = []
    try:
        names = [opcode.name for opcode, _, _ in pickletools.genops(end)]
    except ValueError as error:
        raise DataError(f"{where}: the pickle ends too early; the file is cut short") from error
    if [name for name in names if name not in {"MEMOIZE", "BINPUT", "LONG_BINPUT"}] != ["TUPLE", "BUILD", "STOP"]:
        raise DataError(f"{where}: the pickle goes on after the reviews ({names[:6]}); refused, nothing was run")


_MORE, _DONE, _REFUSED, _TOO_LARGE = 0, 1, 2, 3
_LONGEST_OP = 10


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _decode_chunk(
    buffer: NDArray[np.uint8],
    state: NDArray[np.bool_],
    values: NDArray[np.int32],
    begins: NDArray[np.int64],
) -> tuple[int, int, int, int]:
    """Walk over pickle opcodes as long as they build a list of lists of integers.

    `state` is what the opcodes before left open: in a review, a mark inside it, an integer waiting for its APPEND,
    a mark in the outer list. Returns the bytes used, integers found, lists begun and how it ended.
    """
    in_review, inner_mark, waiting, outer_mark = state[0], state[1], state[2], state[3]
    at, found, lists, status = 0, 0, 0, _MORE
    while at + _LONGEST_OP <= len(buffer):
        op = buffer[at]
        if op == 75 or op == 77 or op == 74:  # BININT1, BININT2, BININT
            if not in_review or waiting:
                status = _REFUSED
                break
            value = np.int32(buffer[at + 1])
            size = 2
            if op != 75:
                value |= np.int32(buffer[at + 2]) << 8
                size = 3
            if op == 74:
                value |= (np.int32(buffer[at + 3]) << 16) | (np.int32(buffer[at + 4]) << 24)
                size = 5
            values[found] = value
            found += 1
            waiting = not inner_mark
            at += size
        elif op == 93:  # EMPTY_LIST
            if inner_mark or waiting:
                status = _REFUSED
                break
            begins[lists] = found
            lists += 1
            in_review = True
            at += 1
        elif op == 40:  # MARK
            if inner_mark or waiting or (outer_mark and not in_review):
                status = _REFUSED
                break
            if in_review:
                inner_mark = True
            else:
                outer_mark = True
            at += 1
        elif op == 101:  # APPENDS
            if inner_mark:
                inner_mark = False
            elif outer_mark and not waiting:
                outer_mark = in_review = False
            else:
                status = _REFUSED
                break
            at += 1
        elif op == 97:  # APPEND
            if waiting:
                waiting = False
            elif in_review and not outer_mark and not inner_mark:
                in_review = False
            else:
                status = _REFUSED
                break
            at += 1
        elif op == 148:  # MEMOIZE
            at += 1
        elif op == 113:  # BINPUT
            at += 2
        elif op == 114:  # LONG_BINPUT
            at += 5
        elif op == 149:  # FRAME
            at += 9
        elif op == 138 or op == 139:  # LONG1, LONG4
            status = _TOO_LARGE
            break
        else:
            status = _DONE if op == 116 and not (in_review or outer_mark) else _REFUSED
            break
    state[0], state[1], state[2], state[3] = in_review, inner_mark, waiting, outer_mark
    return at, found, lists, status
