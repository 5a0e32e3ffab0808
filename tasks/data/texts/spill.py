"""Encoded reviews on disk between the pass over the texts and the order in which they are written."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.data.parquet import ROW_GROUP
from tasks.data.reviews import Reviews

_BUCKET = 10 * ROW_GROUP
_MAX_BUCKETS = 200  # Each is an open file.


class Bucket(NamedTuple):
    """Neighbouring reviews of the written order: the ends of their ranks, and their lengths before that cut."""

    reviews: Reviews
    lengths: NDArray[np.int32]


class Spill:
    """Reviews that come in any order and are given back in the order of their places, a bucket at a time.

    A bucket is a range of places, and a file that reviews are appended to; only one bucket at a time is in memory.
    """

    def __init__(self, folder: Path, reviews: int) -> None:
        buckets = max(1, min(_MAX_BUCKETS, -(-reviews // _BUCKET)))
        per_bucket = -(-reviews // buckets)
        self._size = -(-per_bucket // ROW_GROUP) * ROW_GROUP  # Whole row groups.
        self._paths = [folder / f"{bucket}.arrows" for bucket in range(-(-reviews // self._size))]
        self._writers: list[pa.RecordBatchStreamWriter | None] = [None] * len(self._paths)
        self._open_files = ExitStack()
        folder.mkdir(parents=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open_files.close()

    def add(self, places: NDArray[np.int32], encoded: pa.RecordBatch) -> None:
        """Add reviews; `encoded` holds the columns label, length and ranks."""
        order = np.argsort(places)
        table = pa.RecordBatch.from_arrays([pa.array(places), *encoded.columns], ["place", *encoded.schema.names])
        table = table.take(pa.array(order))
        bounds = np.searchsorted(places[order], np.arange(len(self._paths) + 1) * self._size)
        for bucket in np.flatnonzero(np.diff(bounds)).tolist():
            self._writer(bucket, table.schema).write_batch(
                table.slice(bounds[bucket], bounds[bucket + 1] - bounds[bucket])
            )

    def buckets(self) -> Iterator[Bucket]:
        """All reviews, in the order of their places. Nothing can be added any more."""
        self._open_files.close()
        for path in self._paths:
            with pa.ipc.open_stream(path.read_bytes()) as reader:
                table = reader.read_all().sort_by("place").combine_chunks()
            path.unlink()
            ranks = table["ranks"].combine_chunks()
            offsets = ranks.offsets.to_numpy().astype(np.int64)
            flat = ranks.values.to_numpy().astype(np.int32)
            yield Bucket(Reviews(flat, offsets, table["label"].to_numpy()), table["length"].to_numpy())

    def _writer(self, bucket: int, layout: pa.Schema) -> pa.RecordBatchStreamWriter:
        writer = self._writers[bucket]
        if writer is None:
            writer = self._open_files.enter_context(pa.ipc.new_stream(self._paths[bucket], layout))
            self._writers[bucket] = writer
        return writer
