"""The first pass over own texts: determines each review's part (training or test) and place, and counts the words.

Reviews are ordered by hashes of their texts; see `tasks.data.own_texts.parts`. So the same reviews give the same tokens
however they are split into files; a folder sorted by label is shuffled; and a text that occurs twice, or a group of
texts, is never in both parts of a split data set.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tasks.data.own_texts.labels import LabelReader
from tasks.data.own_texts.parts import IN_TEST, IN_TRAIN, fair_parts, likely_parts, spread
from tasks.data.own_texts.word_counts import WordCounts, count_words, write_ranked
from tasks.data.own_texts.workers import in_order
from tasks.data.readers.batch import Column, RowBatch
from tasks.data.readers.inputs import Input, Part, labelled_columns, read_all, signature
from tasks.data.tokenizer import NO_LETTERS, has_word, letter_digests, simplified, split_simplified, split_words
from tasks.errors import DataError
from tasks.results.data import Labels, Survey, TextData, WordRules
from tasks.storage.files import atomic_path, sha256_of_file, sha256_of_json
from tasks.storage.layout import SURVEYED_REVIEWS, SURVEYED_WORDS

_DIGEST_BYTES = 16
LONG_WORD = 30  # Characters. A text that is one such word holds no separator that the word rules know.


class SurveyedReviews(NamedTuple):
    """All reviews, in reading order.

    Attributes:
        digests: uint64, shape (reviews, 2); the texts' hashes.
        letters: uint64, shape (reviews,); hashes of the texts' letters and numbers alone.
        units: uint64, shape (reviews,); hash of what must not be split: the review's group or, without one, its text.
        parts: uint8, shape (reviews,); IN_TRAIN or IN_TEST.
        is_fixed: bool, shape (reviews,); whether the files say to which part the review belongs.
        labels: uint8, shape (reviews,); 0 or 1.
    """

    digests: NDArray[np.uint64]
    letters: NDArray[np.uint64]
    units: NDArray[np.uint64]
    parts: NDArray[np.uint8]
    is_fixed: NDArray[np.bool_]
    labels: NDArray[np.uint8]


class _TextsToCount(NamedTuple):
    """A batch to send to a worker; `groups` is None without `--group-column`."""

    texts: pa.LargeStringArray
    groups: pa.LargeStringArray | None
    labels: NDArray[np.uint8]
    part: Part


class _Counted(NamedTuple):
    """What a worker found in a batch: its reviews, the words of the training part, and numbers as in `Survey`."""

    reviews: SurveyedReviews
    words: pa.Table
    numbers: Counter[str]


class Surveyed(NamedTuple):
    """A survey, and a digest that depends on all texts and labels, but not on how they are split into files."""

    survey: Survey
    digest: str


def survey_texts(inputs: Sequence[Input], data: TextData, folder: Path, advance: Callable[[int], None]) -> Surveyed:
    """Read all texts once and write to `folder` what the second pass needs.

    Args:
        inputs: what to read.
        data: how to read it.
        folder: the folder for `reviews.parquet` and `words.parquet`.
        advance: called with each batch's size in bytes.

    Raises:
        DataError: a file or row is not as expected; the message describes the first fault in one line.
    """
    read_labels = LabelReader(data.label_column, data.positives, data.drop)
    columns = labelled_columns(data, *group_columns(data))

    origins = _Origins()

    def piece(part: Part, batch: RowBatch) -> _TextsToCount:
        advance(batch.size)
        origins.add(batch)
        groups = batch.strings(data.group_column) if data.group_column else None
        return _TextsToCount(batch.strings(data.text_column), groups, read_labels(batch), part)

    pieces = (piece(part, batch) for part, batch in read_all(inputs, columns))
    counts = WordCounts()
    counted_reviews: list[SurveyedReviews] = []
    numbers: Counter[str] = Counter(wordless=0, unseparated=0)
    for counted in in_order(partial(_count, test_share=data.test_share, rules=data.word_rules), pieces):
        counts.add(counted.words)
        counted_reviews.append(counted.reviews)
        numbers.update(counted.numbers)
    names = read_labels.names()
    reviews = _in_fair_parts(_joined(counted_reviews), inputs, data, counts)
    _check_parts(reviews, data, names)
    write_ranked(folder / SURVEYED_WORDS, counts.ranked())
    facts = {**numbers, **_repetitions(reviews), "labels": names, "dropped": dict(read_labels.dropped)}
    return _written(reviews, origins, inputs, folder, facts)


def group_columns(data: TextData) -> list[Column]:
    """The column of groups, if there is one."""
    return [Column("group", data.group_column, "--group-column")] if data.group_column else []


def files_digest(inputs: Sequence[Input]) -> str:
    """Digest of the part, path and content of every file; if it changes, the survey is out of date."""
    return sha256_of_json(signature(inputs))


def text_digests(texts: pa.LargeStringArray) -> NDArray[np.uint64]:
    """Hash each text; uint64, shape (texts, 2)."""
    digest = partial(hashlib.blake2b, digest_size=_DIGEST_BYTES)
    content = b"".join(digest(text.as_buffer()).digest() for text in texts)
    return np.frombuffer(content, ">u8").astype(np.uint64).reshape(-1, 2)


def _count(piece: _TextsToCount, test_share: float, rules: WordRules) -> _Counted:
    digests, simple = text_digests(_with_same_line_ends(piece.texts, rules)), simplified(piece.texts, rules)
    units = _units(digests[:, 0], piece.groups)
    is_fixed = piece.part != "either"
    parts = likely_parts(units, test_share)
    if is_fixed:
        parts = np.full(len(digests), IN_TEST if piece.part == "test" else IN_TRAIN, np.uint8)
    of_training = simple.filter(pa.array(parts == IN_TRAIN))
    words, offsets = split_simplified(of_training, rules)
    is_long = pc.greater(pc.utf8_length(of_training), LONG_WORD).to_numpy(zero_copy_only=False)
    return _Counted(
        SurveyedReviews(
            digests, letter_digests(simple, rules), units, parts, np.full(len(units), is_fixed), piece.labels
        ),
        count_words(words),
        Counter(
            wordless=int(np.count_nonzero(~has_word(piece.texts, rules))),
            unseparated=int(np.count_nonzero((np.diff(offsets) == 1) & is_long)),
        ),
    )


def _with_same_line_ends(texts: pa.LargeStringArray, rules: WordRules) -> pa.LargeStringArray:
    r"""The texts with `\n` for `\r\n` and `\r`, where these make no other words."""
    if rules.name == "imdb" or not pc.any(pc.match_substring(texts, "\r")).as_py():
        return texts
    return pc.replace_substring_regex(texts, r"\r\n?", "\n")


def _units(texts: NDArray[np.uint64], groups: pa.LargeStringArray | None) -> NDArray[np.uint64]:
    """The hash of each review's group or, where it has none, of its text."""
    if groups is None:
        return texts
    names = pc.utf8_trim_whitespace(groups).fill_null("")
    return np.where(pc.equal(names, "").to_numpy(zero_copy_only=False), texts, text_digests(names)[:, 0])


