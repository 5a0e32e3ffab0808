"""Padding against the words' path: reviews whose states are those of the padding, each with a row of its own."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.models.layers.cells import CELLS, CellWeights
from tasks.models.loops.cells import step_backward
from tasks.models.loops.lanes import LANES
from tasks.models.loops.padding import add_or_set, padding_backward, padding_work, sum_rows
from tasks.models.loops.records import Kernels, SequenceGradient, States

REVIEWS, UNITS, FEATURES, TIMESTEPS = 5, LANES + 3, LANES + 1, 3  # Some numbers in lanes, some alone.
FIRST, LAST = 1, 4  # The reviews of the group that have not begun.


def normal(random: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    return random.standard_normal(shape, np.float32)


def kernels_of(name: str, random: np.random.Generator) -> Kernels:
    gates = len(CELLS[name].input_blocks)
    bias = (2, gates * UNITS) if name == "gru" else (gates * UNITS,)
    kernel, recurrent = normal(random, FEATURES, gates * UNITS), normal(random, UNITS, gates * UNITS)
    return CELLS[name].to_blocks(CellWeights(kernel, recurrent, normal(random, *bias)))


def padding_states(name: str, random: np.random.Generator) -> States:
    """Those of three timesteps, of which the last two are the same."""
    derivatives = random.random((TIMESTEPS, CELLS[name].derivatives, UNITS), np.float32)
    derivatives[2] = derivatives[1]
    hidden = np.zeros((TIMESTEPS + 1, UNITS), np.float32)
    return States(hidden, hidden, derivatives)


def rows_of(
    name: str, kernels: Kernels, states: States, step: int, d_hidden: NDArray[np.float32], d_cell: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Gradients before the activation and of the inputs, a row for each review; `d_hidden`, `d_cell` as the loop."""
    cell = CELLS[name]
    repeated = States(
        np.repeat(states.hidden[step : step + 1], 2 * LAST, axis=0),
        states.cell,
        np.repeat(states.derivatives[step : step + 1], LAST, axis=0),
    )
    dz = np.zeros((LAST, len(kernels.bias)), np.float32)
    step_backward(cell.number, dz, d_hidden, d_cell, repeated, 0, LAST)
    recurrent = dz[:, len(kernels.bias) - len(kernels.recurrent_transposed) :] @ kernels.recurrent_transposed
    d_hidden[:LAST] = recurrent + (d_hidden[:LAST] if name == "gru" else 0)
    return dz, dz[:, : len(kernels.kernel_transposed)] @ kernels.kernel_transposed


@pytest.mark.parametrize("sums", [False, True])
@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_timesteps_equal_those_with_a_row_for_each_review(name: str, sums: bool) -> None:
    random = np.random.default_rng(0)
    kernels, states = kernels_of(name, random), padding_states(name, random)
    d_hidden, d_cell = normal(random, REVIEWS, UNITS), normal(random, REVIEWS, UNITS)
    expected_hidden, expected_cell = d_hidden.copy(), d_cell.copy()
    before = d_hidden.copy(), d_cell.copy()
    values = np.zeros((TIMESTEPS * REVIEWS, FEATURES), np.float32)
    padding = np.zeros((2 if sums else 0, FEATURES), np.float32)
    d_inputs = SequenceGradient(values, np.zeros(TIMESTEPS, np.int32), padding)
    work = padding_work(CELLS[name].number, REVIEWS, UNITS, FEATURES)
    expected_sums = np.zeros((2, FEATURES))
    for step in range(TIMESTEPS - 1, -1, -1):
        dz, row = np.zeros(len(kernels.bias), np.float32), step * REVIEWS
        arguments = d_hidden, d_cell, d_inputs, step, work, dz
        padding_backward(CELLS[name].number, kernels, states, step, FIRST, LAST, *arguments)
        rows, expected_inputs = rows_of(name, kernels, states, step, expected_hidden, expected_cell)
        scale = np.abs(rows).max()
        np.testing.assert_allclose(dz, rows[FIRST:].sum(axis=0), atol=1e-5 * scale)
        np.testing.assert_allclose(d_hidden[FIRST:LAST], expected_hidden[FIRST:LAST], atol=1e-5 * scale)
        for beyond in (0, LAST):  # Of other reviews.
            assert np.array_equal(d_hidden[beyond], before[0][beyond])
            assert np.array_equal(d_cell[beyond], before[1][beyond])
        if name == "lstm":
            np.testing.assert_allclose(d_cell[FIRST:LAST], expected_cell[FIRST:LAST], atol=1e-5 * scale)
        if not sums:
            ours = values[row + FIRST : row + LAST]
            np.testing.assert_allclose(ours, expected_inputs[FIRST:], atol=1e-5 * np.abs(expected_inputs).max())
        expected_sums += expected_inputs[FIRST:].sum(axis=0), (expected_inputs[FIRST:] ** 2).sum(axis=0)
    if sums:
        assert not values.any()
        for ours, theirs in zip(padding, expected_sums, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-5 * np.abs(theirs).max())


@pytest.mark.parametrize("known", [-1, 0, 1, 2, 3])
def test_known_rows_are_added_to_and_others_replaced(known: int) -> None:
    out = np.full((2, 1), 10, np.float32)
    add_or_set(np.array([[1], [2]], np.float32), np.array([[3]], np.float32), out, known)
    assert out[:, 0].tolist() == [3 + 10 * (known >= 1), 6 + 10 * (known >= 2)]


def test_all_rows_are_added_to_the_first() -> None:
    rows = np.arange(3 * (LANES + 2), dtype=np.float32).reshape(3, -1)
    expected = rows.sum(axis=0)
    sum_rows(rows)
    assert np.array_equal(rows[0], expected)
