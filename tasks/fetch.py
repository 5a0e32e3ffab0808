"""Step 1: survey the user's texts, find or download `imdb.npz`, or fall back to the bundled sample."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from tasks.data import sample
from tasks.data.imdb_npz import read_imdb_npz
from tasks.data.own_texts.first_pass import survey_texts
from tasks.data.parquet import is_imdb
from tasks.data.readers.inputs import Input, labelled_inputs, signature
from tasks.errors import DataError, NetworkError
from tasks.progress import track
from tasks.results.data import Source, SourceKind, Survey, TextData
from tasks.storage.attached import KAGGLE_INPUT, attached_folders
from tasks.storage.code_version import code_version
from tasks.storage.download import download
from tasks.storage.files import check_regular, fingerprint, locked, remove, sha256_of_file
from tasks.storage.layout import IMDB, KERAS_WORD_INDEX, SOURCES, SURVEYS
from tasks.storage.reuse import LOGGER, Logger, Record, step

OFFICIAL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
NPZ_SHA256 = "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"
INDEX_SHA256 = "027313fe9a320280f3bf0fac5baf58c4a683cf39a7ed9c3d3d3912bde4284cf6"
Wanted = Literal["auto", "imdb", "sample"]


def source_record(data: Path | TextData | None, wanted: Wanted, cache: Path) -> Record[Source] | None:
    """Where the source is stored; None if it must first be downloaded, or cannot be found."""
    if isinstance(data, TextData):
        try:
            return _text_record(data, labelled_inputs(data), cache)
        except DataError:
            return None
    if data is None and wanted == "sample":
        return _sample_record(cache)
    path = data or next(_local_copies(cache), None)
    if path is None or not path.is_file():
        return None
    key = fingerprint(path.resolve(), _index_for(path, cache), code_version(__name__))
    return Record(cache / SOURCES / f"{key}.json", key, Source, root=cache)


@step(title="fetch {wanted}", record=source_record)
def fetch(
    data: Path | TextData | None,
    wanted: Wanted,
    cache: Path,
    *,
    base: str = OFFICIAL,
    logger: Logger = LOGGER,
) -> Source:
    """The reviews to use: `data`, else the cache, else Kaggle's folders, else a download, else the sample.

    Args:
        data: the user's own `imdb.npz` or texts, which are surveyed; with either, nothing else is tried.
        wanted: "imdb" never falls back to the sample, "sample" uses nothing else, "auto" falls back if offline.
        cache: folder for downloads and for the sample.
        base: address of the folder that contains the two official files.
        logger: gets a line that names the reviews.

    Raises:
        DataError: `data` is missing or not as expected, or a download has the wrong SHA-256.
        NetworkError: "imdb" is wanted and the download failed.
    """
    if isinstance(data, TextData):
        return _texts(data, cache, base, logger)
    source = _find(data, wanted, cache, base, logger)
    if source.kind == "sample":
        reason = "as requested" if wanted == "sample" else "no network; give --data PATH for the real reviews"
        logger.warning("Data: the BUNDLED SAMPLE of made-up reviews (%s), not IMDB", reason)
    else:
        logger.info("Data: %s, SHA-256 %s", source.path, source.sha256)
    return source


def _find(data: Path | None, wanted: Wanted, cache: Path, base: str, logger: Logger) -> Source:
    if data is not None:
        check_regular(data, f"--data {data}")
        if not data.is_file():
            raise DataError(f"--data {data}: no such file; give the path of an imdb.npz")
        return _source("file", data, str(data), _index_beside(data))
    if wanted == "sample":
        return _sample(cache)
    try:
        return _official(cache, base, logger)
    except NetworkError:
        if wanted == "imdb":
            raise
        return _sample(cache)


def _texts(data: TextData, cache: Path, base: str, logger: Logger) -> Source:
    """Survey the user's texts."""
    inputs = labelled_inputs(data)
    index = _index_for_texts(data, cache, base)
    folder = cache / SURVEYS / _text_record(data, inputs, cache).key
    with track("reading texts", sum(each.bytes() for each in inputs)) as advance:
        surveyed = survey_texts(inputs, data, folder, advance)
    _log_survey(data, surveyed.survey, logger)
    origin = ", ".join(str(path) for path in (*data.data, *data.test_data))
    index_sha256 = sha256_of_file(index) if index else None
    return Source("texts", inputs[0].path, surveyed.digest, origin, index, index_sha256, data, surveyed.survey)


