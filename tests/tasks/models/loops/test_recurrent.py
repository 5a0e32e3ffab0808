"""A simple RNN of one unit and literal numbers; `tests/tasks/models/test_compiled_network.py` compares networks with
Keras.
"""

import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.models.layers.recurrent import CELLS
from tasks.models.loops.records import Inputs, KernelGradients, Kernels, Layout, SequenceGradient, States, Trajectory
from tasks.models.loops.recurrent import project, unpack_outputs
from tasks.models.packing import unpacked_layout

# Two timesteps; the first review reads tokens 0 and 1, the second begins at the second timestep and reads token 1.
LAYOUT = Layout(np.array([0, 1, 3], np.int32), np.array([1, 2], np.int32))
ROWS = np.array([0, 1, 1], np.int32)
NO_GATES = np.zeros((0, 1, 1), np.float32)
UNKNOWN = np.zeros(0, np.int32)  # From which timestep on inputs stay the same.


def column(*numbers: float) -> NDArray[np.float32]:
    """Numbers of one unit, one in each row."""
    return np.array(numbers, np.float32)[:, None]


def states(*hidden: float) -> States:
    """States of a simple RNN of one unit."""
    return States(column(*hidden), column(*hidden), NO_GATES)


# Kernel 0.5, recurrent kernel 2, bias 0.1; inputs 3 and -1, after padding that the second review shares.
KERNELS = Kernels(column(0.5), column(2), column(0.5), column(2), np.array([0.1], np.float32))
INPUTS = Inputs(column(3, -1), ROWS)
PADDING_INPUTS = Inputs(column(4), np.zeros(1, np.int32))
FINISHED = 0.0, 0.4, 0.1, 0.5, -0.2  # Before each of the three entries, and after the last one of each review.


def test_project() -> None:
    projections = np.empty((2, 1, 1), np.float32)
    project(INPUTS.values, KERNELS, projections)
    np.testing.assert_allclose(projections[:, 0, 0], [0.5 * 3 + 0.1, 0.5 * -1 + 0.1], rtol=1e-6)


@pytest.mark.parametrize(("keep", "rows"), [(True, 5), (False, 4)])
def test_forward(keep: bool, rows: int) -> None:
    result = states(*[9.9] * rows)
    projections = np.array([[[0.5]], [[-0.25]]], np.float32)
    CELLS["simple_rnn"].forward(LAYOUT, ROWS, projections, column(2), states(0, 0.1), result, UNKNOWN, keep, keep)
    first = np.tanh(0.5)
    expected = [0, first, 0.1, np.tanh(2 * first - 0.25), np.tanh(2 * 0.1 - 0.25)]
    np.testing.assert_allclose(result.hidden[-2:, 0], expected[-2:], atol=1e-6)
    if keep:
        np.testing.assert_allclose(result.hidden[:, 0], expected, atol=1e-6)


def test_forward_ends_a_review_that_constant_inputs_no_longer_change() -> None:
    """Both states are 0 after the first timestep; another input after it shows whether later ones are read."""
    layout, rows = unpacked_layout(3, 2), np.array([0, 0, 0, 1, 0, 1], np.int32)
    projections = np.array([[[0.0]], [[0.5]]], np.float32)
    ends_of = {"second settles": [3, 0], "unknown": [], "first is asked only after the second": [0, 3],
               "an input follows": [3, 1]}  # fmt: skip
    for case, constant_from in ends_of.items():
        result = states(0, 0, 0, 0)
        ends = np.array(constant_from, np.int32)
        CELLS["simple_rnn"].forward(layout, rows, projections, column(2), states(0), result, ends, False, False)
        is_read = case != "second settles"
        assert result.hidden[-2, 0] == 0
        assert (result.hidden[-1, 0] != 0) == is_read, case


def test_forward_goes_on_where_only_the_hidden_state_stays() -> None:
    """All gates are open: c grows by 1 a timestep, beyond where its tanh ends; the last input closes f and turns g."""
    layout, rows = unpacked_layout(3, 1), np.array([0, 0, 1], np.int32)
    projections = np.array([[[50.0]] * 4, [[50.0], [-50.0], [-50.0], [50.0]]], np.float32).reshape(2, 4, 1)
    result = States(column(0, 0), column(0, 0), np.zeros((1, 6, 1), np.float32))
    start = States(column(0), column(20), NO_GATES)
    always = np.zeros(1, np.int32)
    CELLS["lstm"].forward(layout, rows, projections, np.zeros((1, 4), np.float32), start, result, always, False, False)
    np.testing.assert_allclose(result.hidden[-1, 0], np.tanh(-1), atol=1e-5)


def backward(
    d_final: NDArray[np.float32], d_outputs: SequenceGradient, d_inputs: SequenceGradient, vanished: float = 0.0
) -> KernelGradients:
    """Gradients of the kernels."""
    entries, padding = Trajectory(INPUTS, states(*FINISHED)), Trajectory(PADDING_INPUTS, states(0, 0.1))
    gradients: KernelGradients = CELLS["simple_rnn"].backward(
        False, LAYOUT, KERNELS, entries, padding, d_outputs, d_final, vanished, d_inputs
    )
    return gradients


