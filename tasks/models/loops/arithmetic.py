"""Element-wise arithmetic of the loops, the types of their arrays, and how they are compiled."""

import numpy as np
from numpy.typing import NDArray

from tasks.storage.compiled import compiled

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

# All liberties but "afn", approximate functions: NaN and infinities do not occur in the loops. With "reassoc" the
# compiler may add up a loop's sum in another order wherever it inlines it: what decides results is added up in memory.
FAST_MATH = {"contract", "arcp", "nsz", "reassoc", "nnan", "ninf"}
fast = compiled(fastmath=FAST_MATH, error_model="numpy")
fast_inlined = compiled(fastmath=FAST_MATH, error_model="numpy", inline="always")

SMALLEST = np.float32(1e-30)


@fast_inlined
def flushed(x: np.float32) -> np.float32:
    """`x`, or 0 where it has vanished: denormal numbers cost the processor about a hundred cycles each."""
    return x if abs(x) > SMALLEST else np.float32(0.0)
