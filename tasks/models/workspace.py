"""Memory that is used again from batch to batch."""

import numpy as np
from numpy.typing import NDArray


class Workspace:
    """Named buffers, kept because fresh pages of memory cost more than the arithmetic on them."""

    def __init__(self) -> None:
        self._buffers: dict[str, NDArray[np.float32]] = {}

    def take(self, name: str, rows: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """A buffer of shape (rows, *shape), float32, that still holds what an earlier batch left in it."""
        buffer = self._buffers.get(name)
        if buffer is None or len(buffer) < rows:
            buffer = self._buffers[name] = np.empty((rows + rows // 4, *shape), np.float32)
        return buffer[:rows]

    def take_zeros(self, name: str, rows: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """As `take`, filled with zeros."""
        buffer = self.take(name, rows, shape)
        buffer.fill(0.0)
        return buffer
