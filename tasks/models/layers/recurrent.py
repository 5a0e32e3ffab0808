"""A recurrent layer: a cell over time, in one direction or in both."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tasks.models.layers.feedforward import add_up
from tasks.models.layers.inputs import LayerInputs, Workspace, no_padding, outputs_in
from tasks.models.loops import gru, lstm, simple_rnn
from tasks.models.loops.lanes import Floats
from tasks.models.loops.records import Cell, Inputs, KernelGradients, Kernels, SequenceGradient, States, Trajectory
from tasks.models.loops.recurrent import loops_of, project, unpack_outputs
from tasks.models.packing import unpacked_layout

# Gradients this small are lost to rounding in the sums they would be added to.
NEGLIGIBLE_GRADIENT = 1e-15


CELLS = {"simple_rnn": loops_of(simple_rnn), "lstm": loops_of(lstm), "gru": loops_of(gru)}


class CellWeights(NamedTuple):
    """A cell's weights, or their gradients, in Keras's order.

    Shapes: (features, gates · units), (units, gates · units), and (gates · units,) or, for a GRU, (2, gates · units)
    with a row for the input and one for the state.
    """

    kernel: Floats
    recurrent_kernel: Floats
    bias: Floats


class Direction:
    """A cell that reads reviews from start to end, or backwards, with the given weights, which are not copied."""

    def __init__(self, cell: str, weights: CellWeights, name: str, backwards: bool) -> None:
        self.weights, self.backwards = weights, backwards
        self._loops = CELLS[cell]
        self._cell = self._loops.cell
        self.units = len(weights.recurrent_kernel)
        self._name = name
        self.refresh()

    def refresh(self) -> None:
        """Pick up changed weights; call before each batch."""
        self.kernels: Kernels = to_blocks(self._cell, self.weights)

    def project(self, values: Floats, projections: Floats) -> None:
        """Project inputs by the kernel, from shape (n, features) to shape (n, blocks, units)."""
        project(values, self.kernels, projections)

    def take_projections(self, count: int, workspace: Workspace) -> Floats:
        """Return a buffer for the projections of `count` inputs."""
        return workspace.buffer(f"{self._name} projections", count, (self._cell.BLOCKS, self.units))

    def no_states(self) -> States:
        """Return the states before anything is read."""
        zeros = np.zeros((1, self.units), np.float32)
        return States(zeros, zeros, np.zeros((0, self._cell.DERIVATIVES, self.units), np.float32))

    def forward(
        self, sequence: LayerInputs, start: States, workspace: Workspace, keep_states: bool, keep_derivatives: bool
    ) -> States:
        """Compute a group's states; arguments as in `forward_loop`."""
        entries, reviews = len(sequence.entries.rows), sequence.reviews
        rows = (entries if keep_states else reviews) + reviews
        hidden = workspace.buffer(f"{self._name} hidden", rows, (self.units,))
        cell = workspace.buffer(f"{self._name} cell", rows if self._cell.HAS_CELL_STATE else 0, (self.units,))
        kept = entries if keep_derivatives else reviews
        derivatives = workspace.buffer(f"{self._name} derivatives", kept, (self._cell.DERIVATIVES, self.units))
        states = States(hidden, cell, derivatives)
        projections = self._projections(sequence, workspace)
        self._loops.forward(
            sequence.layout,
            sequence.entries.rows,
            projections,
            self.kernels.recurrent_kernel,
            start,
            states,
            sequence.constant_from,
            keep_states,
            keep_derivatives,
        )
        return states

    def _projections(self, sequence: LayerInputs, workspace: Workspace) -> Floats:
        if sequence.projections is not None:
            return sequence.projections[int(self.backwards)]
        values = sequence.entries.values
        projections = self.take_projections(len(values), workspace)
        self.project(values, projections)
        return projections

    def backward(
        self,
        sequence: LayerInputs,
        states: States,
        padding: States,
        d_final: Floats,
        d_outputs: SequenceGradient,
        d_inputs: SequenceGradient,
        vanished: float,
    ) -> CellWeights:
        """Return the weights' gradients; add those of the inputs to `d_inputs`. Arguments as in `backward_loop`.

        `d_final`, shape (reviews, outputs of the layer), is the gradient of the outputs after the last timestep.
        """
        column = self.units if self.backwards else 0
        d_hidden = np.ascontiguousarray(d_final[:, column : column + self.units])
        gradients = self._loops.backward(
            self.backwards,
            sequence.layout,
            self.kernels,
            Trajectory(sequence.entries, states),
            Trajectory(sequence.padding, padding),
            d_outputs,
            d_hidden,
            vanished,
            d_inputs,
        )
        return from_blocks(self._cell, gradients, self.weights.bias.shape)


