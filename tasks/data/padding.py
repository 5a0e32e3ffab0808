"""From word ranks to what the network reads: Keras's index scheme, its shuffle, and padding to a fixed length."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tasks.data.imdb_npz import Reviews

PAD, START, UNKNOWN, OFFSET = 0, 1, 2, 3
SHUFFLE_SEED = 113


def keras_shuffles(train: int, test: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The orders in which `keras.datasets.imdb.load_data` returns `train` and `test` reviews (its seed 113)."""
    random = np.random.RandomState(SHUFFLE_SEED)
    orders = np.arange(train), np.arange(test)
    for order in orders:
        random.shuffle(order)
    return orders


def token_dtype(words: int) -> np.dtype[np.unsignedinteger]:
    """The smallest unsigned type that holds every token of a vocabulary of `words`: 0 to words - 1."""
    return np.min_scalar_type(max(words - 1, UNKNOWN))


def padded(reviews: Reviews, rows: NDArray[np.int64], words: int, steps: int) -> NDArray[np.unsignedinteger]:
    """Tokens of the chosen reviews, padded in front and cut in front to `steps`.

    Computes what `pad_sequences(load_data(num_words=words), maxlen=steps)` of Keras computes: a 1 in front of each
    review, word ranks moved up by 3, everything from `words` on replaced by 2, then pre-padding with 0 and
    pre-truncation.

    Args:
        reviews: word ranks as they stand in the file.
        rows: which reviews, in which order.
        words: size of the vocabulary, the three special tokens included.
        steps: length of every row of the result.

    Returns:
        shape (len(rows), steps), of the type `token_dtype(words)`.
    """
    tokens = np.zeros((len(rows), steps), token_dtype(words))
    _fill(reviews.tokens, reviews.offsets, rows, words, tokens)
    return tokens


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _fill(
    ranks: NDArray[np.int32],
    offsets: NDArray[np.int64],
    rows: NDArray[np.int64],
    words: int,
    tokens: NDArray[np.unsignedinteger],
) -> None:
    steps = tokens.shape[1]
    for row in range(len(rows)):
        start, end = offsets[rows[row]], offsets[rows[row] + 1]
        first = max(start, end - steps)
        for position in range(first, end):
            token = ranks[position] + OFFSET
            tokens[row, position - end + steps] = token if token < words else UNKNOWN
        if end - start < steps:
            tokens[row, start - 1 - end + steps] = START


def lengths(reviews: Reviews) -> NDArray[np.int32]:
    """int32, shape (reviews,): the length of each review before truncation, the start token included."""
    return (np.diff(reviews.offsets) + 1).astype(np.int32)


def unknown_rate(reviews: Reviews, words: int) -> float:
    """The share of all words, start tokens left out, that the vocabulary does not hold."""
    if len(reviews.tokens) == 0:
        return 0.0
    return float(np.mean(reviews.tokens >= words - OFFSET))
