"""RMSprop (Tieleman & Hinton 2012) as Keras computes it."""

import numpy as np
from numpy.typing import NDArray

from tasks.models.loops.lanes import Floats, fast, flushed_number


@fast
def rmsprop(
    weights: Floats,
    velocities: Floats,
    gradients: Floats,
    squares: Floats,
    learning_rate: np.float32,
    rho: np.float32,
    epsilon: np.float32,
) -> None:
    """Take one step, in place: v = ρ·v + (1 - ρ)·g², w = w - learning_rate·g / √(v + ε).

    Args:
        weights, velocities: w and v, shape (n,).
        gradients: g, shape (n,).
        squares: g², shape (n,); a separate argument because, for an embedding, Keras sums the squares over a token's
            occurrences instead of squaring the sum.
        learning_rate, rho, epsilon: as Keras names them.
    """
    for i in range(len(weights)):
        v = flushed_number(rho * velocities[i] + (np.float32(1.0) - rho) * squares[i])
        velocities[i] = v
        weights[i] -= learning_rate * gradients[i] / np.sqrt(v + epsilon)


@fast
def rmsprop_rows(
    weights: Floats,
    velocities: Floats,
    rows: NDArray[np.int64],
    sums: Floats,
    learning_rate: np.float32,
    rho: np.float32,
    epsilon: np.float32,
) -> None:
    """Apply `rmsprop` to a table in which only the given rows have a gradient; the velocities of all other rows decay.

    Args:
        weights, velocities: shape (n, features).
        rows: ascending row numbers, int64, shape (m,).
        sums: gradients and squares for each of `rows`, shape (m, 2, features).
        learning_rate, rho, epsilon: as for `rmsprop`.
    """
    used = 0
    for row in range(len(weights)):
        if used < len(rows) and rows[used] == row:
            rmsprop(weights[row], velocities[row], sums[used, 0], sums[used, 1], learning_rate, rho, epsilon)
            used += 1
        else:
            velocity = velocities[row]
            for j in range(len(velocity)):
                velocity[j] = flushed_number(rho * velocity[j])
