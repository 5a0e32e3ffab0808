"""The cells that the compiled loops support, and how Keras's weights map to their blocks."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tasks.models.loops import cells
from tasks.models.loops.lanes import Floats
from tasks.models.loops.records import KernelGradients, Kernels


class CellWeights(NamedTuple):
    """A cell's weights, or their gradients, in Keras's order.

    Shapes: (features, gates · units), (units, gates · units), and (gates · units,) or, for a GRU, (2, gates · units)
    with a row for the input and one for the state.
    """

    kernel: Floats
    recurrent_kernel: Floats
    bias: Floats


@dataclass(frozen=True)
class CompiledCell:
    """A cell of `tasks.models.loops.cells`.

    Attributes:
        number: the number that the loops give the cell.
        blocks: the number of pre-activation values per unit.
        input_blocks: the block of each gate in Keras's kernel.
        recurrent_blocks: the block of each gate in Keras's recurrent kernel.
    """

    number: int
    blocks: int
    input_blocks: tuple[int, ...]
    recurrent_blocks: tuple[int, ...]

    @property
    def derivatives(self) -> int:
        """The number of derivatives that the backward pass needs per timestep and unit."""
        return cells.DERIVATIVES[self.number]

    @property
    def has_cell_state(self) -> bool:
        """Whether the cell has a cell state besides its hidden state."""
        return self.number == cells.LSTM

    def to_blocks(self, weights: CellWeights) -> Kernels:
        """Convert Keras's weights to the loops' order."""
        recurrent = weights.recurrent_kernel
        units, gates = len(recurrent), len(self.input_blocks)
        # The gate in each block of the kernel.
        order = [self.input_blocks.index(block) for block in range(gates)]
        kernel = np.ascontiguousarray(weights.kernel.reshape(-1, gates, units)[:, order].reshape(weights.kernel.shape))
        bias = np.zeros((self.blocks, units), np.float32)
        for row, blocks in zip(weights.bias.reshape(-1, gates, units), self._of_bias(), strict=False):
            bias[list(blocks)] += row
        transposed = np.ascontiguousarray(kernel.T), np.ascontiguousarray(recurrent.T)
        return Kernels(kernel, recurrent, *transposed, bias.reshape(-1))

    def from_blocks(self, gradients: KernelGradients, bias_shape: tuple[int, ...]) -> CellWeights:
        """Convert the loops' gradients to Keras's order."""
        shape = gradients.kernel.shape
        kernel = gradients.kernel.reshape(shape[0], len(self.input_blocks), -1)[:, list(self.input_blocks)]
        bias_blocks = gradients.bias.reshape(self.blocks, -1)
        rows = [bias_blocks[list(blocks)] for blocks in self._of_bias()]
        bias = np.concatenate(rows[: 2 if len(bias_shape) > 1 else 1]).reshape(bias_shape)
        return CellWeights(kernel.reshape(shape), gradients.recurrent_kernel, bias)

    def _of_bias(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The blocks of Keras's bias: those of its first or only row, and those of its second."""
        return self.input_blocks, self.recurrent_blocks


CELLS = {
    "simple_rnn": CompiledCell(cells.SIMPLE_RNN, 1, input_blocks=(0,), recurrent_blocks=(0,)),
    "lstm": CompiledCell(cells.LSTM, 4, input_blocks=(0, 1, 2, 3), recurrent_blocks=(0, 1, 2, 3)),
    "gru": CompiledCell(cells.GRU, 4, input_blocks=(1, 2, 0), recurrent_blocks=(1, 2, 3)),
}
