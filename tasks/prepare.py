"""Step 2: turn an `imdb.npz` or the user's texts into padded reviews in Parquet; describe and check them."""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.data.imdb_npz import read_imdb_npz
from tasks.data.own_texts.second_pass import DatasetShape, SurveyedTexts, write_dataset
from tasks.data.own_texts.word_counts import read_index
from tasks.data.parquet import SPLITS, check_splits, describe, example, is_imdb, schema, write_split
from tasks.data.readers.inputs import labelled_inputs
from tasks.data.tokenizer import Tokenizer
from tasks.data.tokens import Reviews, keras_shuffles
from tasks.data.vocabulary import read_word_index, write_vocabulary
from tasks.progress import track
from tasks.results.data import IMDB_RULES, LABELS, Dataset, Labels, Source, Split, Survey, TextData
from tasks.storage.code_version import code_version
from tasks.storage.files import fingerprint, remove, sha256_of_file, write_json
from tasks.storage.layout import DATASET, VOCABULARY, WORD_INDEX
from tasks.storage.paths import relative_to
from tasks.storage.reuse import LOGGER, Logger, Record, step


def dataset_fingerprint(source: Source, vocabulary_size: int, max_length: int, reviews: int | None) -> str:
    """Fingerprint of everything that determines the tokens."""
    # An imdb.npz contains its ranks; a word index only maps them to words.
    ranks = source.word_index_sha256 if source.texts else None
    # A network keeps the names that the user chose, so other names are other data; 1, true and pos are not.
    names = source.survey.labels if source.texts and source.texts.positives and source.survey else None
    return fingerprint(source.sha256, ranks, names, vocabulary_size, max_length, reviews, code_version(__name__))


def dataset_record(
    source: Source, vocabulary_size: int, max_length: int, reviews: int | None, root: Path
) -> Record[Dataset]:
    """Where the dataset is stored. Words, origin and names of labels affect its description, not its tokens.

    A source in the same `outputs` is known by its place in there, so that the folder may be moved.
    """
    outputs = root.parent
    name = dataset_fingerprint(source, vocabulary_size, max_length, reviews)
    place = relative_to(outputs, source).path
    dropped = source.survey.dropped if source.survey else None
    key = fingerprint(name, place, source.origin, source.word_index_sha256, _labels(source), dropped)
    return Record(root / name / DATASET, key, Dataset, root=outputs)


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
    """Write both splits and `vocabulary.json` to `root/<fingerprint>`, which appears whole or not at all.

    A split is a Parquet file of padded reviews, such as `train.parquet`, and an Arrow file of the same reviews without
    padding, such as `train.arrow`.

    Args:
        source: the `imdb.npz` or the user's texts to read.
        vocabulary_size: number of different tokens, including the three special ones.
        max_length: length of every prepared review, in tokens.
        reviews: use only this many reviews of each split (the first in Keras's order, or chosen by hash); None: all.
        root: parent folder of all prepared datasets.
        logger: gets one line about the result.

    Raises:
        DataError: the source cannot be read, or the prepared data are not as expected (the message lists every fault).
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
    for part, split in (("training", dataset.train), ("test", dataset.test)):
        if split.unread:
            logger.warning("%d of %d %s reviews have no word that the networks know", split.unread, split.reviews, part)
    return _moved(dataset, root / name)


def _prepare_in(folder: Path, source: Source, vocabulary_size: int, max_length: int, limit: int | None) -> Dataset:
    shape = DatasetShape(vocabulary_size, max_length, limit)
    metadata = {
        "vocabulary_size": str(vocabulary_size),
        "max_length": str(max_length),
        "reviews": str(limit or "all"),
        "source_sha256": source.sha256,
        "fingerprint": folder.name,
    }
    word_index = _write_word_index(folder / WORD_INDEX, source)
    if source.texts and source.survey and word_index:
        prepared = _prepare_texts(
            folder, source.texts, source.survey, Tokenizer.read(word_index, source.texts.word_rules), shape, metadata
        )
    else:
        prepared = _prepare_npz(folder, source.path, shape, metadata)
    check_splits(folder, vocabulary_size, max_length)
    vocabulary = folder / VOCABULARY
    write_vocabulary(vocabulary, word_index, vocabulary_size)
    return Dataset(
        folder=folder,
        fingerprint=folder.name,
        source=source,
        vocabulary_size=vocabulary_size,
        max_length=max_length,
        train=prepared.train,
        test=prepared.test,
        vocabulary=vocabulary,
        vocabulary_sha256=sha256_of_file(vocabulary),
        word_index=word_index,
        word_index_sha256=sha256_of_file(word_index) if word_index else None,
        imdb=prepared.imdb,
        example=example(prepared.test.path, vocabulary),
        labels=_labels(source),
        word_rules=source.texts.word_rules if source.texts else IMDB_RULES,
        columns={field.name: str(field.type) for field in schema(vocabulary_size, max_length, {})},
    )


def _labels(source: Source) -> Labels:
    return source.survey.labels if source.survey else LABELS


class _Splits(NamedTuple):
    """The written splits, and whether they are the IMDB data set."""

    train: Split
    test: Split
    imdb: bool


def _prepare_npz(folder: Path, path: Path, shape: DatasetShape, metadata: dict[str, str]) -> _Splits:
    train, test = read_imdb_npz(path)

    def prepare_split(name: str, reviews: Reviews, order: NDArray[np.int64]) -> Split:
        path, chosen = folder / f"{name}.parquet", order[: shape.reviews]
        write_split(path, reviews, chosen, shape.vocabulary_size, shape.max_length, metadata)
        return describe(path, reviews, chosen, shape.vocabulary_size)

    orders = keras_shuffles(len(train), len(test))
    with ThreadPoolExecutor(len(SPLITS)) as pool:
        train_split, test_split = pool.map(prepare_split, SPLITS, (train, test), orders)
    return _Splits(train_split, test_split, is_imdb(train, test))


def _prepare_texts(
    folder: Path, data: TextData, survey: Survey, tokenizer: Tokenizer, shape: DatasetShape, metadata: dict[str, str]
) -> _Splits:
    inputs = labelled_inputs(data)
    with track("encoding texts", sum(each.bytes() for each in inputs)) as advance:
        texts = SurveyedTexts(inputs, data, survey)
        splits = write_dataset(folder, texts, tokenizer, shape, metadata, advance)
    return _Splits(splits["train"], splits["test"], imdb=False)


def _write_word_index(path: Path, source: Source) -> Path | None:
    """Store all words with their ranks next to the tokens; return None if the data came without words."""
    if source.word_index:
        index = read_word_index(source.word_index)
    elif source.survey:
        index = read_index(source.survey.words)
    else:
        return None
    write_json(path, index)
    return path


def _moved(dataset: Dataset, folder: Path) -> Dataset:
    """The dataset with its paths in `folder`, to which it was moved."""

    def moved(split: Split) -> Split:
        return replace(split, path=folder / split.path.name, unpadded=folder / split.unpadded.name)

    return replace(
        dataset,
        folder=folder,
        train=moved(dataset.train),
        test=moved(dataset.test),
        vocabulary=folder / dataset.vocabulary.name,
        word_index=folder / dataset.word_index.name if dataset.word_index else None,
    )
