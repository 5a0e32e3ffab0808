"""Makes a dataset with fewer reviews to train on, to tell how much more data would bring."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic_core import to_jsonable_python

from tasks.data.imdb_npz import read_imdb_npz
from tasks.data.own_texts.second_pass import DatasetShape, SurveyedTexts, count_ranks, write_dataset
from tasks.data.parquet import check_splits, describe, example, write_split
from tasks.data.readers.inputs import labelled_inputs
from tasks.data.subsets import Ranking, Rows, rows_of, survey_of
from tasks.data.tokenizer import Tokenizer
from tasks.data.tokens import Reviews, keras_shuffles
from tasks.data.training_reviews import validation_start
from tasks.data.unpadded import UnpaddedReviews
from tasks.data.vocabulary import read_word_index, write_vocabulary
from tasks.errors import DataError
from tasks.progress import track
from tasks.results.data import Dataset, Split, Survey, TextData, VocabularyOf
from tasks.storage.code_version import code_version
from tasks.storage.files import fingerprint, remove, sha256_of_file, write_json
from tasks.storage.layout import DATASET, SURVEYED_REVIEWS, TEST, TRAIN, VOCABULARY, WORD_INDEX
from tasks.storage.paths import located_in, relative_to
from tasks.storage.reuse import LOGGER, Logger, Record, step


def subset_fingerprint(dataset: Dataset, validation: float, size: int, vocabulary_of: VocabularyOf) -> str:
    """Fingerprint of everything that determines the tokens."""
    start = validation_start(dataset.train, validation)
    return fingerprint(dataset.fingerprint, start, size, vocabulary_of, code_version(__name__))


def subset_record(
    dataset: Dataset, validation: float, size: int, vocabulary_of: VocabularyOf, root: Path
) -> Record[Dataset]:
    """Where the subset is stored: beside its dataset, whose description it has."""
    name = subset_fingerprint(dataset, validation, size, vocabulary_of)
    key = fingerprint(name, to_jsonable_python(relative_to(root.parent, dataset)))
    return Record(root / name / DATASET, key, Dataset, root=root.parent)


@step(title="prepare {size:,} of the reviews to train on", record=subset_record)
def subset(
    dataset: Dataset,
    validation: float,
    size: int,
    vocabulary_of: VocabularyOf,
    root: Path,
    *,
    logger: Logger = LOGGER,
) -> Dataset:
    """Write a dataset with `size` of the reviews to train on; validation and test reviews stay the same, in order.

    Subsets are nested and have both labels' shares. Whatever share a training plan holds out, validation begins behind
    the `size` reviews.

    The vocabulary of a subset is the most frequent words of its reviews to fit, as many as the run's vocabulary has.
    They are counted in the whole reviews, before any is cut. All other words are unknown, as they are to a network
    that has only these reviews. Words that even the run's word index lacks are skipped, as always.

    Args:
        dataset: the whole dataset.
        validation: the share of its training reviews, the last ones, that are held out.
        size: the number of reviews to fit.
        vocabulary_of: "subset", or "all" for the vocabulary of the whole dataset.
        root: parent folder of all prepared datasets.
        logger: gets one line about the result.

    Raises:
        DataError: the source cannot be read, or has changed.
    """
    name = subset_fingerprint(dataset, validation, size, vocabulary_of)
    labels = UnpaddedReviews.read(dataset.train.unpadded).labels
    rows = rows_of(labels, validation_start(dataset.train, validation), size, dataset.test.reviews)
    with tempfile.TemporaryDirectory(dir=root, prefix=f".{name}-") as temporary:
        folder = Path(temporary) / name
        folder.mkdir()
        made = _write(folder, dataset, rows, vocabulary_of)
        remove(root / name)
        folder.replace(root / name)
    logger.info("Subset %s: %d reviews to train on, unknown test words %.4f", name, size, made.test.unknown_rate)
    return located_in(root / name, relative_to(folder, made))


def _write(folder: Path, dataset: Dataset, rows: Rows, vocabulary_of: VocabularyOf) -> Dataset:
    """Write the files of a subset; return its description."""
    source = dataset.source
    work = _Work(folder, dataset, rows, vocabulary_of)
    if source.texts and source.survey:
        train, test = _write_texts(work, source.texts, source.survey)
    else:
        train, test = _write_npz(work)
    check_splits(folder, dataset.vocabulary_size, dataset.max_length)
    vocabulary, index = folder / VOCABULARY, work.word_index
    write_vocabulary(vocabulary, index, dataset.vocabulary_size)
    return replace(
        dataset,
        folder=folder,
        fingerprint=folder.name,
        train=train,
        test=test,
        vocabulary=vocabulary,
        vocabulary_sha256=sha256_of_file(vocabulary),
        word_index=index,
        word_index_sha256=sha256_of_file(index) if index else None,
        imdb=False,
        example=example(test.path, vocabulary),
    )


@dataclass(frozen=True)
class _Work:
    """A subset that is being written."""

    folder: Path
    dataset: Dataset
    rows: Rows
    vocabulary_of: VocabularyOf

    @property
    def word_index(self) -> Path | None:
        """The file of all words with their new ranks; None if the data came without words."""
        return self.folder / WORD_INDEX if self.dataset.word_index else None

    @property
    def metadata(self) -> dict[str, str]:
        """What the Parquet files say of themselves."""
        return {
            "vocabulary_size": str(self.dataset.vocabulary_size),
            "max_length": str(self.dataset.max_length),
            "training_size": str(len(self.rows.fitted)),
            "source_sha256": self.dataset.source.sha256,
            "fingerprint": self.folder.name,
        }

    def write_word_index(self, ranking: Ranking | None) -> None:
        """Write the word index with new ranks, or with the old ones if there are none."""
        if self.dataset.word_index and self.word_index:
            index = read_word_index(self.dataset.word_index)
            write_json(self.word_index, ranking.of_index(index) if ranking else index)

    def ranking(self, ranks: NDArray[np.integer], counts: NDArray[np.integer]) -> Ranking:
        """New ranks for the words of the subset."""
        return Ranking.by_frequency(ranks, counts, self.dataset.vocabulary_size)


def _write_npz(work: _Work) -> tuple[Split, Split]:
    """Write both parts of an `imdb.npz`, with the ranks that the file has for whole reviews."""
    dataset, rows = work.dataset, work.rows
    train, test = read_imdb_npz(dataset.source.path)
    # As in `prepare`: the reviews of the dataset are the first of these orders.
    train_order, test_order = keras_shuffles(len(train), len(test))
    ranking = None
    if work.vocabulary_of == "subset":
        chosen = train_order[rows.fitted]
        bounds = zip(train.offsets[chosen].tolist(), train.offsets[chosen + 1].tolist(), strict=True)
        ranking = work.ranking(*np.unique(np.concatenate([train.ranks[a:b] for a, b in bounds]), return_counts=True))
    work.write_word_index(ranking)

    def written(name: str, reviews: Reviews, order: NDArray[np.int64], unit_starts: NDArray[np.int32] | None) -> Split:
        path = work.folder / name
        if ranking:
            reviews = replace(reviews, ranks=ranking.of(reviews.ranks))
        write_split(path, reviews, order, dataset.vocabulary_size, dataset.max_length, work.metadata, unit_starts)
        return describe(path, reviews, order, dataset.vocabulary_size)

    return (
        written(TRAIN, train, train_order[rows.train], rows.unit_starts),
        written(TEST, test, test_order[: rows.test], None),
    )


def _write_texts(work: _Work, data: TextData, survey: Survey) -> tuple[Split, Split]:
    """Read own texts again, and write both parts."""
    dataset, rows = work.dataset, work.rows
    inputs = labelled_inputs(data)
    size = sum(each.bytes() for each in inputs)
    if dataset.word_index is None or work.word_index is None:
        raise DataError(f"{dataset.folder}: found own texts without a word index; run the same command with --fresh")
    with tempfile.TemporaryDirectory(dir=work.folder.parent) as temporary:
        texts = SurveyedTexts(inputs, data, survey_of(survey, rows, Path(temporary) / SURVEYED_REVIEWS))
        ranking = None
        if work.vocabulary_of == "subset":
            with track("counting words", size) as advance:
                counts = count_ranks(
                    texts, Tokenizer.read(dataset.word_index, data.word_rules), len(rows.fitted), advance
                )
            found = np.flatnonzero(counts)
            ranking = work.ranking(found, counts[found])
        work.write_word_index(ranking)
        shape = DatasetShape(dataset.vocabulary_size, dataset.max_length, None)
        tokenizer = Tokenizer.read(work.word_index, data.word_rules)
        with track("encoding texts", size) as advance:
            splits = write_dataset(work.folder, texts, tokenizer, shape, work.metadata, advance)
    return splits["train"], splits["test"]
