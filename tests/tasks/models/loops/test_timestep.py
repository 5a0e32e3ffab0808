"""Padding against the words' path: reviews whose states are those of the padding, each with a row of its own."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.models.layers.recurrent import CELLS, CellWeights, to_blocks
from tasks.models.loops.lanes import LANES
from tasks.models.loops.records import Cell, Kernels, SequenceGradient, States
from tasks.models.loops.timestep import sum_rows
from tests.tasks.models.loops.bound import padding_backward, padding_work, step_backward

REVIEWS, UNITS, FEATURES, TIMESTEPS = 5, LANES + 3, LANES + 1, 3  # Some numbers in lanes, some alone.
FIRST, LAST = 1, 4  # The reviews of the group that have not begun.


def normal(random: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    return random.standard_normal(shape, np.float32)


def kernels_of(cell: Cell, random: np.random.Generator) -> Kernels:
    gates = len(cell.INPUT_BLOCKS)
    bias = (gates * UNITS,) if cell.INPUT_BLOCKS == cell.RECURRENT_BLOCKS else (2, gates * UNITS)
    kernel, recurrent = normal(random, FEATURES, gates * UNITS), normal(random, UNITS, gates * UNITS)
    return to_blocks(cell, CellWeights(kernel, recurrent, normal(random, *bias)))


def padding_states(cell: Cell, random: np.random.Generator) -> States:
    """Those of three timesteps, of which the last two are the same."""
    derivatives = random.random((TIMESTEPS, cell.DERIVATIVES, UNITS), np.float32)
    derivatives[2] = derivatives[1]
    hidden = random.random((TIMESTEPS + 1, UNITS), np.float32)
    return States(hidden, hidden, derivatives)


def rows_of(
    cell: Cell, kernels: Kernels, states: States, step: int, d_hidden: NDArray[np.float32], d_cell: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Gradients before the activation and of the inputs, a row for each review; `d_hidden`, `d_cell` as the loop."""
    repeated = States(
        np.repeat(states.hidden[step : step + 2], LAST, axis=0),
        states.cell,
        np.repeat(states.derivatives[step : step + 1], LAST, axis=0),
    )
    dz = np.zeros((LAST, len(kernels.bias)), np.float32)
    step_backward(cell)(dz, d_hidden, d_cell, repeated, 0, LAST, 1)
    recurrent = dz[:, len(kernels.bias) - len(kernels.recurrent_transposed) :] @ kernels.recurrent_transposed
    d_hidden[:LAST] = recurrent + (d_hidden[:LAST] if cell.DIRECT >= 0 else 0)
    return dz, dz[:, : len(kernels.kernel_transposed)] @ kernels.kernel_transposed


@pytest.mark.parametrize("sums", [False, True])
@pytest.mark.parametrize("name", CELLS)
def test_timesteps_equal_those_with_a_row_for_each_review(name: str, sums: bool) -> None:
    cell, random = CELLS[name].cell, np.random.default_rng(0)
    kernels, states = kernels_of(cell, random), padding_states(cell, random)
    d_hidden, d_cell = normal(random, REVIEWS, UNITS), normal(random, REVIEWS, UNITS)
    expected_hidden, expected_cell = d_hidden.copy(), d_cell.copy()
    before = d_hidden.copy(), d_cell.copy()
    values = np.zeros((TIMESTEPS * REVIEWS, FEATURES), np.float32)
    padding = np.zeros((2 if sums else 0, FEATURES), np.float32)
    d_inputs = SequenceGradient(values, np.zeros(TIMESTEPS, np.int32), padding)
    padding_of = padding_work(cell)(kernels, states, d_inputs, REVIEWS)
    expected_sums = np.zeros((2, FEATURES))
    for step in range(TIMESTEPS - 1, -1, -1):
        dz, row = np.zeros((REVIEWS, len(kernels.bias)), np.float32), step * REVIEWS
        of_states = d_hidden[FIRST:LAST], d_cell[FIRST:LAST]
        padding_backward(cell)(padding_of, step, step, FIRST, *of_states, dz)
        rows, expected_inputs = rows_of(cell, kernels, states, step, expected_hidden, expected_cell)
        scale = np.abs(rows).max()
        np.testing.assert_allclose(dz[0], rows[FIRST:].sum(axis=0), atol=1e-5 * scale)
        np.testing.assert_allclose(d_hidden[FIRST:LAST], expected_hidden[FIRST:LAST], atol=1e-5 * scale)
        for beyond in (0, LAST):  # Of other reviews.
            assert np.array_equal(d_hidden[beyond], before[0][beyond])
            assert np.array_equal(d_cell[beyond], before[1][beyond])
        if cell.HAS_CELL_STATE:
            np.testing.assert_allclose(d_cell[FIRST:LAST], expected_cell[FIRST:LAST], atol=1e-5 * scale)
        if not sums:
            ours = values[row + FIRST : row + LAST]
            np.testing.assert_allclose(ours, expected_inputs[FIRST:], atol=1e-5 * np.abs(expected_inputs).max())
        expected_sums += expected_inputs[FIRST:].sum(axis=0), (expected_inputs[FIRST:] ** 2).sum(axis=0)
    if sums:
        assert not values.any()
        for ours, theirs in zip(padding, expected_sums, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-5 * np.abs(theirs).max())


def test_all_rows_are_added_to_the_first() -> None:
    rows = np.arange(3 * (LANES + 2), dtype=np.float32).reshape(3, -1)
    expected = rows.sum(axis=0)
    sum_rows(rows)
    assert np.array_equal(rows[0], expected)