@dataclass(frozen=True)
class LayerPass:
    """A layer's forward pass over a group.

    Attributes:
        sequences: each direction's inputs.
        states: each direction's states.
        padding: the states over the padding that the reviews share.
        final: the outputs after the last timestep, shape (reviews, outputs).
    """

    sequences: list[LayerInputs]
    states: list[States]
    padding: States
    final: Floats


class Recurrent:
    """A recurrent layer with one or two directions; `name` distinguishes its buffers from those of other layers."""

    def __init__(self, cell: str, weights: list[CellWeights], name: str) -> None:
        self.directions = [
            Direction(cell, of_direction, f"{name} {number}", backwards=number == 1)
            for number, of_direction in enumerate(weights)
        ]
        self.is_bidirectional = len(weights) == 2
        self.inputs = len(weights[0].kernel)
        self.outputs = sum(direction.units for direction in self.directions)
        self._name = name

    def refresh(self) -> None:
        """Pick up changed weights; call before each batch."""
        for direction in self.directions:
            direction.refresh()

    def forward_padding(self, sequence: LayerInputs | None, workspace: Workspace) -> States:
        """Compute the states over the padding that all reviews share, for `forward`.

        `sequence` is one review that is all padding, or None if no padding is shared.
        """
        ahead = self.directions[0]
        start = ahead.no_states()
        return ahead.forward(sequence, start, workspace, True, True) if sequence else start

    def padding_above(self, sequence: LayerInputs | None, states: States) -> LayerInputs | None:
        """Return the shared padding as the layer above reads it, or None if there is none."""
        if sequence is None or self.is_bidirectional:
            return None
        entries = Inputs(states.hidden, np.arange(1, len(states.hidden), dtype=np.int32))
        return LayerInputs(1, sequence.layout, entries, no_padding(states.hidden))

    def forward(
        self, sequence: LayerInputs, padding: States, workspace: Workspace, keep_states: bool, keep_derivatives: bool
    ) -> LayerPass:
        """Read a group of reviews; set `keep_states` if a layer is above, and both flags if `backward` follows."""
        sequences = [sequence.backwards() if direction.backwards else sequence for direction in self.directions]
        states = [
            direction.forward(
                read,
                direction.no_states() if direction.backwards else padding,
                workspace,
                keep_states,
                keep_derivatives,
            )
            for direction, read in zip(self.directions, sequences, strict=True)
        ]
        final = np.concatenate([of_direction.hidden[-sequence.reviews :] for of_direction in states], axis=1)
        return LayerPass(sequences, states, padding, final)

    def sequence_above(self, layer_pass: LayerPass, workspace: Workspace) -> LayerInputs:
        """Return the outputs at all timesteps, as inputs for the layer above."""
        sequence, states, padding = layer_pass.sequences[0], layer_pass.states, layer_pass.padding
        if not self.is_bidirectional:
            entries = Inputs(states[0].hidden, outputs_in(sequence.layout))
            of_padding = Inputs(padding.hidden, np.arange(1, len(padding.hidden), dtype=np.int32))
            return LayerInputs(sequence.reviews, sequence.layout, entries, of_padding)
        timesteps, reviews = len(sequence.layout.batch_sizes), sequence.reviews
        outputs = workspace.buffer(f"{self._name} outputs", timesteps * reviews, (self.outputs,))
        column = 0
        for direction, read, of_direction in zip(self.directions, layer_pass.sequences, states, strict=True):
            hidden = of_direction.hidden, padding.hidden
            unpack_outputs(direction.backwards, read.layout, *hidden, reviews, column, outputs)
            column += direction.units
        entries = Inputs(outputs, np.arange(len(outputs), dtype=np.int32))
        return LayerInputs(reviews, unpacked_layout(timesteps, reviews), entries, no_padding(outputs))

    def backward(
        self,
        layer_pass: LayerPass,
        d_final: Floats,
        d_outputs: SequenceGradient,
        workspace: Workspace,
        is_lowest: bool,
        vanished: float = NEGLIGIBLE_GRADIENT,
    ) -> tuple[SequenceGradient, list[CellWeights]]:
        """Compute the gradients of the inputs and of each direction's weights.

        Args:
            layer_pass: from `forward`.
            d_final: gradient of the outputs after the last timestep, shape (reviews, outputs).
            d_outputs: gradient of all outputs, or `no_gradient`.
            workspace: holds the result until the next batch.
            is_lowest: whether no layer below needs the gradients of each review's padding; a bidirectional layer
                computes them anyway, because both directions add to them.
            vanished: gradients this small count as zero.
        """
        sequence = layer_pass.sequences[0]
        timesteps, features = len(sequence.layout.batch_sizes), sequence.entries.values.shape[1]
        values = workspace.buffer(f"{self._name} d_inputs", timesteps * sequence.reviews, (features,))
        sums_of_padding = 2 if is_lowest and not self.is_bidirectional else 0
        padding = np.zeros((sums_of_padding, features), np.float32)
        d_inputs = SequenceGradient(values, np.zeros(timesteps, np.int32), padding)
        gradients = [
            direction.backward(read, states, layer_pass.padding, d_final, d_outputs, d_inputs, vanished)
            for direction, read, states in zip(self.directions, layer_pass.sequences, layer_pass.states, strict=True)
        ]
        return d_inputs, gradients


