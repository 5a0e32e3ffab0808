"""Prepared reviews without their padding, in a file that every process maps into memory.

The padded Parquet is the pipeline's output; this file is what training reads. It is an uncompressed Arrow file, so its
tokens have the same layout on disk as in memory: processes share one copy in the page cache, and a process's memory
contains only the reviews of current batches, however large the data are.

Measured with batches of 128 reviews drawn from 2,500,000 (Linux; a network's step takes 6 ms or more): 0.9 ms per batch
from the mapping if its pages are released after each batch, because touching a page also loads its neighbours; 0.16 ms
if each review is read with a system call. From a small file that stays mapped: 0.03 ms; from a padded matrix in memory:
0.015 ms.
"""

import mmap
import os
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.data.tokens import PAD, token_dtype
from tasks.errors import DataError
from tasks.storage.compiled import compiled
from tasks.storage.files import atomic_path

# A file up to this size stays in memory once read.
RESIDENT_BYTES = 32 << 20
PREDICT_REVIEWS = 256  # The number of reviews predicted at once; another number changes the last bits of results.
# The number of reviews padded at once when a network reads many: a multiple of `PREDICT_REVIEWS`, so that predictions
# are bit-identical to those with all reviews padded at once.
CHUNK = 20 * PREDICT_REVIEWS
_MAX_LENGTH = b"max_length"


def unpadded_path(split: Path) -> Path:
    """The path of the unpadded file beside a split's Parquet file."""
    return split.with_suffix(".arrow")


@contextmanager
def unpadded_writer(
    path: Path, vocabulary_size: int, max_length: int
) -> Iterator[Callable[[NDArray[np.uint8], NDArray[np.unsignedinteger]], None]]:
    """Yield a function that appends reviews: labels, and tokens padded at the start, shape (reviews, max_length).

    The complete file appears at the end of the block. Columns: label, uint8; tokens, a list of the smallest
    sufficient unsigned type.
    """
    tokens_type = pa.list_(pa.field("element", pa.from_numpy_dtype(token_dtype(vocabulary_size)), nullable=False))
    layout = pa.schema(
        [pa.field("label", pa.uint8(), nullable=False), pa.field("tokens", tokens_type, nullable=False)],
        metadata={_MAX_LENGTH: str(max_length)},
    )

    def write(labels: NDArray[np.uint8], tokens: NDArray[np.unsignedinteger]) -> None:
        is_token = tokens != PAD
        offsets = np.zeros(len(tokens) + 1, np.int32)
        np.cumsum(is_token.sum(axis=1), out=offsets[1:])
        lists = pa.ListArray.from_arrays(pa.array(offsets), pa.array(tokens[is_token]), type=tokens_type)
        writer.write_batch(pa.RecordBatch.from_arrays([pa.array(labels), lists], schema=layout))

    with atomic_path(path) as temporary, pa.ipc.new_file(temporary, layout) as writer:
        yield write


@dataclass(frozen=True)
class _File:
    """An open file of unpadded reviews.

    Attributes:
        path: the path it was opened with.
        mapping: the file's bytes.
        tokens: the same bytes, viewed as tokens.
        descriptor: the file descriptor, for reading without the mapping.
    """

    path: Path
    mapping: mmap.mmap
    tokens: NDArray[np.unsignedinteger]
    descriptor: int

    @property
    def is_resident(self) -> bool:
        """Whether the file stays in memory: it is small, or the system lacks `MADV_DONTNEED` or `preadv`."""
        can_release = hasattr(mmap, "MADV_DONTNEED") and hasattr(os, "preadv")
        return len(self.mapping) <= RESIDENT_BYTES or not can_release

    def release(self) -> None:
        """Remove from this process's memory what was read; it stays in the page cache."""
        if not self.is_resident:
            self.mapping.madvise(mmap.MADV_DONTNEED)

    def read_into(self, row: NDArray[np.unsignedinteger], start: int) -> None:
        """Read tokens from `start` on into `row` without the mapping.

        Raises:
            DataError: the file has become shorter.
        """
        if os.preadv(self.descriptor, [row.data], start * row.itemsize) != row.nbytes:
            raise DataError(f"{self.path}: found fewer bytes than when it was opened; run the same command again")


