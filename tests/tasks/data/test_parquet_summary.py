import numpy as np

from tasks.data import parquet
from tasks.data.parquet import content_digest, describe, is_imdb, write_split
from tests.conftest import make_reviews, random_reviews


def test_counts_and_lengths_are_those_of_the_chosen_reviews(tmp_path) -> None:
    reviews = make_reviews([[1], [1, 2, 9, 9], [1, 2]], [1, 0, 1])
    order = np.array([1, 2])
    path = tmp_path / "train.parquet"
    write_split(path, reviews, order, 10, 5, {})
    split = describe(path, reviews, order, 10)
    assert (split.reviews, split.positive) == (2, 1)
    assert split.length_quantiles["0%"] == 3
    assert split.length_quantiles["100%"] == 5
    assert split.length_quantiles["mean"] == 4.0
    assert split.unknown_rate == round(2 / 6, 6)


def test_the_digest_is_that_of_every_token_border_and_label(monkeypatch) -> None:
    train, test = random_reviews(20), random_reviews(10, seed=1)
    digest = content_digest(train, test)
    assert content_digest(random_reviews(20), random_reviews(10, seed=1)) == digest
    assert len({digest, content_digest(test, train), content_digest(train, train)}) == 3
    assert not is_imdb(train, test)
    monkeypatch.setattr(parquet, "IMDB_CONTENT", digest)
    assert is_imdb(train, test)
