import numpy as np
import pytest

from tasks.analysis.reading import longest_reviews, memory, reach, trace
from tasks.data.parquet import read_column, read_tokens
from tasks.models.keras_learner import KerasLearner
from tasks.models.keras_model import build
from tasks.models.spec import preset
from tasks.results.data import Dataset


@pytest.fixture
def learner() -> KerasLearner:
    """An untrained network."""
    return KerasLearner(build(preset("simple_rnn", 5, 4, 0.0), 50, 0.001, 1))


def test_memory_of_all_words_is_the_plain_accuracy(dataset: Dataset, learner: KerasLearner) -> None:
    tokens, labels = read_tokens(dataset.test.path), read_column(dataset.test.path, "label")
    points = memory(learner, tokens, labels)
    assert [point.words for point in points] == [10, 20, 30]
    assert points[-1].accuracy.value == np.mean((learner.predict(tokens) > 0.5) == labels)
    shown = np.concatenate([np.zeros_like(tokens[:, :20]), tokens[:, 20:]], axis=1)
    assert points[0].accuracy.value == np.mean((learner.predict(shown) > 0.5) == labels)


def test_a_trace_ends_with_the_prediction_and_starts_with_the_first_word(learner: KerasLearner) -> None:
    review = np.array([0, 0, 1, 7, 9, 12], np.uint8)
    line = trace(learner, review)
    assert len(line) == 4
    assert line[-1] == pytest.approx(float(learner.predict(review[None])[0]), abs=1e-5)
    assert line[0] == pytest.approx(float(learner.predict(np.array([[0, 0, 0, 0, 0, 1]]))[0]), abs=1e-5)


def test_reach_counts_back_from_the_end_and_leaves_padding_out(learner: KerasLearner) -> None:
    tokens, labels = np.array([[0, 0, 3, 8, 5], [0, 2, 7, 9, 4]]), np.array([0, 1])
    found = reach(learner, tokens, labels)
    assert found.steps_back == (0, 1, 2)
    norms = learner.gradient_norms(tokens, labels)
    assert found.median == pytest.approx(np.median(norms[:, [4, 3, 2]], axis=0))


def test_the_longest_reviews_show_the_reach() -> None:
    assert longest_reviews(np.array([3, 9, 5, 12]), 8).tolist() == [1, 3, 2, 0]
