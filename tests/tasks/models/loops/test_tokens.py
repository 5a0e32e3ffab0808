import numpy as np

from tasks.models.loops.records import Layout, SequenceGradient
from tasks.models.loops.tokens import add_to_tokens, entry_norms

# Two reviews, two timesteps; the second review begins at the second. Both end with the token in row 1.
LAYOUT = Layout(np.array([0, 1, 3], np.int32), np.array([1, 2], np.int32))
ROWS = np.array([2, 1, 1], np.int32)
D_INPUTS = SequenceGradient(
    np.array([[1, 2], [3, 0], [2, 1], [4, 4]], np.float32), np.array([2, 2], np.int32), np.zeros((0, 2), np.float32)
)


def test_entries_of_the_same_token_are_added_up_and_padding_is_row_0() -> None:
    sums = np.zeros((3, 2, 2), np.float32)
    add_to_tokens(LAYOUT, ROWS, D_INPUTS, sums)
    assert sums[:, 0].tolist() == [[3, 0], [6, 5], [1, 2]]
    assert sums[:, 1].tolist() == [[9, 0], [20, 17], [1, 4]]


def test_rows_behind_the_last_gradient_are_not_read() -> None:
    sums = np.zeros((3, 2, 2), np.float32)
    add_to_tokens(LAYOUT, ROWS, D_INPUTS._replace(ends=np.array([1, 1], np.int32)), sums)
    assert sums[:, 0].tolist() == [[0, 0], [2, 1], [1, 2]]


def test_summed_gradients_of_padding_are_added_to_row_0() -> None:
    sums = np.zeros((3, 2, 2), np.float32)
    padding = np.array([[10, 20], [30, 40]], np.float32)
    add_to_tokens(LAYOUT, ROWS, D_INPUTS._replace(ends=np.array([1, 2], np.int32), padding=padding), sums)
    assert sums[0].tolist() == [[10, 20], [30, 40]]
    assert sums[1].tolist() == [[6, 5], [20, 17]]


def test_norms_of_entries() -> None:
    norms = np.full((2, 2), 9.9, np.float32)
    entry_norms(LAYOUT, D_INPUTS, norms)
    np.testing.assert_allclose(norms, np.sqrt([[5, 0], [5, 32]]), rtol=1e-6)
