"""Checks that prepared reviews are as expected, made on the files that were written."""

from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tasks.data.parquet import read_column, read_tokens, schema
from tasks.results.errors import DataError

SPLITS = ("train", "test")


def check(folder: Path, vocabulary_size: int, max_length: int) -> None:
    """Hold both written splits against the expected schema and ranges.

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
    labels, lengths, tokens = read_column(path, "label"), read_column(path, "length"), read_tokens(path)
    if len(labels) == 0:
        return [f"{path.name}: no reviews"]
    return [f"{path.name}: {fault}" for fault in _range_faults(labels, lengths, tokens, vocabulary_size)]


def _range_faults(
    labels: NDArray[np.integer], lengths: NDArray[np.integer], tokens: NDArray[np.integer], vocabulary_size: int
) -> list[str]:
    distinct_labels = np.unique(labels).tolist()
    largest = tokens.max()
    unpadded = np.count_nonzero(tokens, axis=1)
    is_fault = {
        f"labels {distinct_labels[:5]}, expected 0 and 1": distinct_labels != [0, 1],
        f"token {largest}, expected less than the vocabulary of {vocabulary_size}": largest >= vocabulary_size,
        f"length {lengths.min()}, expected 1 or more": lengths.min() < 1,
        "a review of padding alone, expected at least the start token": (tokens[:, -1] == 0).any(),
        "padding that differs from the length": (unpadded != np.minimum(lengths, tokens.shape[1])).any(),
    }
    return [fault for fault, is_there in is_fault.items() if is_there]
