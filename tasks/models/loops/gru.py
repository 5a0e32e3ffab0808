"""The GRU of Keras and cuDNN: h' = z·h + (1 - z)·g and g = tanh(x + r·s), where x and s are shares of g.

Its blocks are the input's share x, z, r, and the state's share s. The input's kernel has the first three, the recurrent
kernel the last three, so that the reset gate can scale the state's share alone. Its derivatives are those of h' with
respect to the four blocks, and z, the derivative of h' with respect to h itself.
"""

import numpy as np

from tasks.models.loops.lanes import fast_inlined, flushed, load, sigmoid, store, tanh
from tasks.models.loops.records import BackwardStep, ForwardStep
from tasks.models.loops.timestep import padding_by_jacobian

INPUT_BLOCKS: tuple[int, ...] = (1, 2, 0)
RECURRENT_BLOCKS: tuple[int, ...] = (1, 2, 3)
BLOCKS = 4
DERIVATIVES = 5
HAS_CELL_STATE = False
DIRECT = 4
SOURCES, SOURCE_OF_BLOCK = 1, (0, 0, 0, 0)  # The gradient of h'.
padding_backward = padding_by_jacobian
_ONE = np.float32(1.0)


@fast_inlined
def forward(lanes: int, j: int, step: ForwardStep) -> None:
    """Implement `Cell.forward`."""
    units, work, projection = step.units, step.work, step.projection
    g_at, z_at, r_at, share_at = j, units + j, 2 * units + j, 3 * units + j
    z = sigmoid(load(work, z_at, lanes) + load(projection, z_at, lanes))
    r = sigmoid(load(work, r_at, lanes) + load(projection, r_at, lanes))
    share = load(work, share_at, lanes) + load(projection, share_at, lanes)
    g = tanh(load(projection, g_at, lanes) + r * share)
    before = load(step.h, j, lanes)
    store(step.new_h, j, g + z * (before - g))
    if step.keep:
        of_candidate = (_ONE - z) * (_ONE - g * g)
        store(work, g_at, of_candidate)
        store(work, z_at, (before - g) * z * (_ONE - z))
        store(work, r_at, of_candidate * share * r * (_ONE - r))
        store(work, share_at, of_candidate * r)
        store(work, 4 * units + j, z)


@fast_inlined
def backward(lanes: int, j: int, step: BackwardStep) -> None:
    """Implement `Cell.backward`."""
    units, derivatives = step.units, step.derivatives
    of_hidden = load(step.dh, j, lanes)
    for block in range(BLOCKS):
        at = block * units + j
        store(step.out, at, flushed(of_hidden * load(derivatives, at, lanes)))
    store(step.dh, j, flushed(of_hidden * load(derivatives, 4 * units + j, lanes)))


@fast_inlined
def padding_sources(lanes: int, j: int, step: BackwardStep) -> None:
    """Compute the sources (see `Cell`)."""
    store(step.out, j, flushed(load(step.dh, j, lanes)))
