"""Converts new texts (an `imdb.npz`, or own texts) to the tokens of a trained network."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.data.imdb_npz import read_imdb_npz
from tasks.data.readers.batch import Columns
from tasks.data.readers.inputs import read_all, unlabelled_inputs
from tasks.data.tokenizer import Tokenizer
from tasks.data.tokens import Reviews, Tokens, lengths, to_tokens
from tasks.data.vocabulary import read_word_index
from tasks.errors import DataError


class NewTexts(NamedTuple):
    """Tokens, and lengths before truncation, including the start token, shape (texts,)."""

    tokens: Tokens
    lengths: NDArray[np.int32]

    @classmethod
    def joined(cls, parts: "Sequence[NewTexts]") -> "NewTexts":
        """Join at least one group of texts."""
        lengths = np.concatenate([part.lengths for part in parts])
        return cls(Tokens.joined([part.tokens for part in parts]), lengths)


def read_npz(
    path: Path, word_index: Path | None, index: Mapping[str, int], vocabulary_size: int, max_length: int
) -> NewTexts:
    """Read the test reviews of an `imdb.npz`; a word missing from the network's index counts as unknown.

    Args:
        path: the file.
        word_index: the word index of the file; None if the file uses the network's ranks.
        index: the network's word index, word -> rank.
        vocabulary_size, max_length: the network's vocabulary size and number of tokens per text.

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


def read_texts(path: Path, text_column: str, tokenizer: Tokenizer, vocabulary_size: int, max_length: int) -> NewTexts:
    """Read texts without labels; unknown words are treated as in `read_npz`.

    Args:
        path: a file, a folder or a pattern; see `tasks.data.readers.inputs`.
        text_column: the name of the text column.
        tokenizer: has the network's word index and word rules.
        vocabulary_size, max_length: as in `read_npz`.

    Raises:
        DataError: a file or row is not as expected; the message describes the first fault in one line.
    """
    parts = []
    for _, batch in read_all(unlabelled_inputs(path), Columns.of_texts(text_column)):
        parts.append(encode_texts(batch.strings(text_column), tokenizer, vocabulary_size, max_length))
    if not parts:
        raise DataError(f"{path}: no texts; expected at least one")
    return NewTexts.joined(parts)


def encode_texts(texts: pa.LargeStringArray, tokenizer: Tokenizer, vocabulary_size: int, max_length: int) -> NewTexts:
    """Tokenize texts. A word missing from the index counts as unknown; scoring would skip it."""
    ranks, offsets, _ = tokenizer.encode(texts, missing=vocabulary_size)
    return _prepared(Reviews(ranks, offsets, np.zeros(len(texts), np.uint8)), vocabulary_size, max_length)


def _prepared(reviews: Reviews, vocabulary_size: int, max_length: int) -> NewTexts:
    return NewTexts(to_tokens(reviews, np.arange(len(reviews)), vocabulary_size, max_length), lengths(reviews))
