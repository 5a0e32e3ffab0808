"""Element-wise arithmetic of the loops, the types of their arrays, and how they are compiled."""

import numpy as np
from numpy.typing import NDArray

from tasks.storage.compiled import compiled

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

# All liberties but "afn", approximate functions: NaN and infinities do not occur in the loops.
_FAST_MATH = {"contract", "arcp", "nsz", "reassoc", "nnan", "ninf"}
fast = compiled(fastmath=_FAST_MATH, error_model="numpy")
fast_inlined = compiled(fastmath=_FAST_MATH, error_model="numpy", inline="always")

_SMALLEST = np.float32(1e-30)


@fast_inlined
def tanh(x: np.float32) -> np.float32:
    """x · P(x²) / Q(x²) with x clipped to [-9, 9], relative error 2.1e-8.

    The coefficients come from iteratively reweighted least squares on Chebyshev nodes. Written as arithmetic because
    the compiler turns that into vector instructions.
    """
    x = min(max(x, np.float32(-9.0)), np.float32(9.0))
    s = x * x
    p = np.float32(1.3353410e-08)
    p = p * s + np.float32(2.0608183e-05)
    p = p * s + np.float32(3.4955344e-03)
    p = p * s + np.float32(1.3380980e-01)
    p = p * s + np.float32(1.0)
    q = np.float32(7.7760460e-07)
    q = q * s + np.float32(3.2855463e-04)
    q = q * s + np.float32(2.5876779e-02)
    q = q * s + np.float32(4.6714297e-01)
    q = q * s + np.float32(1.0)
    return x * p / q


@fast_inlined
def sigmoid(x: np.float32) -> np.float32:
    """1 / (1 + exp(-x)), by `tanh`."""
    half = np.float32(0.5)
    result: np.float32 = half * tanh(half * x) + half
    return result


@fast_inlined
def flushed(x: np.float32) -> np.float32:
    """`x`, or 0 where it has vanished: denormal numbers cost the processor about a hundred cycles each."""
    return x if abs(x) > _SMALLEST else np.float32(0.0)
