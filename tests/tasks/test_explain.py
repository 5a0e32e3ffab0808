from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from tasks.analysis.evidence import choose_reviews
from tasks.data.tokens import read_column, read_tokens
from tasks.evaluate import evaluate_branch
from tasks.explain import explain_branch, full_reviews, memory, reach, trace
from tasks.models.fast import FastLearner
from tasks.models.keras_model import build
from tasks.models.reach import gradient_norms
from tasks.models.spec import PresetName, TrainingPlan, preset
from tasks.models.stock import StockLearner
from tasks.results.comparison import Chosen
from tasks.results.data import Dataset
from tasks.train import Job, train_branch
from tests.conftest import ragged_tokens


@pytest.fixture
def learner() -> StockLearner:
    """An untrained network."""
    return StockLearner(build(preset("simple_rnn", 5, 4, 0.0), 50, 0.001, 1))


def test_memory_of_all_words_is_the_plain_accuracy(dataset: Dataset, learner: StockLearner) -> None:
    tokens, labels = read_tokens(dataset.test.path), read_column(dataset.test.path, "label")
    points = memory(learner, tokens, labels)
    assert [point.words for point in points] == [10, 20, 30]
    assert points[-1].accuracy.value == np.mean((learner.predict(tokens) > 0.5) == labels)
    shown = np.concatenate([np.zeros_like(tokens[:, :20]), tokens[:, 20:]], axis=1)
    assert points[0].accuracy.value == np.mean((learner.predict(shown) > 0.5) == labels)


def test_a_trace_ends_with_the_prediction_and_starts_with_the_first_word(learner: StockLearner) -> None:
    review = np.array([0, 0, 1, 7, 9, 12], np.uint8)
    line = trace(learner, review)
    assert len(line) == 4
    assert line[-1] == pytest.approx(float(learner.predict(review[None])[0]), abs=1e-5)
    assert line[0] == pytest.approx(float(learner.predict(np.array([[0, 0, 0, 0, 0, 1]]))[0]), abs=1e-5)


def test_gradient_norms_agree_with_finite_differences(learner: StockLearner) -> None:
    model = learner.model()
    tokens, labels = np.array([[3, 8, 5, 9]]), np.array([1])
    norms = gradient_norms(model, tokens, labels)[0]
    embedding, *layers = model.layers
    inputs = np.asarray(embedding(tokens), np.float64)

    def loss(at: np.ndarray) -> float:
        outputs = keras.ops.convert_to_tensor(at.astype(np.float32))
        for layer in layers:
            outputs = layer(outputs)
        return -float(np.log(np.asarray(outputs)[0, 0]))

    for step in range(4):
        slopes = []
        for feature in range(4):
            nudge = np.zeros_like(inputs)
            nudge[0, step, feature] = 1e-2
            slopes.append((loss(inputs + nudge) - loss(inputs - nudge)) / 2e-2)
        assert norms[step] == pytest.approx(np.linalg.norm(slopes), rel=2e-2)


@pytest.mark.parametrize("name", ["simple_rnn", "lstm"])
def test_the_compiled_loops_find_the_same_gradient_norms(name: PresetName) -> None:
    spec = preset(name, 5, 4, 0.0)
    model = build(spec, 50, 0.001, 1)
    tokens = ragged_tokens([1, 30, 30, 7, 22, 30, 3] * 20, 30, 50)
    labels = np.arange(len(tokens)) % 2
    norms = FastLearner(spec, model, 1).gradient_norms(tokens, labels)
    assert norms == pytest.approx(StockLearner(model).gradient_norms(tokens, labels), rel=1e-3, abs=1e-7)
    assert norms[1].min() > 0
    assert not norms[0, :-1].any()


def test_reach_counts_back_from_the_end_and_leaves_padding_out(learner: StockLearner) -> None:
    tokens, labels = np.array([[0, 0, 3, 8, 5], [0, 2, 7, 9, 4]]), np.array([0, 1])
    found = reach(learner, tokens, labels)
    assert found.steps_back == (0, 1, 2)
    norms = gradient_norms(learner.model(), tokens, labels)
    assert found.median == pytest.approx(np.median(norms[:, [4, 3, 2]], axis=0))


def test_the_longest_reviews_show_the_reach() -> None:
    assert full_reviews(np.array([3, 9, 5, 12]), 8).tolist() == [1, 3, 2, 0]


def test_the_first_step_below_a_hundredth() -> None:
    from tasks.results.evaluation import Reach

    found = Reach((0, 5, 10), (1, 1, 1), (1.0, 0.5, 0.009), (1, 1, 1), 2)
    assert found.hundredth == 10
    assert replace(found, median=(1.0, 0.5, 0.1)).hundredth is None


def test_an_explanation_is_kept_until_another_review_is_chosen(dataset: Dataset, tmp_path: Path) -> None:
    plan = TrainingPlan(1, 16, 0.01, 0.25)
    branch = train_branch(Job(preset("lstm", 4, 4, 0.0), plan, dataset, 1, tmp_path))
    chosen = choose_reviews([evaluate_branch(branch, dataset, 0.25)])
    first = explain_branch(branch, dataset, chosen)
    assert len(first.traces) == len(chosen) > 0
    assert explain_branch(branch, dataset, chosen) == first
    other = explain_branch(branch, dataset, (Chosen(5, "another"),))
    assert len(other.traces) == 1