def _log_survey(data: TextData, counts: Survey, logger: Logger) -> None:
    logger.info("Data: %s, %d training and %d test reviews", data.title, counts.train, counts.test)
    for label, rows in counts.dropped.items():
        kind = f"labelled {label[:40]!r}" if label.strip() else "without a label"
        logger.info("Dropped %s row%s %s", f"{rows:,}", "" if rows == 1 else "s", kind)
    if counts.repeated:
        logger.warning("%d reviews repeat the text of another one in their part; all are used", counts.repeated)
    if counts.shared:
        advice = "" if data.group_column else "; --test-share would keep equal texts together"
        message = "%d of %d test reviews are training reviews too, so the test results are too good%s"
        logger.warning(message, counts.shared, counts.test, advice)
    if data.group_column and counts.grouped:
        logger.warning("%d of %d test reviews belong to a group of the training part", counts.grouped, counts.test)
    if counts.alike > counts.shared:
        logger.warning(
            "%d of %d test reviews differ from a training review by case, spaces, signs and markup alone",
            counts.alike - counts.shared,
            counts.test,
        )
    if counts.contradicting:
        logger.warning("%d reviews have a text that occurs with both labels", counts.contradicting)
    if counts.wordless:
        logger.warning("%d reviews have no word, so the networks read nothing of them", counts.wordless)
    if counts.unseparated:
        numbers = counts.unseparated, counts.train
        logger.warning("%d of %d training reviews are one long word: nothing in them separates words", *numbers)


def _text_record(data: TextData, inputs: list[Input], cache: Path) -> Record[Source]:
    """Where the survey of the user's texts is stored; it is valid until a file is changed, added or removed."""
    key = fingerprint(signature(inputs), asdict(data), code_version(__name__))
    return Record(cache / SOURCES / f"{key}.json", key, Source, root=cache)


def _index_for_texts(data: TextData, cache: Path, base: str) -> Path | None:
    """Keras's word index, or None if the user's texts are read with their own vocabulary.

    Raises:
        NetworkError: the index is not on this machine, and the download failed.
    """
    if data.vocabulary == "training":
        return None
    beside = _index_beside(data.data[0])
    return beside or download(f"{base}{KERAS_WORD_INDEX}", cache / KERAS_WORD_INDEX, INDEX_SHA256).resolve()


def _source(kind: SourceKind, path: Path, origin: str, index: Path | None) -> Source:
    """A source with the digests of its files."""
    digest = sha256_of_file(index) if index else None
    return Source(kind, path.resolve(), sha256_of_file(path), origin, index.resolve() if index else None, digest)


def _official(cache: Path, base: str, logger: Logger) -> Source:
    """The IMDB reviews from this machine, or from the official address."""
    for path in _local_copies(cache):
        if _holds_imdb(path):
            return _source("imdb", path, str(path), _index_beside(path) or _index(cache, base, logger))
        logger.warning("%s: not the IMDB reviews, so it is not used; --data %s would train on it", path, path)
        if path.parent == cache:
            path.replace(path.with_name("imdb.npz.other"))  # Another data set under the name of the download.
    url = f"{base}imdb.npz"
    path = download(url, cache / IMDB, NPZ_SHA256)
    return _source("imdb", path, url, _index(cache, base, logger))


def _holds_imdb(path: Path) -> bool:
    """Whether a file is the official one, or contains the same reviews in another archive."""
    if sha256_of_file(path) == NPZ_SHA256:
        return True
    try:
        return is_imdb(*read_imdb_npz(path))
    except DataError:
        return False


def _local_copies(cache: Path) -> Iterator[Path]:
    """The copies of `imdb.npz` on this machine, in order of preference."""
    if (cache / IMDB).is_file():
        yield cache / IMDB
    for folder in (Path("../input"), *attached_folders(KAGGLE_INPUT)):
        if (folder / IMDB).is_file():
            yield folder / IMDB


def _index(cache: Path, base: str, logger: Logger) -> Path | None:
    """The official word index; None if it cannot be downloaded: only the words in the report need it."""
    try:
        return download(f"{base}{KERAS_WORD_INDEX}", cache / KERAS_WORD_INDEX, INDEX_SHA256)
    except (NetworkError, DataError) as error:
        logger.warning("No word index, so the report shows words as numbers (%s)", error)
        return None


def _index_beside(data: Path) -> Path | None:
    path = data.resolve().parent / KERAS_WORD_INDEX
    return path if path.is_file() else None


def _index_for(data: Path, cache: Path) -> Path | None:
    """The word index on this machine that belongs to a copy of `imdb.npz`."""
    cached = cache / KERAS_WORD_INDEX
    return _index_beside(data) or (cached.resolve() if cached.is_file() else None)


def _sample(cache: Path) -> Source:
    """The bundled sample, made now unless it is intact in the cache."""
    npz, index = (cache / f"sample-{sample.VERSION}{ending}" for ending in (".npz", "-word-index.json"))
    record = _sample_record(cache)
    with locked(cache / "sample.lock"):
        source = record.read()
        if source is None:
            for path in (npz, index):
                remove(path)
            sample.write_sample(npz, index)
            source = _source("sample", npz, "made by this project", index)
            record.write(source)
    return source


def _sample_record(cache: Path) -> Record[Source]:
    key = fingerprint("sample", code_version(__name__))
    return Record(cache / SOURCES / f"{key}.json", key, Source, root=cache)