def _joined(parts: list[SurveyedReviews]) -> SurveyedReviews:
    if not parts:
        none = np.zeros(0, np.uint64)
        return SurveyedReviews(
            none.reshape(0, 2), none, none, none.astype(np.uint8), none.astype(bool), none.astype(np.uint8)
        )
    return SurveyedReviews(*map(np.concatenate, zip(*parts, strict=True)))


def _in_fair_parts(
    reviews: SurveyedReviews, inputs: Sequence[Input], data: TextData, counts: WordCounts
) -> SurveyedReviews:
    """Move reviews between the parts where the hash alone was not fair; correct the word counts."""
    free = np.flatnonzero(~reviews.is_fixed)
    parts = reviews.parts.copy()
    parts[free] = fair_parts(reviews.units[free], reviews.labels[free], data.test_share)
    has_moved = parts != reviews.parts
    start = 0
    for _, batch in read_all(inputs, labelled_columns(data)) if has_moved.any() else ():
        rows = slice(start, start + len(batch))
        start += len(batch)
        for part, change in ((IN_TRAIN, counts.add), (IN_TEST, counts.remove)):
            moved = pa.array(has_moved[rows] & (parts[rows] == part))
            change(count_words(split_words(batch.strings(data.text_column).filter(moved), data.word_rules).words))
    return reviews._replace(parts=parts)


def _check_parts(reviews: SurveyedReviews, data: TextData, names: Labels) -> None:
    for part, name, advice in (
        (IN_TRAIN, "training", "give more reviews, or a smaller --test-share"),
        (IN_TEST, "test", "give more reviews, a larger --test-share, or --test-data"),
    ):
        labels = reviews.labels[reviews.parts == part]
        if len(labels) == 0:
            raise DataError(f"{data.title}: the {name} part has no reviews; {advice}")
        if labels.min() == labels.max():
            raise DataError(
                f"{data.title}: all {len(labels)} reviews in the {name} part have the label "
                f"{names[labels[0]][:40]!r}, expected both classes; {advice}, or check --label-column and --positive"
            )


