import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.models.loops.products import add_or_set, add_outer_products, multiply

SIZES = st.integers(0, 70)


@settings(deadline=None, max_examples=100)
@given(rows=SIZES, steps=SIZES, columns=SIZES, add=st.booleans(), seed=st.integers(0, 99))
def test_products_equal_numpy_at_any_size(rows: int, steps: int, columns: int, add: bool, seed: int) -> None:
    random = np.random.default_rng(seed)
    left, right = random.standard_normal((rows, steps)), random.standard_normal((steps, columns))
    before = random.standard_normal((rows, columns))
    out = before.astype(np.float32)
    multiply(left.astype(np.float32), right.astype(np.float32), out, add)
    np.testing.assert_allclose(out, left @ right + (before if add else 0), rtol=1e-5, atol=2e-5)


@settings(deadline=None, max_examples=100)
@given(rows=SIZES, steps=SIZES, columns=SIZES, seed=st.integers(0, 99))
def test_outer_products_are_added_at_any_size(rows: int, steps: int, columns: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    left, right = random.standard_normal((steps, rows)), random.standard_normal((steps, columns))
    target = np.ones((rows, columns), np.float32)
    add_outer_products(left.astype(np.float32), right.astype(np.float32), target)
    np.testing.assert_allclose(target, 1 + left.T @ right, rtol=1e-5, atol=2e-5)


def test_columns_of_wider_arrays() -> None:
    random = np.random.default_rng(0)
    left, right = random.random((5, 9), np.float32), random.random((3, 20), np.float32)
    out = np.zeros((5, 30), np.float32)
    multiply(left[:, 2:5], right, out[:, 4:24], False)
    np.testing.assert_allclose(out[:, 4:24], left[:, 2:5] @ right, rtol=1e-5)
    assert not out[:, :4].any()
    assert not out[:, 24:].any()
    target = np.zeros((4, 20), np.float32)
    add_outer_products(left[:3, 1:5], right, target)
    np.testing.assert_allclose(target, left[:3, 1:5].T @ right, rtol=1e-5)


@pytest.mark.parametrize("columns", [1, 3, 16, 21, 32, 47, 128])
def test_a_row_comes_out_the_same_whatever_rows_stand_around_it(columns: int) -> None:
    random = np.random.default_rng(columns)
    left, right = random.random((37, 40), np.float32), random.random((40, columns), np.float32)
    whole, alone = np.empty((37, columns), np.float32), np.empty((1, columns), np.float32)
    multiply(left, right, whole, False)
    for row in range(37):
        multiply(left[row : row + 1], right, alone, False)
        assert np.array_equal(alone[0], whole[row])


@pytest.mark.parametrize("known", [-1, 0, 1, 2, 3])
def test_known_rows_are_added_to_and_others_replaced(known: int) -> None:
    out = np.full((2, 1), 10, np.float32)
    add_or_set(np.array([[1], [2]], np.float32), np.array([[3]], np.float32), out, np.int64(known))
    assert out[:, 0].tolist() == [3 + 10 * (known >= 1), 6 + 10 * (known >= 2)]
