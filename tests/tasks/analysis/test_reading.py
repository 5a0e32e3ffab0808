import numpy as np
import pytest

from tasks.analysis.reading import longest_reviews, memory, memory_points, near_words, reach, trace
from tasks.data.parquet import read_column, read_tokens
from tasks.data.tokens import Tokens
from tasks.models.keras_learner import KerasLearner, build
from tasks.models.spec import preset
from tasks.results.data import Dataset


@pytest.fixture
def learner() -> KerasLearner:
    """An untrained network."""
    return KerasLearner(build(preset("simple_rnn", 5, 4, 0.0), 50, 0.001, 1))


def test_memory_of_all_words_is_the_plain_accuracy(dataset: Dataset, learner: KerasLearner) -> None:
    tokens, labels = read_tokens(dataset.test.path), read_column(dataset.test.path, "label")
    right = memory(learner, tokens, labels)
    assert list(right) == [10, 20, 30]
    assert np.array_equal(right[30], (learner.predict(tokens) > 0.5) == labels)
    shown = tokens.padded()
    shown[:, :20] = 0
    assert np.array_equal(right[10], (learner.predict(Tokens.from_padded(shown)) > 0.5) == labels)
    assert [point.accuracy.value for point in memory_points(right)] == [right[words].mean() for words in right]


def test_near_words_fit_into_less_than_half_a_review() -> None:
    assert [near_words(max_length) for max_length in (500, 201, 200, 30, 20, 5)] == [100, 100, 50, 10, None, None]


def test_a_trace_ends_with_the_prediction_and_starts_with_the_first_word(learner: KerasLearner) -> None:
    reviews = Tokens(np.array([1, 7, 9, 12, 1], np.uint8), np.array([0, 4, 5]), max_length=6)
    line = trace(learner, reviews, 0)
    assert len(line) == 4
    assert [line[-1], line[0]] == pytest.approx(learner.predict(reviews).tolist(), abs=1e-5)


def test_reach_is_relative_to_each_reviews_last_word_and_leaves_padding_out(learner: KerasLearner) -> None:
    tokens, labels = Tokens.from_padded(np.array([[0, 0, 3, 8, 5], [0, 2, 7, 9, 4]], np.uint8)), np.array([0, 1])
    found = reach(learner, tokens, labels)
    assert found.quartiles.steps_back == (0, 1, 2)
    norms = learner.gradient_norms(tokens, labels)[:, ::-1]
    relative = norms / norms[:, :1]
    assert found.quartiles.median == pytest.approx(np.median(relative[:, :3], axis=0))
    assert found.words.tolist() == (relative >= 0.01).sum(axis=1).tolist()


class Vanishing:
    """A learner whose gradient falls to an eighth with each word; of the last review nothing is known."""

    def gradient_norms(self, tokens: Tokens, _labels: np.ndarray) -> np.ndarray:
        """Norms from the first word to the last."""
        norms = 7.0 * np.power(10.0, np.arange(-4, 1) * 0.9) * (tokens.padded() != 0)
        norms[-1] = 0
        return norms.astype(np.float32)


def test_a_vanishing_gradient_is_counted_where_it_is_known() -> None:
    found = reach(Vanishing(), Tokens.from_padded(np.ones((3, 5), np.uint8)), np.ones(3))
    assert found.words.tolist() == [3, 3, -1]
    assert found.quartiles.reviews == 2
    assert found.quartiles.vanished == 3


def test_the_longest_reviews_show_the_reach() -> None:
    assert longest_reviews(np.array([3, 9, 5, 12]), 8).tolist() == [1, 3, 2, 0]
