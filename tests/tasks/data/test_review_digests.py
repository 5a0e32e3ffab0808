import numpy as np

from tasks.data.review_digests import digests
from tasks.data.tokens import Reviews

# The first and the third review are the same; the second has other words, the fourth another label.
REVIEWS = Reviews(
    np.array([3, 5, 3, 6, 3, 5, 3, 5], np.int32),
    np.array([0, 2, 4, 6, 8], np.int64),
    np.array([1, 1, 1, 0], np.uint8),
)


def test_digests_are_the_same_where_words_and_label_are() -> None:
    first, words, same, label = digests(REVIEWS, np.arange(4))
    assert first == same
    assert len({first, words, label}) == 3
    assert all(len(digest) == 32 for digest in (first, words, label))


def test_digests_are_those_of_the_chosen_reviews_in_their_order() -> None:
    everything = digests(REVIEWS, np.arange(4))
    assert digests(REVIEWS, np.array([3, 1])).tolist() == everything[[3, 1]].tolist()