def no_gradient(timesteps: int, outputs: int) -> SequenceGradient:
    """The gradient of outputs that no layer above reads."""
    none = np.zeros((0, outputs), np.float32)
    return SequenceGradient(none, np.zeros(timesteps, np.int32), none)


def add_gradients(groups: Iterable[list[CellWeights]]) -> list[CellWeights]:
    """Sum over groups the weight gradients that `Recurrent.backward` returns, separately for each direction."""
    return [CellWeights(*map(add_up, zip(*parts, strict=True))) for parts in zip(*groups, strict=True)]


def to_blocks(cell: Cell, weights: CellWeights) -> Kernels:
    """Convert Keras's weights to the loops' order."""
    recurrent = weights.recurrent_kernel
    units, gates = len(recurrent), len(cell.INPUT_BLOCKS)
    # The gate in each block of the kernel.
    order = [cell.INPUT_BLOCKS.index(block) for block in range(gates)]
    kernel = np.ascontiguousarray(weights.kernel.reshape(-1, gates, units)[:, order].reshape(weights.kernel.shape))
    bias = np.zeros((cell.BLOCKS, units), np.float32)
    for row, blocks in zip(weights.bias.reshape(-1, gates, units), _bias_blocks(cell), strict=False):
        bias[list(blocks)] += row
    transposed = np.ascontiguousarray(kernel.T), np.ascontiguousarray(recurrent.T)
    return Kernels(kernel, recurrent, *transposed, bias.reshape(-1))


def from_blocks(cell: Cell, gradients: KernelGradients, bias_shape: tuple[int, ...]) -> CellWeights:
    """Convert the loops' gradients to Keras's order."""
    shape = gradients.kernel.shape
    kernel = gradients.kernel.reshape(shape[0], len(cell.INPUT_BLOCKS), -1)[:, list(cell.INPUT_BLOCKS)]
    of_blocks = gradients.bias.reshape(cell.BLOCKS, -1)
    rows = [of_blocks[list(blocks)] for blocks in _bias_blocks(cell)]
    bias = np.concatenate(rows[: 2 if len(bias_shape) > 1 else 1]).reshape(bias_shape)
    return CellWeights(kernel.reshape(shape), gradients.recurrent_kernel, bias)


def _bias_blocks(cell: Cell) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The blocks of Keras's bias: those of its first or only row, and those of its second."""
    return cell.INPUT_BLOCKS, cell.RECURRENT_BLOCKS
