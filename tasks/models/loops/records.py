"""The records that the recurrent loops read and write, and what a cell consists of."""

from typing import Any, NamedTuple, Protocol

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
        derivatives: see `Cell`; shape (entries, derivatives, units).
    """

    hidden: Floats
    cell: Floats
    derivatives: Floats


class Trajectory(NamedTuple):
    """The inputs that entries read, and the states that result."""

    inputs: Inputs
    states: States


class Kernels(NamedTuple):
    """A cell's weights, with columns in the cell's block order (see `Cell`).

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


class ForwardStep(NamedTuple):
    """A timestep of one review.

    Attributes:
        units: the number of units.
        projection: the input's projection, shape (blocks, units).
        work: the recurrent kernel's product is in its blocks; with `keep`, the derivatives replace it, shape
            (derivatives, units).
        keep: whether to keep the derivatives.
        h, c: hidden and cell state before the timestep, shape (units,).
        new_h, new_c: result. A cell without derivatives finds the product in `new_h`.
    """

    units: int
    projection: Floats
    work: Floats
    keep: bool
    h: Floats
    c: Floats
    new_h: Floats
    new_c: Floats


class BackwardStep(NamedTuple):
    """A timestep of one review, backward.

    Attributes:
        units: the number of units.
        dh, dc: gradients of hidden and cell state after the timestep, shape (units,).
        new_h: the hidden state after the timestep, shape (units,).
        derivatives: shape (derivatives, units).
        out: result, the pre-activation gradients, shape (at least blocks · units,), or the sources, shape
            (sources · units,).
    """

    units: int
    dh: Floats
    dc: Floats
    new_h: Floats
    derivatives: Floats
    out: Floats


class PaddingBackward(NamedTuple):
    """What the backward pass through padding reads and writes at every timestep.

    Attributes:
        kernels: the cell's weights.
        states: the states of the padding, as one packed review.
        d_inputs: result, the gradients of the inputs; added to any gradient already there.
        derivatives: the derivatives that `jacobian` was computed from, shape (derivatives, units).
        jacobian: maps sources to the gradients of the hidden state before the timestep and of the input, shape
            (sources · units, units + features).
        sources: memory for each review's sources, shape (reviews, sources · units).
        products: memory for each review's input gradients, shape (reviews, features).
    """

    kernels: Kernels
    states: States
    d_inputs: SequenceGradient
    derivatives: Floats
    jacobian: Floats
    sources: Floats
    products: Floats


class Cell(Protocol):
    """A recurrent cell: a module with these constants and functions, which the loops bind at compile time.

    A cell's gates are arranged in *blocks* of one number per unit. A block's pre-activation value is the sum of the
    input's projection and the product of hidden state and recurrent kernel. The input's kernel has the first blocks,
    the recurrent kernel the last; most cells have all blocks in both.

    The forward pass keeps the *derivatives* of each timestep, by which the backward pass multiplies the gradients of
    the states. So the backward pass needs no activations; and because all reviews share the states of padding, its
    derivatives are kept only once.

    Attributes:
        INPUT_BLOCKS: the block of each gate in Keras's kernel.
        RECURRENT_BLOCKS: the block of each gate in Keras's recurrent kernel.
        BLOCKS: the number of blocks.
        DERIVATIVES: the number of derivatives that each unit keeps; 0 if they follow from the hidden state.
        HAS_CELL_STATE: whether the cell has a cell state besides its hidden state.
        DIRECT: the derivative of the hidden state with respect to the preceding one that bypasses the blocks; -1 if
            there is none.
        SOURCES: the number of sources (see `tasks.models.loops.timestep`). A cell that has any also has the source of
            each block, SOURCE_OF_BLOCK, and a function `padding_sources`. It is called like `backward`, stores the
            sources in `step.out`, and replaces `step.dc` alike.
    """

    __name__: str
    INPUT_BLOCKS: tuple[int, ...]
    RECURRENT_BLOCKS: tuple[int, ...]
    BLOCKS: int
    DERIVATIVES: int
    HAS_CELL_STATE: bool
    DIRECT: int
    SOURCES: int

    def forward(self, lanes: int, j: int, step: ForwardStep) -> None:
        """Compute one timestep of units `j` to `j + lanes` of a review."""

    def backward(self, lanes: int, j: int, step: BackwardStep) -> None:
        """Compute the pre-activation gradients of units `j` to `j + lanes` of a review in `step.out`.

        `step.dc` becomes the gradient of the cell state before the timestep. With a derivative DIRECT, `step.dh`
        becomes the part that reaches the preceding hidden state through it.
        """

    def padding_backward(
        self, cell: Any, padding: PaddingBackward, step: int, t: int, first: int, d_hidden: Floats, d_cell: Floats,
        dz: Floats,
    ) -> None:  # fmt: skip
        """Go back one timestep for reviews that have not begun: `padding_by_row` or `padding_by_jacobian`.

        Args:
            cell: this cell.
            padding: the same for all timesteps.
            step: the timestep, as counted in the padding.
            t: the timestep, as counted in the gradients of the inputs.
            first: the first of the reviews.
            d_hidden, d_cell: gradients of the reviews' states after the timestep, replaced with those before it, shape
                (reviews, units).
            dz: result; its first row becomes the pre-activation gradients summed over reviews, shape (at least reviews,
                at least blocks · units).
        """
