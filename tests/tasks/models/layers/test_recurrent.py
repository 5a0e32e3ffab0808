import numpy as np
import pytest

from tasks.models.layers.recurrent import CELLS, CellWeights, from_blocks, to_blocks
from tasks.models.loops import gru
from tasks.models.loops.records import KernelGradients

# Two units, one feature: the first digit of a weight is its gate, from z to g.
GRU = CellWeights(
    np.array([[10, 11, 20, 21, 30, 31]], np.float32),
    np.arange(12, dtype=np.float32).reshape(2, 6),
    np.array([[1, 2, 3, 4, 5, 6], [10, 20, 30, 40, 50, 60]], np.float32),
)


def test_the_blocks_of_a_gru_stand_in_the_order_g_z_r_and_the_states_share_of_g() -> None:
    kernels = to_blocks(gru, GRU)
    assert kernels.kernel.tolist() == [[30, 31, 10, 11, 20, 21]]
    assert np.array_equal(kernels.recurrent_kernel, GRU.recurrent_kernel)
    assert kernels.bias.tolist() == [5, 6, 11, 22, 33, 44, 50, 60]
    assert np.array_equal(kernels.kernel_transposed, kernels.kernel.T)
    assert np.array_equal(kernels.recurrent_transposed, kernels.recurrent_kernel.T)


def test_gradients_of_a_gru_return_to_the_order_of_keras() -> None:
    of_blocks = KernelGradients(
        np.array([[30, 31, 10, 11, 20, 21]], np.float32),
        GRU.recurrent_kernel,
        np.array([5, 6, 1, 2, 3, 4, 7, 8], np.float32),
    )
    gradients = from_blocks(gru, of_blocks, (2, 6))
    assert np.array_equal(gradients.kernel, GRU.kernel)
    assert gradients.bias.tolist() == [[1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 7, 8]]


@pytest.mark.parametrize("units", [1, 2])  # With one unit, NumPy's reshape may leave gaps between numbers.
@pytest.mark.parametrize(("name", "gates"), [("simple_rnn", 1), ("lstm", 4)])
def test_other_cells_have_the_blocks_of_keras(name: str, gates: int, units: int) -> None:
    cell, random = CELLS[name].cell, np.random.default_rng(0)
    weights = CellWeights(
        random.random((3, units * gates), np.float32),
        random.random((units, units * gates), np.float32),
        random.random(units * gates, np.float32),
    )
    kernels = to_blocks(cell, weights)
    assert all(array.flags.c_contiguous for array in kernels)
    back = from_blocks(cell, KernelGradients(kernels.kernel, kernels.recurrent_kernel, kernels.bias), (units * gates,))
    for ours, theirs in zip((*kernels[:2], kernels.bias), weights, strict=True):
        assert np.array_equal(ours, theirs)
    for ours, theirs in zip(back, weights, strict=True):
        assert np.array_equal(ours, theirs)
