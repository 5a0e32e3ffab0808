import numpy as np

from tasks.models.loops.gradients import add_outer_products, add_to_tokens, end_of_live_rows


def test_the_tail_of_vanished_rows_is_left_out() -> None:
    gradients = np.array([[0, 0], [0, 1e-3], [1e-16, 0], [0, 1e-20]], np.float32)
    assert end_of_live_rows(gradients, 2, 0, 4) == 2
    assert end_of_live_rows(gradients, 1, 0, 4) == 0  # The second column is not a gradient of the state.
    assert end_of_live_rows(gradients, 2, 3, 4) == 3


def test_outer_products_are_added() -> None:
    target = np.ones((2, 3), np.float32)
    left, right = np.array([[1, 2], [3, 4]], np.float32), np.array([[1, 0, 2], [0, 1, 1]], np.float32)
    add_outer_products(target, left, right)
    assert target.tolist() == [[2, 4, 6], [3, 5, 9]]


def test_entries_of_the_same_token_are_added_up() -> None:
    rows = np.array([1, 0, 1], np.int32)
    dz = np.array([[1], [2], [4]], np.float32)
    d_hidden_input = np.array([[9, 1, 2], [9, 3, 0], [9, 2, 1]], np.float32)
    d_projections, squares = np.zeros((2, 1), np.float32), np.zeros((2, 2), np.float32)
    add_to_tokens(rows, dz, d_hidden_input, 1, d_projections, squares)
    assert d_projections.tolist() == [[2], [5]]
    assert squares.tolist() == [[9, 0], [5, 5]]
