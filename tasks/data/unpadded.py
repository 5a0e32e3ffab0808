"""Prepared reviews without their padding, in a file that every process maps into memory.

The padded Parquet is the pipeline's output; this file is what training reads. It is an uncompressed Arrow file, so its
tokens have the same layout on disk as in memory: processes share one copy in the page cache, and a process's memory
contains only the reviews of current batches, however large the data are.

From a large file each review of a batch is read with a system call: touching a page of the mapping would also load its
neighbours (measured with batches of 128 reviews drawn from 2,500,000 on Linux: 0.16 ms a batch, against 0.9 ms).
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

from tasks.data.tokens import Tokens, offsets_of, taken, token_dtype
from tasks.errors import DataError
from tasks.storage.files import atomic_path

# A file up to this size stays in memory once read.
RESIDENT_BYTES = 32 << 20
_MAX_LENGTH, _UNIT_STARTS = b"max_length", b"unit_starts"


def unpadded_path(split: Path) -> Path:
    """The path of the unpadded file beside a split's Parquet file."""
    return split.with_suffix(".arrow")


@contextmanager
def unpadded_writer(
    path: Path, vocabulary_size: int, max_length: int, unit_starts: NDArray[np.int32] | None = None
) -> Iterator[Callable[[NDArray[np.uint8], Tokens], None]]:
    """Yield a function that appends reviews: their labels and tokens.

    The complete file appears at the end of the block. Columns: label, uint8; tokens, a list of the smallest
    sufficient unsigned type.

    Args:
        path: the file.
        vocabulary_size, max_length: sizes of the vocabulary and of a padded review.
        unit_starts: the first review of each group of reviews that validation must not split; None: there are none.
    """
    units = {} if unit_starts is None else {_UNIT_STARTS: unit_starts.astype("<i4").tobytes()}
    tokens_type = pa.list_(pa.field("element", pa.from_numpy_dtype(token_dtype(vocabulary_size)), nullable=False))
    layout = pa.schema(
        [pa.field("label", pa.uint8(), nullable=False), pa.field("tokens", tokens_type, nullable=False)],
        metadata={_MAX_LENGTH: str(max_length), **units},
    )

    def write(labels: NDArray[np.uint8], tokens: Tokens) -> None:
        offsets = pa.array(tokens.offsets.astype(np.int32))
        lists = pa.ListArray.from_arrays(offsets, pa.array(tokens.values), type=tokens_type)
        writer.write_batch(pa.RecordBatch.from_arrays([pa.array(labels), lists], schema=layout))

    with atomic_path(path) as temporary, pa.ipc.new_file(temporary, layout) as writer:
        yield write


def read_unit_starts(path: Path) -> NDArray[np.int32] | None:
    """The first review of each group of reviews that validation must not split; None if there are no such groups."""
    with pa.memory_map(str(path)) as file:
        found = pa.ipc.open_file(file).schema.metadata.get(_UNIT_STARTS)
    return None if found is None else np.frombuffer(found, "<i4")


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

    def read_into(self, review: NDArray[np.unsignedinteger], start: int) -> None:
        """Read tokens from `start` on into `review` without the mapping.

        Raises:
            DataError: the file has become shorter.
        """
        if os.preadv(self.descriptor, [review.data], start * review.itemsize) != review.nbytes:
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

    def tokens_of(self, rows: NDArray[np.integer]) -> Tokens:
        """The tokens of arbitrary reviews, in the file's type."""
        starts, offsets = self._starts[rows], offsets_of(self.counts[rows])
        if self._file.is_resident:
            return Tokens(taken(self._file.tokens, starts, offsets), offsets, self.max_length)
        tokens = Tokens(np.empty(offsets[-1], self._file.tokens.dtype), offsets, self.max_length)
        for row, start in enumerate(starts.tolist()):
            self._file.read_into(tokens.review(row), start)
        return tokens

    def tokens_between(self, first: int, end: int) -> Tokens:
        """The tokens of the reviews `first` to `end` - 1, in the file's type."""
        offsets = offsets_of(self.counts[first:end])
        values = taken(self._file.tokens, self._starts[first:end], offsets)
        self._file.release()
        return Tokens(values, offsets, self.max_length)

    def parts(self, reviews: int, first: int = 0) -> Iterator[Tokens]:
        """Yield the tokens of all reviews from `first` on, `reviews` reviews at a time."""
        for start in range(first, len(self), reviews):
            yield self.tokens_between(start, min(start + reviews, len(self)))


def _address(values: pa.Array) -> int:
    """The memory address of an array's values."""
    address: int = values.buffers()[1].address
    return address
