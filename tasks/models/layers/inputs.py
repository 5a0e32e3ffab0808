"""What one layer passes to the next, and the memory that layers reuse from batch to batch."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tasks.models.loops.lanes import Floats, Ints
from tasks.models.loops.records import Inputs, Layout
from tasks.models.packing import unpacked_layout


class Workspace:
    """Named buffers, reused because fresh pages of memory cost more than the arithmetic on them."""

    def __init__(self) -> None:
        self._buffers: dict[str, NDArray[np.float32]] = {}

    def buffer(self, name: str, rows: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Return a float32 buffer of shape (rows, *shape), with whatever an earlier batch left in it."""
        buffer = self._buffers.get(name)
        if buffer is None or len(buffer) < rows:
            buffer = self._buffers[name] = np.empty((rows + rows // 4, *shape), np.float32)
        return buffer[:rows]

    def zeros(self, name: str, rows: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Like `buffer`, filled with zeros."""
        buffer = self.buffer(name, rows, shape)
        buffer.fill(0.0)
        return buffer


@dataclass(frozen=True)
class LayerInputs:
    """A layer's inputs for a group of reviews.

    Attributes:
        reviews: the number of reviews in the group.
        layout: where the entries are. They are packed, unless reviews do not share their padding, as above a
            bidirectional layer; then every review has an entry at every timestep.
        entries: the input of each entry.
        padding: the input at each timestep of the padding that all reviews share; empty if the layout is not packed.
        projections: `entries.values` projected by the kernel of each direction of the layer, shape (n, blocks, units),
            if already computed.
        constant_from: the timestep from which each review's input no longer changes, int32, shape (reviews,); empty if
            unknown.
    """

    reviews: int
    layout: Layout
    entries: Inputs
    padding: Inputs
    projections: list[Floats] | None = None
    constant_from: Ints = field(default_factory=lambda: np.zeros(0, np.int32))

    def backwards(self) -> "LayerInputs":
        """Return the inputs of every review at every timestep, from end to start; padding is read from row 0.

        A review's padding comes last here, after its words, so reviews cannot share it.
        """
        timesteps = len(self.layout.batch_sizes)
        begun = np.arange(self.reviews) < self.layout.batch_sizes[:, None]  # (timesteps, reviews)
        rows = np.zeros(begun.shape, np.int32)
        rows[begun] = self.entries.rows
        entries = Inputs(self.entries.values, np.ascontiguousarray(rows[::-1]).reshape(-1))
        layout = unpacked_layout(timesteps, self.reviews)
        words = begun.sum(axis=0, dtype=np.int32)
        return LayerInputs(self.reviews, layout, entries, no_padding(self.entries.values), self.projections, words)


def no_padding(values: Floats) -> Inputs:
    """Return inputs with no timesteps."""
    return Inputs(values, np.zeros(0, np.int32))


def outputs_in(layout: Layout) -> NDArray[np.int32]:
    """The row of `States.hidden` that contains each entry's output: the state before the review's next entry."""
    entries = np.arange(layout.offsets[-1], dtype=np.int32)
    return entries + np.repeat(layout.batch_sizes, layout.batch_sizes)