def gradient(values: NDArray[np.float32], *ends: int) -> SequenceGradient:
    """Gradients of two timesteps of two reviews, those of padding in rows like all others."""
    return SequenceGradient(values, np.array(ends, np.int32), np.zeros((0, 1), np.float32))


def nothing() -> SequenceGradient:
    """No gradient for two timesteps of two reviews."""
    return gradient(column(9.9, 9.9, 9.9, 9.9), 0, 0)


def test_backward() -> None:
    d_inputs = nothing()
    gradients = backward(column(1, 3), nothing(), d_inputs)
    last = np.array([1 * (1 - 0.5**2), 3 * (1 - 0.2**2)])
    first = 2 * last * (1 - np.array([0.4, 0.1]) ** 2)  # Of the second review: of its padding.
    assert d_inputs.ends.tolist() == [2, 2]
    np.testing.assert_allclose(d_inputs.values[:, 0], 0.5 * np.concatenate([first, last]), rtol=1e-6)
    np.testing.assert_allclose(gradients.recurrent_kernel, [[0.4 * last[0] + 0.1 * last[1]]], rtol=1e-6)
    np.testing.assert_allclose(gradients.kernel, [[3 * first[0] + 4 * first[1] - last.sum()]], rtol=1e-6)
    np.testing.assert_allclose(gradients.bias, [first.sum() + last.sum()], rtol=1e-6)


def test_gradients_of_padding_are_summed_where_no_layer_below_asks_for_them() -> None:
    d_inputs = nothing()._replace(padding=column(10, 20))
    backward(column(1, 3), nothing(), d_inputs)
    last = np.array([1 * (1 - 0.5**2), 3 * (1 - 0.2**2)])
    first = 2 * last * (1 - np.array([0.4, 0.1]) ** 2)
    assert d_inputs.ends.tolist() == [1, 2]
    np.testing.assert_allclose(d_inputs.values[:, 0], [0.5 * first[0], 9.9, *(0.5 * last)], rtol=1e-6)
    np.testing.assert_allclose(d_inputs.padding[:, 0], [10 + 0.5 * first[1], 20 + (0.5 * first[1]) ** 2], rtol=1e-6)


def test_gradients_of_the_outputs_are_added() -> None:
    d_inputs, d_outputs = nothing(), gradient(column(5, 7, 9.9, 9.9), 2, 0)
    backward(column(1, 3), d_outputs, d_inputs)
    last = np.array([1 * (1 - 0.5**2), 3 * (1 - 0.2**2)])
    first = (2 * last + [5, 7]) * (1 - np.array([0.4, 0.1]) ** 2)
    np.testing.assert_allclose(d_inputs.values[:, 0], 0.5 * np.concatenate([first, last]), rtol=1e-6)


def test_gradients_of_the_inputs_are_added_where_there_are_some() -> None:
    d_inputs = gradient(column(10, 9.9, 20, 30), 1, 2)
    alone = nothing()
    backward(column(1, 3), nothing(), alone)
    backward(column(1, 3), nothing(), d_inputs)
    np.testing.assert_allclose(d_inputs.values, alone.values + column(10, 0, 20, 30), rtol=1e-6)
    assert d_inputs.ends.tolist() == [2, 2]


@pytest.mark.parametrize(("d_final", "ends"), [((1, 1e-16), [1, 1]), ((1e-16, 1), [2, 2]), ((0, 0), [0, 0])])
def test_reviews_behind_whose_gradients_have_vanished_are_left_out(
    d_final: tuple[float, float], ends: list[int]
) -> None:
    d_inputs = nothing()
    backward(column(*d_final), nothing(), d_inputs, vanished=1e-15)
    assert d_inputs.ends.tolist() == ends


def test_a_vanished_review_returns_with_a_gradient_of_its_output() -> None:
    d_inputs, d_outputs = nothing(), gradient(column(0, 7, 9.9, 9.9), 2, 0)
    backward(column(1, 1e-16), d_outputs, d_inputs, vanished=1e-15)
    assert d_inputs.ends.tolist() == [2, 1]
    np.testing.assert_allclose(d_inputs.values[1, 0], 0.5 * 7 * (1 - 0.1**2), rtol=1e-6)


@pytest.mark.parametrize(("backwards", "expected"), [(False, [0.4, 0.7, 0.5, -0.2]), (True, [0.5, -0.2, 0.4, 0.7])])
def test_unpacked_outputs_have_those_of_the_padding(backwards: bool, expected: list[float]) -> None:
    outputs = np.full((4, 2), 9.9, np.float32)
    unpack_outputs(backwards, LAYOUT, column(*FINISHED), column(0, 0.7), 2, 1, outputs)
    np.testing.assert_allclose(outputs[:, 1], expected)
    np.testing.assert_allclose(outputs[:, 0], 9.9)
