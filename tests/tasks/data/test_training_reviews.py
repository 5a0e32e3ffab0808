import numpy as np
import pytest

from tasks.data.parquet import read_column, read_tokens
from tasks.data.training_reviews import TrainingReviews
from tasks.results.data import Dataset


@pytest.fixture
def reviews(dataset: Dataset) -> TrainingReviews:
    """120 training reviews, the last 30 to validate on."""
    return TrainingReviews.read(dataset.train, 90)


def test_the_last_reviews_are_held_out(dataset: Dataset, reviews: TrainingReviews) -> None:
    tokens = reviews.reviews.tokens_between(reviews.validation_start, 120)
    np.testing.assert_array_equal(tokens.padded(), read_tokens(dataset.train.path)[90:].padded())
    np.testing.assert_array_equal(reviews.validation_labels, read_column(dataset.train.path, "label")[90:])
    assert len(tokens) == 30


def test_an_epoch_holds_every_other_review_once(dataset: Dataset, reviews: TrainingReviews) -> None:
    batches = list(reviews.batches(16, seed=1, epoch=1))
    assert [len(batch.labels) for batch in batches] == [16] * 5 + [10]
    assert len(batches) == reviews.batch_count(16) == 6
    seen = np.concatenate([batch.tokens.padded() for batch in batches])
    assert sorted(map(tuple, seen.tolist())) == sorted(
        map(tuple, read_tokens(dataset.train.path)[:90].padded().tolist())
    )


def test_labels_stay_with_their_tokens(dataset: Dataset, reviews: TrainingReviews) -> None:
    tokens, labels = (
        read_tokens(dataset.train.path).padded().tolist(),
        read_column(dataset.train.path, "label").tolist(),
    )
    label_of = {tuple(row): label for row, label in zip(tokens, labels, strict=True)}
    for batch in reviews.batches(16, seed=1, epoch=1):
        rows = zip(batch.tokens.padded().tolist(), batch.labels.tolist(), strict=True)
        assert all(label_of[tuple(row)] == label for row, label in rows)


def test_seed_and_epoch_alone_decide_the_order(reviews: TrainingReviews) -> None:
    orders = {
        (seed, epoch): np.concatenate([batch.tokens.values for batch in reviews.batches(16, seed, epoch)]).tobytes()
        for seed in (1, 2)
        for epoch in (1, 2)
    }
    assert len(set(orders.values())) == 4
    again = np.concatenate([batch.tokens.values for batch in reviews.batches(16, 2, 1)]).tobytes()
    assert again == orders[2, 1]


def test_words_of_an_epoch_leave_padding_and_validation_out(dataset: Dataset, reviews: TrainingReviews) -> None:
    assert reviews.words_per_epoch == len(read_tokens(dataset.train.path)[:90].values)
