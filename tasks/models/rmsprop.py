"""RMSprop as Keras takes its steps, compiled."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tasks.models.kernels import FAST, Floats, flushed


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")  # type: ignore[untyped-decorator]
def rmsprop(
    weights: Floats, velocities: Floats, gradients: Floats, squares: Floats, rate: float, rho: float, epsilon: float
) -> None:
    """One step of RMSprop (Tieleman & Hinton 2012) as Keras takes it, in place, over flat arrays.

    `squares` are the squared gradients. For an embedding Keras adds up the squares of each occurrence of a word, which
    is not the square of the sum.
    """
    for i in range(len(weights)):
        v = flushed(rho * velocities[i] + (np.float32(1.0) - rho) * squares[i])
        velocities[i] = v
        weights[i] -= rate * gradients[i] / np.sqrt(v + epsilon)


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")  # type: ignore[untyped-decorator]
def rmsprop_rows(
    weights: Floats,
    velocities: Floats,
    rows: NDArray[np.int64],
    gradients: Floats,
    squares: Floats,
    rate: float,
    rho: float,
    epsilon: float,
) -> None:
    """`rmsprop` of a table: only the given rows, in rising order, have a gradient; the other velocities decay."""
    used = 0
    for row in range(len(weights)):
        if used < len(rows) and rows[used] == row:
            rmsprop(weights[row], velocities[row], gradients[used], squares[used], rate, rho, epsilon)
            used += 1
        else:
            velocity = velocities[row]
            for j in range(len(velocity)):
                velocity[j] = flushed(rho * velocity[j])
