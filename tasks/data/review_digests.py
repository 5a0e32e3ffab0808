"""Digests of reviews' words and labels; a digest identifies a review, however the review was prepared."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tasks.data.imdb_npz import read_imdb_npz
from tasks.data.own_texts.first_pass import files_digest
from tasks.data.own_texts.parts import IN_TEST
from tasks.data.parquet import read_column, reading
from tasks.data.readers.batch import Column, Columns, RowBatch
from tasks.data.readers.inputs import labelled_columns, labelled_inputs, read_all
from tasks.data.tokens import Reviews
from tasks.errors import DataError, shortened
from tasks.results.data import Dataset, Survey, TextData
from tasks.storage.files import atomic_path, fingerprint

DIGEST_BYTES = 16
Digests = NDArray[np.bytes_]


def digests(reviews: Reviews, rows: NDArray[np.integer]) -> Digests:
    """Digest each chosen review's words and label, as 32 hexadecimal digits, shape (rows,)."""
    texts = []
    for row in rows:
        words = reviews.ranks[reviews.offsets[row] : reviews.offsets[row + 1]].astype("<i4")
        label = bytes([int(reviews.labels[row])])
        texts.append(hashlib.blake2b(label + words.tobytes(), digest_size=DIGEST_BYTES).hexdigest())
    return np.array(texts, f"S{2 * DIGEST_BYTES}")


def digests_of_test(dataset: Dataset) -> Digests:
    """Digest a dataset's test reviews, in the order of its test split.

    Raises:
        DataError: the source is missing, has changed, or cannot be read.
    """
    rows, source = read_column(dataset.test.path, "review_id"), dataset.source
    if source.texts is not None and source.survey is not None:
        of_texts: Digests = _digests_of_texts(source.texts, source.survey)[rows]
        return of_texts
    _, test = read_imdb_npz(source.path)
    if len(rows) and not 0 <= rows.min() <= rows.max() < len(test):
        raise DataError(f"{dataset.test.path}: names reviews that {source.path} lacks; repeat the run that made it")
    return digests(test, rows)


def column_of_test(dataset: Dataset, column: str) -> list[str]:
    """Read a column of own texts for a dataset's test reviews, in the order of its test split; "" for missing values.

    Raises:
        DataError: the data have no such column, have changed, or cannot be read.
    """
    source = dataset.source
    if source.texts is None or source.survey is None:
        raise DataError(f"--slice-columns {column}: found {source.title}, expected own texts with columns")
    if any(entry.path.is_dir() for entry in labelled_inputs(source.texts)):
        raise DataError(f"--slice-columns {column}: found a folder of texts, expected .csv, .parquet or .jsonl files")
    columns = labelled_columns(source.texts, Column("value", column, "--slice-columns"))
    values = [""] * source.survey.test
    for batch, rows, places in _test_batches(source.texts, source.survey, columns):
        for place, value in zip(places, batch.strings(column).take(pa.array(rows)).to_pylist(), strict=True):
            values[place] = value or ""
    return [values[row] for row in read_column(dataset.test.path, "review_id")]


def _digests_of_texts(data: TextData, survey: Survey) -> Digests:
    """Digest all test reviews of own texts; return the digests in the order of the test part."""
    labels = pq.read_table(survey.reviews)["label"].to_numpy()
    result = np.empty(survey.test, f"S{2 * DIGEST_BYTES}")
    start = 0
    for batch, rows, places in _test_batches(data, survey, labelled_columns(data)):
        texts = batch.strings(data.text_column)
        for row, place in zip(rows, places, strict=True):
            content = bytes([int(labels[start + row])]) + texts[int(row)].as_buffer().to_pybytes()
            result[place] = hashlib.blake2b(content, digest_size=DIGEST_BYTES).hexdigest()
        start += len(batch)
    return result


def _test_batches(
    data: TextData, survey: Survey, columns: Columns
) -> Iterator[tuple[RowBatch, NDArray[np.intp], NDArray[np.int32]]]:
    """Yield all batches of own texts, each with its test reviews' rows and their places in the test part.

    Raises:
        DataError: the files have changed since the survey, or cannot be read.
    """
    inputs = labelled_inputs(data)
    if files_digest(inputs) != survey.files_sha256:
        raise DataError(f"{data.title}: the files have changed since the network was trained; repeat its run")
    table = pq.read_table(survey.reviews)
    parts, places = table["part"].to_numpy(), table["place"].to_numpy()
    start = 0
    for _, batch in read_all(inputs, columns):
        rows = np.flatnonzero(parts[start : start + len(batch)] == IN_TEST)
        yield batch, rows, places[start + rows]
        start += len(batch)


def write_digests(path: Path, values: Digests) -> None:
    """Atomically write digests to a Parquet file with one column."""
    with atomic_path(path) as temporary:
        pq.write_table(pa.table({"digest": pa.array(values.astype(str))}), temporary)


def read_digests(path: Path) -> Digests:
    """Read the digests that `write_digests` wrote."""
    with reading(path):
        values = pq.read_table(path).column("digest").to_pylist()
        return np.array(values, f"S{2 * DIGEST_BYTES}")


def set_name(values: Digests) -> str:
    """Fingerprint of a set of reviews, whatever their order."""
    return fingerprint(np.sort(values).astype(str).tolist())


def match(first: Digests, second: Digests, titles: tuple[str, str]) -> NDArray[np.intp]:
    """For each review of the first set, return its row in the second.

    Args:
        first, second: the digests of the candidate's test reviews, and those of the champion's.
        titles: the titles of their data, for the message.

    Raises:
        DataError: the sets differ.
    """
    orders = np.argsort(first, kind="stable"), np.argsort(second, kind="stable")
    if not np.array_equal(first[orders[0]], second[orders[1]]):
        common = len(np.intersect1d(first, second))
        raise DataError(
            f"the candidate has {len(first)} test reviews of the {shortened(titles[0], 80)}, the champion "
            f"{len(second)} of the {shortened(titles[1], 80)}, and {common} are the same; expected the same set: "
            "a registry has one champion. Train and promote on other data with another --outputs folder, or train on "
            "the champion's data (--data, --source, --reviews)"
        )
    rows = np.empty(len(first), np.intp)
    rows[orders[0]] = orders[1]
    return rows
