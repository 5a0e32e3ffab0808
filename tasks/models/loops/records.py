"""Records that the recurrent loops read and write."""

from typing import NamedTuple

from tasks.models.loops.lanes import Floats, Ints


class Layout(NamedTuple):
    """Where packed entries are (see `tasks.models.packing`).

    Attributes:
        offsets: each timestep's first entry, then the number of entries, int32, shape (timesteps + 1,).
        batch_sizes: the number of reviews that have begun by each timestep, int32, shape (timesteps,).
    """

    offsets: Ints
    batch_sizes: Ints


class Inputs(NamedTuple):
    """A layer's inputs: entry e reads `values[rows[e]]`; values: float32, (n, features); rows: int32, (entries,)."""

    values: Floats
    rows: Ints


class States(NamedTuple):
    """A cell's states.

    Attributes:
        hidden: the states before each entry, then those after each review's last entry, shape
            (entries + reviews, units).
        cell: like `hidden`, for an LSTM; otherwise empty.
        derivatives: see `tasks.models.loops.cells`; shape (entries, derivatives, units), empty for a simple RNN.
    """

    hidden: Floats
    cell: Floats
    derivatives: Floats


class Kernels(NamedTuple):
    """A cell's weights, with columns in the cell's block order (see `tasks.models.loops.cells`).

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
        ends: at timestep t, the first `ends[t]` reviews have a gradient, int32, shape (timesteps,); the other rows are
            uninitialized.
        padding: the sums of the padding's gradients and of their squares, shape (2, features), if no layer below needs
            the separate gradients; `values` then covers only words. Otherwise empty, shape (0, features).
    """

    values: Floats
    ends: Ints
    padding: Floats
