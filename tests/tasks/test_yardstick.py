"""The yardstick, against scikit-learn on words and on reviews with nothing to learn from."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfTransformer, TfidfVectorizer

from tasks.data.imdb_npz import write_imdb_npz
from tasks.data.tokens import OFFSET, START, UNKNOWN, Tokens, offsets_of
from tasks.prepare import prepare
from tasks.results.data import Dataset, Source
from tasks.yardstick import STRENGTHS, fit, word_counts, yardstick
from tests.conftest import make_reviews

WORDS = 12  # Tokens from `UNKNOWN` + 1 on stand for words.
texts = st.lists(st.lists(st.integers(START, UNKNOWN + WORDS), max_size=12), min_size=1, max_size=6)


def dataset_of(folder: Path, reviews: list[list[int]], labels: list[int]) -> Dataset:
    """The reviews, given as ranks, as both parts of a prepared dataset."""
    write_imdb_npz(folder / "imdb.npz", make_reviews(reviews, labels), make_reviews(reviews, labels))
    return prepare(Source("file", folder / "imdb.npz", "s", "imdb.npz"), 20, 30, None, folder / "data")


@settings(max_examples=60, deadline=None)
@given(texts)
def test_words_weigh_what_sklearns_vectorizer_gives_them(reviews: list[list[int]]) -> None:
    values = np.array([token for review in reviews for token in review], np.uint8)
    tokens = Tokens(values, offsets_of(np.array([len(review) for review in reviews])), 12)
    ours = TfidfTransformer(sublinear_tf=True).fit_transform(word_counts(tokens, UNKNOWN + 1 + WORDS))
    names = [f"w{token:02}" for token in range(UNKNOWN + 1 + WORDS)]
    written = [" ".join(names[token] for token in review if token > UNKNOWN) for review in reviews]
    theirs = TfidfVectorizer(sublinear_tf=True, vocabulary=names).fit_transform(written)
    np.testing.assert_allclose(ours.toarray(), theirs.toarray(), atol=1e-6)


def test_it_is_kept_with_the_dataset_and_says_what_it_got_on_which_reviews(dataset: Dataset) -> None:
    kept = yardstick.keep(dataset, 0.25, "none")
    rows = pd.read_parquet(kept.folder / "yardstick.parquet")
    assert list(rows) == ["review_id", "label", "row", "probability"]
    assert ((rows["probability"] > 0.5) == (rows["label"] == 1)).mean() == kept.accuracy.value
    assert kept.folder.parent == dataset.folder
    assert (kept.reviews, len(rows)) == (90, dataset.test.reviews)
    assert kept.strength in STRENGTHS
    assert 0 < kept.features < dataset.vocabulary_size
    assert yardstick.keep(dataset, 0.25, "none") == kept
    assert yardstick.keep(dataset, 0.5, "none").reviews == 60
    assert yardstick.keep(dataset, 0.25, "balanced").folder != kept.folder


def test_words_that_decide_the_label_are_learned_from_40_reviews(tmp_path: Path) -> None:
    labels = [number % 2 for number in range(40)]
    reviews = [[1 + number % 5, 7 + label] for number, label in enumerate(labels)]
    result = yardstick(dataset_of(tmp_path, reviews, labels), 0.2, "none")
    assert (result.accuracy.value, result.by_label.balanced.value, result.auc) == (1.0, 1.0, 1.0)
    assert result.validation_accuracy == 1.0
    assert result.strength == min(STRENGTHS)  # All are right on all reviews.


@pytest.mark.parametrize("label", [0, 1])
def test_fitted_to_one_label_it_always_gives_that_label(label: int) -> None:
    words = word_counts(Tokens(np.array([4, 5, 5], np.uint8), offsets_of(np.array([1, 2])), 5), 6)
    probabilities = fit(words, np.array([label, label]), 1.0, "none").predict(words)
    assert probabilities.tolist() == pytest.approx([0.75 if label else 0.25] * 2)


@pytest.mark.parametrize("share", [0.01, 0.99])
def test_one_validation_review_or_one_to_fit_is_enough(dataset: Dataset, share: float) -> None:
    result = yardstick(dataset, share, "none")
    assert result.reviews == int(120 * (1 - share))
    assert result.validation_accuracy in (0.0, 1.0) or share > 0.5


def test_reviews_without_a_known_word_get_the_share_of_the_labels(tmp_path: Path) -> None:
    unknown = dataset_of(tmp_path, [[50, 60]] * 16, [0, 0, 0, 1] * 4)
    result = yardstick(unknown, 0.25, "none")
    assert result.features == 0
    # Of the twelve reviews that are left to fit, four are positive.
    assert pd.read_parquet(result.folder / "yardstick.parquet")["probability"].to_list() == pytest.approx([1 / 3] * 16)


def test_out_of_fold_a_wrong_label_does_not_speak_for_itself(tmp_path: Path) -> None:
    labels = [number % 2 for number in range(40)]
    reviews = [[1 + number % 5, 7 + label, 20 + number] for number, label in enumerate(labels)]
    labels[10] = 1  # Its words are those of label 0.
    write_imdb_npz(tmp_path / "imdb.npz", make_reviews(reviews, labels), make_reviews(reviews, labels))
    prepared = prepare(Source("file", tmp_path / "imdb.npz", "s", "imdb.npz"), 100, 30, None, tmp_path / "data")
    rows = pd.read_parquet(yardstick(prepared, 0.2, "none").folder / "out_of_fold.parquet")
    assert sorted(rows["review_id"]) == list(range(40))
    assert rows["row"].to_list() == list(range(40))
    contradicted = rows[(rows["probability"] > 0.5) != (rows["label"] == 1)]
    assert contradicted["review_id"].to_list() == [10]


def test_of_too_many_reviews_it_is_fitted_to_the_first_ones(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.yardstick.MAX_REVIEWS", 20)
    result = yardstick(dataset, 0.25, "none")
    assert result.reviews == 20
    rows = pd.read_parquet(result.folder / "out_of_fold.parquet")["row"]
    assert rows.to_list() == [*range(20), *range(90, 110)]  # The last 30 are those for validation.


def test_weights_that_balance_the_labels_raise_the_recall_of_the_rarer_one() -> None:
    words = word_counts(Tokens(np.full(40, OFFSET + 1, np.uint8), offsets_of(np.ones(40, int)), 5), 6)
    labels = np.array([0] * 36 + [1] * 4)
    plain, balanced = (fit(words, labels, 1.0, weight).predict(words).mean() for weight in ("none", "balanced"))
    assert plain == pytest.approx(0.1, abs=0.03)
    assert balanced == pytest.approx(0.5, abs=0.03)


def test_on_imdb_it_is_right_on_the_share_that_is_known(imdb: Path, tmp_path: Path) -> None:
    reviews = prepare(Source("file", imdb, "s", "imdb.npz"), 10_000, 500, None, tmp_path / "data")
    result = yardstick(reviews, 0.2, "none")
    assert 0.880 < result.accuracy.value < 0.895
    assert result.strength == 3.0
    assert result.cpu_seconds < 20
