"""New texts in the tokens of a trained network: from an `imdb.npz` with other ranks, or from texts in a CSV."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from tasks.data.imdb_npz import read_imdb_npz
from tasks.data.padding import lengths, padded
from tasks.data.reviews import Reviews
from tasks.data.tokenizer import Tokenizer
from tasks.data.vocabulary import read_word_index
from tasks.results.errors import DataError

TEXT_COLUMNS = ("text", "review", "content", "comment")


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
        ranks = np.full(max(int(reviews.tokens.max(initial=0)), max(own.values())) + 1, vocabulary_size, np.int32)
        ranks[np.fromiter(own.values(), np.int64, len(own))] = [index.get(word, vocabulary_size) for word in own]
        reviews = Reviews(ranks[reviews.tokens], reviews.offsets, reviews.labels)
    return _prepared(reviews, vocabulary_size, max_length)


def read_csv(path: Path, index: Mapping[str, int], vocabulary_size: int, max_length: int) -> NewTexts:
    """The texts of a CSV with a column text, review, content or comment; unknown words as in `read_npz`.

    Raises:
        DataError: the file cannot be read, or has no such column.
    """
    try:
        table = pa_csv.read_csv(path, parse_options=pa_csv.ParseOptions(newlines_in_values=True))
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"{path}: not a readable CSV ({str(error)[:100]})") from error
    column = next((name for name in TEXT_COLUMNS if name in table.column_names), None)
    if column is None:
        raise DataError(f"{path}: found the columns {table.column_names[:8]}, expected one of {list(TEXT_COLUMNS)}")
    texts = table.column(column).cast(pa.large_string()).combine_chunks()
    ranks, offsets, _ = Tokenizer(index).encode(texts, missing=vocabulary_size)
    reviews = Reviews(ranks, offsets, np.zeros(len(offsets) - 1, np.uint8))
    return _prepared(reviews, vocabulary_size, max_length)


def _prepared(reviews: Reviews, vocabulary_size: int, max_length: int) -> NewTexts:
    return NewTexts(padded(reviews, np.arange(len(reviews)), vocabulary_size, max_length), lengths(reviews))
