"""Reviews as word ranks, and as the tokens that a network reads: Keras's index scheme, shuffle and padding."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tasks.storage.compiled import compiled

Value = TypeVar("Value", bound=np.integer)


@dataclass(frozen=True)
class Reviews:
    """Concatenated reviews of different lengths.

    Attributes:
        ranks: int32, the word ranks of all reviews (1 = the most frequent word).
        offsets: int64, shape (reviews + 1,); review i is `ranks[offsets[i]:offsets[i + 1]]`.
        labels: uint8, shape (reviews,), 0 = negative, 1 = positive.
    """

    ranks: NDArray[np.int32]
    offsets: NDArray[np.int64]
    labels: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.labels)


PAD, START, UNKNOWN, OFFSET = 0, 1, 2, 3
SHUFFLE_SEED = 113


@dataclass(frozen=True)
class Tokens:
    """What a network reads of reviews: their last tokens, at most `max_length` of each, without padding.

    Attributes:
        values: the concatenated tokens, in the smallest unsigned type of the vocabulary.
        offsets: int64, shape (reviews + 1,); review i is `values[offsets[i]:offsets[i + 1]]`.
        max_length: length of a padded review.
    """

    values: NDArray[np.unsignedinteger]
    offsets: NDArray[np.int64]
    max_length: int

    @classmethod
    def from_padded(cls, padded: NDArray[np.unsignedinteger]) -> "Tokens":
        """Remove the padding of reviews padded at the start, shape (reviews, max_length)."""
        is_token = padded != PAD
        return cls(padded[is_token], offsets_of(is_token.sum(axis=1)), padded.shape[1])

    @classmethod
    def joined(cls, parts: "Sequence[Tokens]") -> "Tokens":
        """Join at least one group of reviews of the same `max_length`."""
        counts = np.concatenate([part.counts for part in parts])
        return cls(np.concatenate([part.values for part in parts]), offsets_of(counts), parts[0].max_length)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, rows: slice | NDArray[np.integer]) -> "Tokens":
        """The chosen reviews."""
        return self._taken(self.offsets[:-1][rows], self.counts[rows])

    @property
    def counts(self) -> NDArray[np.int64]:
        """Number of tokens of each review, shape (reviews,)."""
        return np.diff(self.offsets)

    def review(self, row: int) -> NDArray[np.unsignedinteger]:
        """The tokens of one review."""
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    def last(self, count: int) -> "Tokens":
        """The same reviews without all but their last `count` tokens; their padded length stays the same."""
        kept = np.minimum(self.counts, count)
        return self._taken(self.offsets[1:] - kept, kept)

    def prefixes(self, row: int) -> "Tokens":
        """A review as it is after its first, second, … token: as many reviews as the review has tokens."""
        counts = np.arange(1, len(self.review(row)) + 1)
        return self._taken(np.full(len(counts), self.offsets[row]), counts)

    def padded(self) -> NDArray[np.unsignedinteger]:
        """The tokens padded with 0 at the start, shape (reviews, max_length)."""
        padded = np.full((len(self), self.max_length), PAD, self.values.dtype)
        _pad(self.values, self.offsets, padded)
        return padded

    def _taken(self, starts: NDArray[np.int64], counts: NDArray[np.int64]) -> "Tokens":
        offsets = offsets_of(counts)
        return Tokens(taken(self.values, starts, offsets), offsets, self.max_length)


def offsets_of(counts: NDArray[np.integer]) -> NDArray[np.int64]:
    """Where each of the concatenated sequences starts, and where the last one ends, int64, shape (sequences + 1,)."""
    offsets = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    return offsets


def taken(values: NDArray[Value], starts: NDArray[np.int64], offsets: NDArray[np.int64]) -> NDArray[Value]:
    """Concatenate sequences: number i starts at `starts[i]`, and its place is `offsets[i]` to `offsets[i + 1]`."""
    result = np.empty(offsets[-1], values.dtype)
    _take(values, starts, offsets, result)
    return result


# The loops below run over slices that begin at 0: there the compiler copies many values at once.


@compiled
def _take(
    values: NDArray[Value], starts: NDArray[np.int64], offsets: NDArray[np.int64], result: NDArray[Value]
) -> None:
    for row in range(len(starts)):
        taken = result[offsets[row] : offsets[row + 1]]
        sequence = values[starts[row] : starts[row] + len(taken)]
        for position in range(len(taken)):
            taken[position] = sequence[position]


@compiled
def _pad(values: NDArray[np.unsignedinteger], offsets: NDArray[np.int64], padded: NDArray[np.unsignedinteger]) -> None:
    for row in range(len(padded)):
        review = values[offsets[row] : offsets[row + 1]]
        end = padded[row, padded.shape[1] - len(review) :]
        for position in range(len(review)):
            end[position] = review[position]


def keras_shuffles(train: int, test: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The orders in which `keras.datasets.imdb.load_data`, with its default seed, 113, returns the two splits."""
    random = np.random.RandomState(SHUFFLE_SEED)
    orders = np.arange(train), np.arange(test)
    for order in orders:
        random.shuffle(order)
    return orders


