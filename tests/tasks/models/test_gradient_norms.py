import keras
import numpy as np
import pytest

from tasks.models.fast import FastLearner
from tasks.models.keras_model import build
from tasks.models.reach import gradient_norms
from tasks.models.spec import PresetName, preset
from tasks.models.stock import StockLearner
from tests.conftest import ragged_tokens


@pytest.fixture
def learner() -> StockLearner:
    """An untrained network."""
    return StockLearner(build(preset("simple_rnn", 5, 4, 0.0), 50, 0.001, 1))


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
