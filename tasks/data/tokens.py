"""Reviews as word ranks, and as the tokens that a network reads: Keras's index scheme, shuffle and padding."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.storage.compiled import compiled


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


def padded(
    reviews: Reviews, rows: NDArray[np.int64], vocabulary_size: int, max_length: int
) -> NDArray[np.unsignedinteger]:
    """Return the tokens of the chosen reviews, padded or truncated at the start to `max_length`.

    Equivalent to Keras's `pad_sequences(load_data(num_words=vocabulary_size), maxlen=max_length)`: a 1 before each
    review, word ranks increased by 3, everything from `vocabulary_size` on replaced by 2, then pre-padding with 0 and
    pre-truncation.

    Args:
        reviews: word ranks as in the file.
        rows: which reviews to take, and in which order.
        vocabulary_size: number of distinct tokens, including the three special ones.
        max_length: length of every row of the result.

    Returns:
        shape (len(rows), max_length), dtype `token_dtype(vocabulary_size)`.
    """
    tokens = np.zeros((len(rows), max_length), token_dtype(vocabulary_size))
    _fill_from_ranks(reviews.ranks, reviews.offsets, rows, vocabulary_size, tokens)
    return tokens


@compiled
def _fill_from_ranks(
    ranks: NDArray[np.int32],
    offsets: NDArray[np.int64],
    rows: NDArray[np.int64],
    vocabulary_size: int,
    tokens: NDArray[np.unsignedinteger],
) -> None:
    max_length = tokens.shape[1]
    for row in range(len(rows)):
        start, end = offsets[rows[row]], offsets[rows[row] + 1]
        first = max(start, end - max_length)
        for position in range(first, end):
            token = ranks[position] + OFFSET
            tokens[row, position - end + max_length] = token if token < vocabulary_size else UNKNOWN
        if end - start < max_length:
            tokens[row, start - 1 - end + max_length] = START


def prefixes(tokens: NDArray[np.unsignedinteger]) -> NDArray[np.unsignedinteger]:
    """Return a padded review as it is after its first, second, … token, shape (tokens in the review, timesteps)."""
    review = tokens[tokens != PAD]
    result = np.zeros((len(review), len(tokens)), tokens.dtype)
    for end in range(1, len(review) + 1):
        result[end - 1, len(tokens) - end :] = review[:end]
    return result


def lengths(reviews: Reviews) -> NDArray[np.int32]:
    """Length of each review before truncation, including the start token, int32, shape (reviews,)."""
    return (np.diff(reviews.offsets) + 1).astype(np.int32)


def unknown_rate(reviews: Reviews, rows: NDArray[np.int64], vocabulary_size: int) -> float:
    """Share of the chosen reviews' words, excluding start tokens, that are not in the vocabulary."""
    is_unknown = np.concatenate([[0], np.cumsum(reviews.ranks >= vocabulary_size - OFFSET)])
    starts, ends = reviews.offsets[rows], reviews.offsets[rows + 1]
    words = int((ends - starts).sum())
    return float((is_unknown[ends] - is_unknown[starts]).sum() / words) if words else 0.0
