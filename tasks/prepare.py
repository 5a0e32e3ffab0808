"""Step 2: from `imdb.npz` to padded reviews in Parquet, described and checked."""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.data.checks import SPLITS, check
from tasks.data.description import describe, example, is_imdb
from tasks.data.imdb_npz import read_imdb_npz
from tasks.data.padding import keras_shuffles
from tasks.data.parquet import schema, write_split
from tasks.data.reviews import Reviews
from tasks.data.vocabulary import write_vocabulary
from tasks.results.data import Dataset, Source, Split
from tasks.storage.code_version import code_version
from tasks.storage.files import fingerprint, remove, sha256_of_file
from tasks.storage.reuse import LOGGER, Logger, Record, step


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
        imdb=is_imdb(train, test),
        example=example(test_split.path, vocabulary),
        columns={field.name: str(field.type) for field in schema(vocabulary_size, max_length, {})},
    )


def _moved(dataset: Dataset, folder: Path) -> Dataset:
    """The dataset after its folder was moved to `folder`."""
    splits = [replace(split, path=folder / split.path.name) for split in (dataset.train, dataset.test)]
    return replace(dataset, folder=folder, train=splits[0], test=splits[1], vocabulary=folder / dataset.vocabulary.name)