def token_dtype(vocabulary_size: int) -> np.dtype[np.unsignedinteger]:
    """The smallest unsigned type for all tokens of a vocabulary: 0 to `vocabulary_size` - 1."""
    return np.min_scalar_type(max(vocabulary_size - 1, UNKNOWN))


def to_tokens(reviews: Reviews, rows: NDArray[np.int64], vocabulary_size: int, max_length: int) -> Tokens:
    """Return the tokens of the chosen reviews, truncated at the start to `max_length`.

    Padded, they equal Keras's `pad_sequences(load_data(num_words=vocabulary_size), maxlen=max_length)`: a 1 before each
    review, word ranks increased by 3, everything from `vocabulary_size` on replaced by 2, then pre-truncation.

    Args:
        reviews: word ranks as in the file.
        rows: which reviews to take, and in which order.
        vocabulary_size: number of distinct tokens, including the three special ones.
        max_length: the greatest number of tokens of a review.
    """
    counts = np.minimum(np.diff(reviews.offsets)[rows] + 1, max_length)
    tokens = Tokens(np.empty(counts.sum(), token_dtype(vocabulary_size)), offsets_of(counts), max_length)
    starts, ends = reviews.offsets[rows], reviews.offsets[rows + 1]
    _convert(reviews.ranks, starts, ends, vocabulary_size, tokens.offsets, tokens.values)
    return tokens


@compiled
def _convert(
    ranks: NDArray[np.int32],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    vocabulary_size: int,
    offsets: NDArray[np.int64],
    tokens: NDArray[np.unsignedinteger],
) -> None:
    for row in range(len(starts)):
        review = tokens[offsets[row] : offsets[row + 1]]
        if len(review) > ends[row] - starts[row]:  # The whole review fits, with its start token.
            review[0] = START
            review = review[1:]
        words = ranks[ends[row] - len(review) : ends[row]]
        for position in range(len(review)):
            token = words[position] + OFFSET
            review[position] = token if token < vocabulary_size else UNKNOWN


def lengths(reviews: Reviews) -> NDArray[np.int32]:
    """Length of each review before truncation, including the start token, int32, shape (reviews,)."""
    return (np.diff(reviews.offsets) + 1).astype(np.int32)


def unknown_rate(reviews: Reviews, rows: NDArray[np.int64], vocabulary_size: int) -> float:
    """Share of the chosen reviews' words, excluding start tokens, that are not in the vocabulary."""
    is_unknown = np.concatenate([[0], np.cumsum(reviews.ranks >= vocabulary_size - OFFSET)])
    starts, ends = reviews.offsets[rows], reviews.offsets[rows + 1]
    words = int((ends - starts).sum())
    return float((is_unknown[ends] - is_unknown[starts]).sum() / words) if words else 0.0
