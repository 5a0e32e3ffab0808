"""The simple RNN: h' = tanh(a), where a is its only block.

It keeps no derivatives, because tanh'(a) = 1 - h'² follows from the state.
"""

import numpy as np

from tasks.models.loops.lanes import fast_inlined, flushed, load, store, tanh
from tasks.models.loops.records import BackwardStep, ForwardStep
from tasks.models.loops.timestep import padding_by_row

INPUT_BLOCKS: tuple[int, ...] = (0,)
RECURRENT_BLOCKS = INPUT_BLOCKS
BLOCKS = 1
DERIVATIVES = 0
HAS_CELL_STATE = False
DIRECT = -1
SOURCES = 0
padding_backward = padding_by_row
_ONE = np.float32(1.0)


@fast_inlined
def forward(lanes: int, j: int, step: ForwardStep) -> None:
    """Implement `Cell.forward`."""
    store(step.new_h, j, tanh(load(step.new_h, j, lanes) + load(step.projection, j, lanes)))


@fast_inlined
def backward(lanes: int, j: int, step: BackwardStep) -> None:
    """Implement `Cell.backward`."""
    state = load(step.new_h, j, lanes)
    store(step.out, j, flushed(load(step.dh, j, lanes) * (_ONE - state * state)))