@dataclass(frozen=True)
class UnpaddedReviews:
    """The reviews of a split, with their tokens in a file.

    Attributes:
        labels: 0 or 1, uint8, shape (reviews,).
        counts: number of tokens in each review after truncation, including the start token, int32, shape (reviews,).
        max_length: length of a padded review.
    """

    labels: NDArray[np.uint8]
    counts: NDArray[np.int32]
    max_length: int
    _starts: NDArray[np.int64]  # Where in the file's tokens each review starts.
    _file: _File

    @classmethod
    def read(cls, path: Path) -> "UnpaddedReviews":
        """Open a file that `unpadded_writer` wrote."""
        with path.open("rb") as file:
            mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            descriptor = os.dup(file.fileno())
        weakref.finalize(mapping, os.close, descriptor)
        content = pa.py_buffer(mapping)
        reader = pa.ipc.open_file(content)
        batches = [reader.get_batch(number) for number in range(reader.num_record_batches)]
        token_type = np.dtype(reader.schema.field("tokens").type.value_type.to_pandas_dtype())
        lists = [batch.column("tokens") for batch in batches]
        offsets = [part.offsets.to_numpy().astype(np.int64) for part in lists]
        firsts = [(_address(part.values) - content.address) // token_type.itemsize for part in lists]
        tokens = np.frombuffer(mapping, token_type, len(mapping) // token_type.itemsize)
        reviews = cls(
            labels=np.concatenate([batch.column("label").to_numpy() for batch in batches]),
            counts=np.concatenate([np.diff(part).astype(np.int32) for part in offsets]),
            max_length=int(reader.schema.metadata[_MAX_LENGTH]),
            _starts=np.concatenate([first + part[:-1] for first, part in zip(firsts, offsets, strict=True)]),
            _file=_File(path, mapping, tokens, descriptor),
        )
        reviews._file.release()
        return reviews

    def __len__(self) -> int:
        return len(self.labels)

    def tokens_of(self, rows: NDArray[np.integer]) -> NDArray[np.unsignedinteger]:
        """Tokens of arbitrary reviews, padded at the start, shape (len(rows), max_length), in the file's type."""
        tokens = self._padding(len(rows))
        if self._file.is_resident:
            _fill_from_tokens(self._file.tokens, self._starts[rows], self.counts[rows], tokens)
            return tokens
        firsts = self.max_length - self.counts[rows]
        for row, first, start in zip(tokens, firsts.tolist(), self._starts[rows].tolist(), strict=True):
            self._file.read_into(row[first:], start)
        return tokens

    def tokens_between(self, first: int, end: int) -> NDArray[np.unsignedinteger]:
        """Tokens of the reviews `first` to `end` - 1, like `tokens_of`."""
        tokens = self._padding(end - first)
        _fill_from_tokens(self._file.tokens, self._starts[first:end], self.counts[first:end], tokens)
        self._file.release()
        return tokens

    def parts(self, first: int = 0) -> Iterator[NDArray[np.unsignedinteger]]:
        """Yield the tokens of all reviews from `first` on, `CHUNK` reviews at a time."""
        for start in range(first, len(self), CHUNK):
            yield self.tokens_between(start, min(start + CHUNK, len(self)))

    def _padding(self, reviews: int) -> NDArray[np.unsignedinteger]:
        return np.zeros((reviews, self.max_length), self._file.tokens.dtype)


def _address(values: pa.Array) -> int:
    """The memory address of an array's values."""
    address: int = values.buffers()[1].address
    return address


@compiled
def _fill_from_tokens(
    flat: NDArray[np.unsignedinteger],
    starts: NDArray[np.int64],
    counts: NDArray[np.int32],
    tokens: NDArray[np.unsignedinteger],
) -> None:
    for row in range(len(starts)):
        first = tokens.shape[1] - counts[row]
        for position in range(counts[row]):
            tokens[row, first + position] = flat[starts[row] + position]
