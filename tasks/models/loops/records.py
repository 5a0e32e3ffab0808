"""What the recurrent loops read and write, by name."""

from typing import NamedTuple

from tasks.models.loops.lanes import Floats, Ints


class Layout(NamedTuple):
    """Where packed entries stand (see `tasks.models.packing`).

    Attributes:
        offsets: the first entry of each timestep, and the number of entries, int32, shape (timesteps + 1,).
        batch_sizes: how many reviews have begun by each timestep, int32, shape (timesteps,).
    """

    offsets: Ints
    batch_sizes: Ints


class Inputs(NamedTuple):
    """A layer's inputs: that of entry e is `values[rows[e]]`; float32 (n, features), int32 (entries,)."""

    values: Floats
    rows: Ints


class States(NamedTuple):
    """A cell's states.

    Attributes:
        hidden: before each entry, then after each review's last entry, shape (entries + reviews, units).
        cell: as `hidden`, of an LSTM; else empty.
        derivatives: of each entry (see `tasks.models.loops.cells`), shape (entries, derivatives, units); empty for a
            simple RNN.
    """

    hidden: Floats
    cell: Floats
    derivatives: Floats


class Kernels(NamedTuple):
    """A cell's weights, columns in the cell's order of blocks (see `tasks.models.loops.cells`).

    Shapes: (features, input blocks · units), (units, recurrent blocks · units), their transposes, and
    (blocks · units,).
    """

    kernel: Floats
    recurrent_kernel: Floats
    kernel_transposed: Floats
    recurrent_transposed: Floats
    bias: Floats


class KernelGradients(NamedTuple):
    """Gradients of `Kernels`."""

    kernel: Floats
    recurrent_kernel: Floats
    bias: Floats


class SequenceGradient(NamedTuple):
    """Gradient of a layer's inputs or outputs.

    Attributes:
        values: row t · reviews + i belongs to review i at timestep t, shape (timesteps · reviews, features).
        ends: at timestep t the first `ends[t]` reviews have a gradient, int32, shape (timesteps,); rows of the others
            hold nothing.
        padding: where no layer below asks for the padding's gradients: their sum and the sum of their squares, shape
            (2, features), and `values` is of words alone; else shape (0, features).
    """

    values: Floats
    ends: Ints
    padding: Floats
