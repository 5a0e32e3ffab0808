"""The LSTM: c' = f·c + i·g and h' = o·tanh(c'), with blocks i, f, g, o as in Keras.

Its derivatives are those of c' with respect to blocks i, f, g, those of h' with respect to block o and to c', and f,
the derivative of c' with respect to c.
"""

import numpy as np

from tasks.models.loops.lanes import fast_inlined, flushed, load, sigmoid, store, tanh
from tasks.models.loops.records import BackwardStep, ForwardStep
from tasks.models.loops.timestep import padding_by_jacobian

INPUT_BLOCKS: tuple[int, ...] = (0, 1, 2, 3)
RECURRENT_BLOCKS = INPUT_BLOCKS
BLOCKS = 4
DERIVATIVES = 6
HAS_CELL_STATE = True
DIRECT = -1
SOURCES, SOURCE_OF_BLOCK = 2, (0, 0, 0, 1)  # Gradients of c', including that through h', and of h'.
padding_backward = padding_by_jacobian
_ONE = np.float32(1.0)


@fast_inlined
def forward(lanes: int, j: int, step: ForwardStep) -> None:
    """Implement `Cell.forward`."""
    units, work, projection = step.units, step.work, step.projection
    i_at, f_at, g_at, o_at = j, units + j, 2 * units + j, 3 * units + j
    i = sigmoid(load(work, i_at, lanes) + load(projection, i_at, lanes))
    f = sigmoid(load(work, f_at, lanes) + load(projection, f_at, lanes))
    g = tanh(load(work, g_at, lanes) + load(projection, g_at, lanes))
    o = sigmoid(load(work, o_at, lanes) + load(projection, o_at, lanes))
    before = load(step.c, j, lanes)
    after = f * before + i * g
    tanh_c = tanh(after)
    store(step.new_c, j, after)
    store(step.new_h, j, o * tanh_c)
    if step.keep:
        store(work, i_at, g * i * (_ONE - i))
        store(work, f_at, before * f * (_ONE - f))
        store(work, g_at, i * (_ONE - g * g))
        store(work, o_at, tanh_c * o * (_ONE - o))
        store(work, 4 * units + j, o * (_ONE - tanh_c * tanh_c))
        store(work, 5 * units + j, f)


@fast_inlined
def backward(lanes: int, j: int, step: BackwardStep) -> None:
    """Implement `Cell.backward`."""
    units, derivatives = step.units, step.derivatives
    i_at, f_at, g_at, o_at = j, units + j, 2 * units + j, 3 * units + j
    of_hidden = load(step.dh, j, lanes)
    of_cell = load(step.dc, j, lanes) + of_hidden * load(derivatives, 4 * units + j, lanes)
    store(step.out, i_at, flushed(of_cell * load(derivatives, i_at, lanes)))
    store(step.out, f_at, flushed(of_cell * load(derivatives, f_at, lanes)))
    store(step.out, g_at, flushed(of_cell * load(derivatives, g_at, lanes)))
    store(step.out, o_at, flushed(of_hidden * load(derivatives, o_at, lanes)))
    store(step.dc, j, flushed(of_cell * load(derivatives, 5 * units + j, lanes)))


@fast_inlined
def padding_sources(lanes: int, j: int, step: BackwardStep) -> None:
    """Compute the sources (see `Cell`)."""
    units, derivatives = step.units, step.derivatives
    of_hidden = flushed(load(step.dh, j, lanes))
    of_cell = load(step.dc, j, lanes) + of_hidden * load(derivatives, 4 * units + j, lanes)
    store(step.out, j, flushed(of_cell))
    store(step.out, units + j, of_hidden)
    store(step.dc, j, flushed(of_cell * load(derivatives, 5 * units + j, lanes)))