class _Origins:
    """The file and the row of each review, as messages name them."""

    def __init__(self) -> None:
        self._names: dict[str, int] = {}
        self._files: list[NDArray[np.int32]] = []
        self._rows: list[NDArray[np.int64]] = []

    def add(self, batch: RowBatch) -> None:
        """Add the reviews of a batch."""
        paths = batch.paths or [batch.file] * len(batch)
        numbers = (self._names.setdefault(path, len(self._names)) for path in paths)
        self._files.append(np.fromiter(numbers, np.int32, len(batch)))
        self._rows.append(batch.rows)

    def columns(self) -> dict[str, Any]:
        """The columns `file` and `row`."""
        names = pa.array(list(self._names), pa.string())
        files = pa.DictionaryArray.from_arrays(pa.array(np.concatenate(self._files)), names)
        return {"file": files, "row": np.concatenate(self._rows)}


class _Places(NamedTuple):
    """The order in which reviews are written, first the training part; the number of its reviews; and units.

    Attributes:
        order: int64, shape (reviews,); the reviews' rows.
        train: how many of them are in the training part.
        starts_unit: bool, shape (reviews,), in that order; whether a review is the first of its unit in its part.
    """

    order: NDArray[np.int64]
    train: int
    starts_unit: NDArray[np.bool_]

    @classmethod
    def of(cls, reviews: SurveyedReviews) -> "_Places":
        """Spread the labels evenly in each part; reviews of a unit stay together."""
        places = np.zeros(len(reviews.parts))
        for part in (IN_TRAIN, IN_TEST):
            rows = np.flatnonzero(reviews.parts == part)
            places[rows] = spread(reviews.units[rows], reviews.labels[rows])
        texts = reviews.digests
        order = np.lexsort((reviews.labels, texts[:, 1], texts[:, 0], reviews.units, places, reviews.parts))
        train = int(np.count_nonzero(reviews.parts == IN_TRAIN))
        units = reviews.units[order]
        starts_unit = np.append(True, units[1:] != units[:-1])[: len(units)]
        starts_unit[train : train + 1] = True
        return cls(order, train, starts_unit)


def _write_reviews(path: Path, reviews: SurveyedReviews, origins: "_Origins", places: _Places) -> None:
    """Write each review's part, place in its part, label, whether it starts a unit, file and row, in reading order."""
    in_part, starts_unit = np.empty(len(places.order), np.int32), np.empty(len(places.order), np.bool_)
    in_part[places.order] = np.concatenate([np.arange(places.train), np.arange(len(places.order) - places.train)])
    starts_unit[places.order] = places.starts_unit
    columns = {"part": reviews.parts, "place": in_part, "label": reviews.labels, "starts_unit": starts_unit}
    columns |= origins.columns()
    with atomic_path(path) as temporary:
        pq.write_table(pa.table(columns), temporary, compression="zstd")


def _written(
    reviews: SurveyedReviews, origins: "_Origins", inputs: Sequence[Input], folder: Path, facts: dict[str, Any]
) -> Surveyed:
    """Write the reviews, and describe them; `facts` are further fields of `Survey`."""
    places = _Places.of(reviews)
    _write_reviews(folder / SURVEYED_REVIEWS, reviews, origins, places)
    survey = Survey(
        reviews=folder / SURVEYED_REVIEWS,
        reviews_sha256=sha256_of_file(folder / SURVEYED_REVIEWS),
        words=folder / SURVEYED_WORDS,
        words_sha256=sha256_of_file(folder / SURVEYED_WORDS),
        files_sha256=files_digest(inputs),
        train=places.train,
        test=len(places.order) - places.train,
        **facts,
    )
    return Surveyed(survey, _content_digest(reviews, places))


def _repetitions(reviews: SurveyedReviews) -> dict[str, int]:
    """How many reviews repeat others, by fields of `Survey`. Half of each digest is enough for counts."""
    texts, is_train = reviews.digests[:, 0], reviews.parts == IN_TRAIN
    distinct, of_reviews, counts = np.unique(texts, return_inverse=True, return_counts=True)
    positive = np.bincount(of_reviews, reviews.labels, len(distinct))
    has_both = (positive > 0) & (positive < counts)
    in_train = np.unique(reviews.letters[is_train])
    letters = reviews.letters[~is_train]
    return {
        "repeated": sum(int(part.sum() - len(np.unique(texts[part]))) for part in (is_train, ~is_train)),
        "shared": int(np.count_nonzero(np.isin(texts[~is_train], texts[is_train]))),
        "grouped": int(np.count_nonzero(np.isin(reviews.units[~is_train], reviews.units[is_train]))),
        "alike": int(np.count_nonzero(np.isin(letters, in_train) & (letters != NO_LETTERS))),
        "contradicting": int(counts[has_both].sum()),
    }


def _content_digest(reviews: SurveyedReviews, places: _Places) -> str:
    """SHA-256 of the text hashes and the labels of both parts, and of where units start."""
    digest = hashlib.sha256(str(places.train).encode())
    digest.update(reviews.digests[places.order].astype(">u8").tobytes())
    digest.update(reviews.labels[places.order].tobytes())
    digest.update(places.starts_unit.tobytes())
    return digest.hexdigest()
