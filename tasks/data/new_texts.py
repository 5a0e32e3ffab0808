"""New texts in the tokens of a trained network: from an `imdb.npz` with other ranks, or from own texts."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.data.imdb_npz import read_imdb_npz
from tasks.data.own_texts.inputs import Input, inputs_of, read_batches
from tasks.data.tokenizer import Tokenizer
from tasks.data.tokens import Reviews, lengths, padded
from tasks.data.vocabulary import read_word_index
from tasks.errors import DataError
from tasks.results.data import TextData


class NewTexts(NamedTuple):
    """Tokens, shape (texts, max_length), and lengths in words, start included, before truncation, shape (texts,)."""

    tokens: NDArray[np.unsignedinteger]
    lengths: NDArray[np.int32]


def read_npz(
    path: Path, word_index: Path | None, index: Mapping[str, int], vocabulary_size: int, max_length: int
) -> NewTexts:
    """The test reviews of an `imdb.npz`; a word that the network's index lacks counts as unknown.

    Args:
        path: the file.
        word_index: of the file's ranks; None: they are the network's.
        index: the network's, word -> rank.
        vocabulary_size, max_length: of the network's tokens.

    Raises:
        DataError: a file cannot be read.
    """
    _, reviews = read_imdb_npz(path)
    if word_index is not None:
        own = read_word_index(word_index)
        ranks = np.full(max(int(reviews.ranks.max(initial=0)), max(own.values())) + 1, vocabulary_size, np.int32)
        ranks[np.fromiter(own.values(), np.int64, len(own))] = [index.get(word, vocabulary_size) for word in own]
        reviews = Reviews(ranks[reviews.ranks], reviews.offsets, reviews.labels)
    return _prepared(reviews, vocabulary_size, max_length)


def read_texts(
    path: Path, text_column: str, index: Mapping[str, int], vocabulary_size: int, max_length: int
) -> NewTexts:
    """Texts without labels, in the forms that `--data` takes; unknown words as in `read_npz`.

    Args:
        path: a .csv, .parquet or .jsonl file, a pattern of them, or a folder of `pos` and `neg`.
        text_column: name of the column of texts.
        index, vocabulary_size, max_length: as in `read_npz`.

    Raises:
        DataError: one line on the first file or row that is not as expected.
    """
    data = TextData((path,), text_column=text_column, label_column=text_column)  # The texts stand in for labels.
    tokenizer = Tokenizer(index)
    parts = []
    for _, batch in read_batches(_inputs_of(data), data):
        parts.append(encode_texts(batch.texts, tokenizer, vocabulary_size, max_length))
    if not parts:
        raise DataError(f"{path}: no texts; expected at least one")
    return NewTexts(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def encode_texts(texts: pa.LargeStringArray, tokenizer: Tokenizer, vocabulary_size: int, max_length: int) -> NewTexts:
    """Texts in the network's tokens. A word that its index lacks counts as unknown; to score, it would be skipped."""
    ranks, offsets, _ = tokenizer.encode(texts, missing=vocabulary_size)
    return _prepared(Reviews(ranks, offsets, np.zeros(len(texts), np.uint8)), vocabulary_size, max_length)


def _inputs_of(data: TextData) -> list[Input]:
    try:
        return inputs_of(data)
    except DataError as error:
        raise DataError(str(error).removeprefix("--data ")) from error  # Drift has no such option.


def _prepared(reviews: Reviews, vocabulary_size: int, max_length: int) -> NewTexts:
    return NewTexts(padded(reviews, np.arange(len(reviews)), vocabulary_size, max_length), lengths(reviews))
