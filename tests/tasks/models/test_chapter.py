import keras
import numpy as np
import pytest

from tasks.models import chapter
from tasks.models.recurrence import CELLS
from tasks.models.spec import Cell

KINDS = {"simple_rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}


@pytest.mark.parametrize("cell", CELLS)
def test_the_loop_by_hand_is_keras_and_the_textbook(cell: Cell) -> None:
    random = np.random.default_rng(5)
    inputs = random.normal(size=(12, 3)).astype(np.float32)
    layer = KINDS[cell](4, return_sequences=True)
    layer.build((None, 12, 3))
    weights = [random.normal(scale=0.7, size=weight.shape).astype(np.float32) for weight in layer.weights]
    layer.set_weights(weights)
    states = chapter.states_by_hand(cell, inputs, *weights)
    assert states.shape == (12, 4)
    np.testing.assert_allclose(states, layer(inputs[None])[0], atol=1e-5)
    np.testing.assert_allclose(states, CELLS[cell](inputs[None], *weights, return_sequences=True)[0], atol=1e-5)


@pytest.mark.parametrize(
    ("make", "shapes", "parameters"),
    [
        (chapter.last_output, [(None, 500, 32), (None, 32)], [320_000, 2_080]),
        (chapter.all_outputs, [(None, 500, 32), (None, 500, 32)], [320_000, 2_080]),
        (chapter.four_layers, [*[(None, 500, 32)] * 4, (None, 32)], [320_000, *[2_080] * 4]),
        (chapter.one_lstm, [(None, 500, 32), (None, 32)], [320_000, 8_320]),
    ],
)
def test_the_shown_models_have_the_shown_shapes(make, shapes, parameters) -> None:
    layers = make().layers
    assert [layer.output.shape for layer in layers] == shapes
    assert [layer.count_params() for layer in layers] == parameters


def test_shown_code_has_no_remarks_to_linters() -> None:
    shown = chapter.source(chapter.simple_rnn)
    assert shown.startswith("def simple_rnn(inputs: Array, W: Array, U: Array, b: Array) -> Array:\n")
    assert "noqa" not in shown
    assert "fmt" not in chapter.source(chapter.four_layers)
