"""Sums of gradients that the backward loops of all cells need."""

import numpy as np

from tasks.models.loops.arithmetic import Floats, Ints, fast

# Packed entries that are multiplied at once, while they are in the processor's cache.
BLOCK = 256
# Gradients this small are lost in the rounding of the sums that they would be added to.
_VANISHED = np.float32(1e-15)


@fast
def end_of_live_rows(gradients: Floats, units: int, first: int, end: int) -> int:
    """The end of the rows from `first` on that still matter, when the tail with vanished gradients is left out."""
    while end > first:
        row = gradients[end - 1]
        largest = np.float32(0.0)
        for j in range(units):
            largest = max(largest, abs(row[j]))
        if largest >= _VANISHED:
            break
        end -= 1
    return end


@fast
def add_outer_products(target: Floats, left: Floats, right: Floats) -> None:
    """Add the sum over rows of the outer products of `left` and `right`, shapes (rows, m) and (rows, n), to (m, n)."""
    product = np.dot(left.T, right)
    for i in range(len(target)):
        target_row, product_row = target[i], product[i]
        for j in range(len(product_row)):
            target_row[j] += product_row[j]


@fast
def add_to_tokens(
    rows: Ints, dz: Floats, d_hidden_input: Floats, units: int, d_projections: Floats, squares: Floats
) -> None:
    """Add each entry's gradient to its token, and the squares of its input's gradient to the token's squares.

    Args:
        rows: the token's row in `d_projections` and `squares`, int32, shape (entries,).
        dz: gradients before the activation, shape (entries, gates · units).
        d_hidden_input: gradients of the hidden state and, from column `units` on, of the input.
        units: how many columns belong to the hidden state.
        d_projections, squares: results, shapes (tokens, gates · units) and (tokens, features).
    """
    for i in range(len(dz)):
        total, row = d_projections[rows[i]], dz[i]
        for j in range(len(row)):
            total[j] += row[j]
        square, dx = squares[rows[i]], d_hidden_input[i, units:]
        for j in range(len(square)):
            square[j] += dx[j] * dx[j]
