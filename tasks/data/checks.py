"""Checks that prepared reviews are as expected, made on the files that were written."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tasks.data.parquet import ROW_GROUP, read_column, schema
from tasks.data.unpadded import UnpaddedReviews, unpadded_path
from tasks.results.errors import DataError

SPLITS = ("train", "test")


def check(folder: Path, vocabulary_size: int, max_length: int) -> None:
    """Check both written splits against the expected schema and ranges.

    Raises:
        DataError: one line for each fault: a wrong column, no reviews, a value out of its range, one label only.
    """
    with ThreadPoolExecutor(len(SPLITS)) as pool:
        faults = pool.map(lambda split: _faults(folder / f"{split}.parquet", vocabulary_size, max_length), SPLITS)
        lines = [f"  - {fault}" for fault in chain.from_iterable(faults)]
    if lines:
        raise DataError("\n".join([f"{folder}: the prepared data are not as expected:", *lines]))


def _faults(path: Path, vocabulary_size: int, max_length: int) -> list[str]:
    actual, expected = pq.read_schema(path), schema(vocabulary_size, max_length, {})
    if not actual.equals(expected):
        return [f"{path.name}: schema {actual.names} {actual.types}, expected {expected.names} {expected.types}"]
    labels = np.unique(read_column(path, "label")).tolist()
    if not labels:
        return [f"{path.name}: no reviews"]
    faults = [] if labels == [0, 1] else [f"labels {labels[:5]}, expected 0 and 1"]
    return [f"{path.name}: {text}" for text in [*faults, *_range_faults(path, vocabulary_size, max_length)]]


def _range_faults(path: Path, vocabulary_size: int, max_length: int) -> list[str]:
    """The values out of their ranges; of each kind the first, a row group at a time."""
    first: dict[str, str] = {}
    unpadded, start = UnpaddedReviews.read(unpadded_path(path)), 0
    for batch in pq.ParquetFile(path).iter_batches(ROW_GROUP, columns=["label", "length", "tokens"]):
        lengths = batch.column("length").to_numpy()
        tokens = batch.column("tokens").flatten().to_numpy().reshape(-1, max_length)
        for kind, text in _faults_of(lengths, tokens, vocabulary_size):
            first.setdefault(kind, text)
        end = start + len(batch)
        same_tokens = np.array_equal(unpadded.tokens_between(start, end), tokens)
        if not same_tokens or not np.array_equal(unpadded.labels[start:end], batch.column("label").to_numpy()):
            first.setdefault("unpadded", f"review {start} or one of the next differs in {unpadded_path(path).name}")
        start = end
    return list(first.values())


def _faults_of(
    lengths: NDArray[np.int32], tokens: NDArray[np.unsignedinteger], vocabulary_size: int
) -> Iterator[tuple[str, str]]:
    """What is wrong with some reviews: its kind, and what was found."""
    if tokens.max() >= vocabulary_size:
        yield "token", f"token {tokens.max()}, expected less than the vocabulary of {vocabulary_size}"
    if lengths.min() < 1:
        yield "length", f"length {lengths.min()}, expected 1 or more"
    if not tokens[:, -1].all():
        yield "empty", "a review of padding alone, expected at least the start token"
    if (np.count_nonzero(tokens, axis=1) != np.minimum(lengths, tokens.shape[1])).any():
        yield "padding", "padding that differs from the length"
