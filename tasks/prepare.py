"""Step 2: from `imdb.npz` to padded reviews in Parquet, described and checked."""

import hashlib
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tasks.data.imdb_npz import Reviews, read_imdb_npz
from tasks.data.padding import keras_shuffles, lengths, unknown_rate
from tasks.data.tokens import read_column, read_tokens, schema, write_split
from tasks.data.vocabulary import words_by_token, words_of, write_vocabulary
from tasks.results.data import Dataset, Source, Split
from tasks.results.errors import DataError
from tasks.storage.code_version import code_version
from tasks.storage.files import fingerprint, remove, sha256_of_file
from tasks.storage.reuse import LOGGER, Logger, Record, step

# `content_digest` of the IMDB reviews: the official file and a file rebuilt with the same word ranks share it.
IMDB_CONTENT = "f9976ff6f40c34a11b02b76978f63393c643363191f41b4decca8711ff9db16a"
QUANTILES = (0.0, 0.25, 0.5, 0.75, 0.95, 1.0)
EXAMPLE_WORDS = 60
SPLITS = ("train", "test")


def dataset_fingerprint(source: Source, vocabulary_size: int, max_length: int, reviews: int | None) -> str:
    """Fingerprint of everything that decides the tokens."""
    return fingerprint(source.sha256, vocabulary_size, max_length, reviews, code_version("tasks.prepare"))


def dataset_record(
    source: Source, vocabulary_size: int, max_length: int, reviews: int | None, root: Path
) -> Record[Dataset]:
    """Where the dataset is kept. Words and origin change its description, not its tokens."""
    name = dataset_fingerprint(source, vocabulary_size, max_length, reviews)
    key = fingerprint(name, source.path, source.origin, source.word_index_sha256)
    return Record(root / name / "dataset.json", key, Dataset)


@step(title="prepare {vocabulary_size} words, {max_length} tokens", record=dataset_record)
def prepare(
    source: Source,
    vocabulary_size: int,
    max_length: int,
    reviews: int | None,
    root: Path,
    *,
    logger: Logger = LOGGER,
) -> Dataset:
    """`train.parquet`, `test.parquet` and `vocabulary.json` in `root/<fingerprint>`, which appears whole or not at all.

    Args:
        source: the `imdb.npz` to read.
        vocabulary_size: number of different tokens, the three special ones included.
        max_length: tokens of every prepared review.
        reviews: use only that many of each split (the first in Keras's order), or all.
        root: folder that holds one folder for each fingerprint.
        logger: gets a line on the result.

    Raises:
        DataError: the source cannot be read, or the prepared data are not as expected (the text lists every fault).
    """
    name = dataset_fingerprint(source, vocabulary_size, max_length, reviews)
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root, prefix=f".{name}-") as temporary:
        folder = Path(temporary) / name
        folder.mkdir()
        dataset = _prepare_in(folder, source, vocabulary_size, max_length, reviews)
        remove(root / name)
        folder.replace(root / name)
    logger.info("Dataset %s: %d training and %d test reviews", name, dataset.train.reviews, dataset.test.reviews)
    return _moved(dataset, root / name)


def _prepare_in(folder: Path, source: Source, vocabulary_size: int, max_length: int, limit: int | None) -> Dataset:
    train, test = read_imdb_npz(source.path)
    metadata = {
        "vocabulary_size": str(vocabulary_size),
        "max_length": str(max_length),
        "reviews": str(limit or "all"),
        "source_sha256": source.sha256,
        "fingerprint": folder.name,
    }

    def prepare_split(name: str, reviews: Reviews, order: NDArray[np.int64]) -> Split:
        path = folder / f"{name}.parquet"
        write_split(path, reviews, order[:limit], vocabulary_size, max_length, metadata)
        return describe(path, reviews, order[:limit], vocabulary_size)

    orders = keras_shuffles(len(train), len(test))
    with ThreadPoolExecutor(len(SPLITS)) as pool:
        train_split, test_split = pool.map(prepare_split, SPLITS, (train, test), orders)
    check(folder, vocabulary_size, max_length)
    vocabulary = folder / "vocabulary.json"
    write_vocabulary(vocabulary, source.word_index, vocabulary_size)
    return Dataset(
        folder=folder,
        fingerprint=folder.name,
        source=source,
        vocabulary_size=vocabulary_size,
        max_length=max_length,
        train=train_split,
        test=test_split,
        vocabulary=vocabulary,
        vocabulary_sha256=sha256_of_file(vocabulary),
        imdb=content_digest(train, test) == IMDB_CONTENT,
        example=example(test_split.path, vocabulary),
        columns={field.name: str(field.type) for field in schema(vocabulary_size, max_length, {})},
    )


def _moved(dataset: Dataset, folder: Path) -> Dataset:
    """The dataset after its folder was moved to `folder`."""
    splits = [replace(split, path=folder / split.path.name) for split in (dataset.train, dataset.test)]
    return replace(dataset, folder=folder, train=splits[0], test=splits[1], vocabulary=folder / dataset.vocabulary.name)


def describe(path: Path, reviews: Reviews, order: NDArray[np.int64], vocabulary_size: int) -> Split:
    """A written split: its digest, its reviews, labels and lengths."""
    chosen = lengths(reviews)[order]
    return Split(
        path=path,
        sha256=sha256_of_file(path),
        reviews=len(order),
        positive=int(reviews.labels[order].sum()),
        length_quantiles={f"{q:.0%}": float(np.quantile(chosen, q)) for q in QUANTILES}
        | {"mean": round(float(chosen.mean()), 2)},
        unknown_rate=round(unknown_rate(reviews, vocabulary_size), 6),
    )


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
    tests: Mapping[str, bool] = {
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


def example(path: Path, vocabulary: Path) -> str:
    """The last words of the first test review, as the network sees them."""
    tokens = pq.ParquetFile(path).read_row_group(0, columns=["tokens"]).column(0)[0].as_py()
    words = words_of(tokens, words_by_token(vocabulary))
    return " ".join(words[-EXAMPLE_WORDS:])


def content_digest(train: Reviews, test: Reviews) -> str:
    """SHA-256 of the decoded reviews, whatever archive they came in."""
    digest = hashlib.sha256()
    for reviews in (train, test):
        for array in (reviews.tokens, reviews.offsets, reviews.labels):
            digest.update(array.tobytes())
    return digest.hexdigest()
