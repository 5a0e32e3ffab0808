"""Checks that prepared reviews are as expected, made on the files that were written."""

from concurrent.futures import ThreadPoolExecutor
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
        DataError: one line a fault: wrong column, no reviews, a value out of its range, one label only.
    """
    with ThreadPoolExecutor(len(SPLITS)) as pool:
        found = pool.map(lambda split: _faults(folder / f"{split}.parquet", vocabulary_size, max_length), SPLITS)
        faults = [fault for faults in found for fault in faults]
    if faults:
        raise DataError(f"{folder}: the prepared data are not as expected:\n" + "\n".join(f"  - {f}" for f in faults))


def _faults(path: Path, vocabulary_size: int, max_length: int) -> list[str]:
    found, expected = pq.read_schema(path), schema(vocabulary_size, max_length, {})
    if not found.equals(expected):
        return [f"{path.name}: schema {found.names} {found.types}, expected {expected.names} {expected.types}"]
    labels, sizes, tokens = read_column(path, "label"), read_column(path, "length"), read_tokens(path)
    if len(labels) == 0:
        return [f"{path.name}: no reviews"]
    return [f"{path.name}: {text}" for text in _range_faults(labels, sizes, tokens, vocabulary_size)]


def _range_faults(
    labels: NDArray[np.integer], sizes: NDArray[np.integer], tokens: NDArray[np.integer], vocabulary_size: int
) -> list[str]:
    tests = {
        f"labels {sorted(set(labels.tolist()))[:5]}, expected 0 and 1": set(labels.tolist()) == {0, 1},
        f"token {tokens.max()}, expected less than the vocabulary of {vocabulary_size}": bool(
            tokens.max() < vocabulary_size
        ),
        f"length {sizes.min()}, expected 1 or more": bool(sizes.min() >= 1),
        "a review of padding alone, expected at least the start token": bool((tokens[:, -1] != 0).all()),
        "padding that differs from the length": bool(
            ((tokens != 0).sum(axis=1) == np.minimum(sizes, tokens.shape[1])).all()
        ),
    }
    return [text for text, passed in tests.items() if not passed]
