import numpy as np
import pytest

from tasks.analysis.causes import cell_state, gradient_starts, keeping_gates
from tasks.models.keras_learner import build
from tasks.models.recurrence import sigmoid
from tasks.models.spec import ModelSpec, PresetName, preset

TOKENS = np.random.default_rng(1).integers(1, 20, (3, 40))


def network(name: PresetName) -> tuple[ModelSpec, list[np.ndarray]]:
    """A network and its initial weights."""
    spec = preset(name, 8, 4, 0.0)
    return spec, build(spec, 20, 0.001, seed=1).get_weights()


def words(name: PresetName) -> dict[str, float]:
    """How far gradients reach from each start."""
    return {start.start: start.words for start in gradient_starts(*network(name), TOKENS)}


def test_an_orthogonal_kernel_keeps_gradients_alive_and_a_small_random_one_does_not() -> None:
    reached = words("simple_rnn")
    assert reached["as_built"] == 40
    assert reached["random_uniform"] <= 4


def test_the_larger_the_forget_bias_the_farther_gradients_reach() -> None:
    reached = words("lstm")
    assert reached["forget_bias_0"] < reached["as_built"] < reached["forget_bias_3"]
    reached = words("gru")
    assert reached["as_built"] < reached["update_bias_3"]


def test_starting_in_another_way_leaves_the_network_as_it_is() -> None:
    spec, weights = network("lstm")
    before = [weight.copy() for weight in weights]
    gradient_starts(spec, weights, TOKENS)
    assert all(np.array_equal(one, other) for one, other in zip(before, weights, strict=True))


def test_an_untrained_simple_network_has_eigenvalues_of_one_and_hardly_bends() -> None:
    state = cell_state("initial", *network("simple_rnn"), TOKENS, 40.0)
    assert state.radius == pytest.approx(1.0, abs=1e-5)
    assert 0.9 < (state.slope or 0) <= 1
    assert state.gate is None


@pytest.mark.parametrize(("name", "gate", "reached"), [("lstm", sigmoid(np.array(1.0)), 15), ("gru", 0.5, 7)])
def test_an_untrained_gate_keeps_what_its_bias_says(name: PresetName, gate: float, reached: int) -> None:
    state = cell_state("initial", *network(name), TOKENS, 40.0)
    assert state.gate == pytest.approx(float(gate), abs=0.02)
    assert state.gate_words == pytest.approx(reached, abs=1)


def test_gates_are_those_of_the_formulas() -> None:
    random = np.random.default_rng(2)
    kernel, recurrent, bias = random.normal(size=(2, 4)), random.normal(size=(1, 4)), random.normal(size=4)
    inputs = random.normal(size=(1, 2, 2))
    i, f, g, o = np.split(inputs[:, 0] @ kernel + bias, 4, axis=1)
    h = sigmoid(o) * np.tanh(sigmoid(i) * np.tanh(g))
    second = sigmoid(inputs[:, 1] @ kernel[:, 1:2] + h @ recurrent[:, 1:2] + bias[1:2])
    gates = keeping_gates("lstm", inputs, kernel, recurrent, bias)
    np.testing.assert_allclose(gates[0, :, 0], [sigmoid(f)[0, 0], second[0, 0]])
