"""Reviews of different lengths, laid end to end."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Reviews:
    """Reviews of different lengths, laid end to end.

    Attributes:
        tokens: int32, the ranks of all reviews' words one after the other (1 = the most frequent word).
        offsets: int64, shape (reviews + 1,); review i is `tokens[offsets[i]:offsets[i + 1]]`.
        labels: uint8, shape (reviews,), 0 = negative, 1 = positive.
    """

    tokens: NDArray[np.int32]
    offsets: NDArray[np.int64]
    labels: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.labels)
