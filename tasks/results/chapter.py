"""Records of the chapter page: the tutorial's parts, shown with a run's own networks and reviews."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tasks.results.training import Branch, Moment

Matrix = tuple[tuple[float, ...], ...]  # Rows of equal length, rounded for display.
CellName = Literal["simple_rnn", "lstm", "gru"]  # Parts of file names.
KerasModelName = Literal["last", "all", "stacked", "lstm"]
# How the recurrent layer of a network starts: as Keras makes it, or with one change.
Start = Literal["as_built", "random_uniform", "forget_bias_0", "forget_bias_3", "update_bias_3"]


@dataclass(frozen=True)
class Loop:
    """A recurrence written by hand and run once with the tutorial's sizes.

    Attributes:
        cell: its kind.
        code: its source.
        shapes: the shape of each array, by name.
        uniform: states with weights drawn uniformly from 0 to 1, as in the tutorial, shape (timesteps, units).
        initial: states with Keras's initial weights, shape (timesteps, units).
        saturated: share of the states in `uniform` whose absolute value is above 0.99.
    """

    cell: CellName
    code: str
    shapes: dict[str, tuple[int, ...]]
    uniform: Matrix
    initial: Matrix
    saturated: float


@dataclass(frozen=True)
class LayerSummary:
    """A layer of a Keras model as `model.summary()` describes it: its class, output shape and number of parameters."""

    layer: str
    output_shape: tuple[int | None, ...]
    parameters: int


@dataclass(frozen=True)
class KerasModel:
    """A Keras model of the tutorial: its source and its layers."""

    name: KerasModelName
    code: str
    layers: tuple[LayerSummary, ...]


@dataclass(frozen=True)
class ExampleReview:
    """A test review that the page shows.

    Attributes:
        words: its words as a network sees them, at most `max_length` tokens.
        tokens: its tokens without padding, the start token included.
    """

    review_id: int
    label: int
    words: tuple[str, ...]
    tokens: tuple[int, ...]


@dataclass(frozen=True)
class Lengths:
    """Lengths of the training reviews, in tokens with the start token, before truncation.

    Attributes:
        edges: bounds of the histogram's bins; reviews beyond the last bound are counted in the last bin.
        counts: reviews in each bin.
        padding: share of all timesteps that are padding.
        cut: share of the reviews that are truncated.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    longest: int
    padding: float
    cut: float


@dataclass(frozen=True)
class StateReading:
    """The first recurrent layer of a trained network on the example review, computed by the loop and by Keras.

    Attributes:
        difference: the largest difference between the loop's and Keras's states, over all timesteps.
        states: states at the last timesteps, shape (timesteps shown, units).
        padding: how many of the timesteps shown are padding.
    """

    name: str
    cell: CellName
    difference: float
    states: Matrix
    padding: int


@dataclass(frozen=True)
class GradientStart:
    """How far the Jacobian of an untrained network's last state reaches.

    Attributes:
        start: how the recurrent layer starts.
        words: mean number of steps back at which the Jacobian is at least a hundredth of its value one step back.
        norms: mean relative norm, by steps back from 1.
    """

    start: Start
    words: float
    norms: tuple[float, ...]


@dataclass(frozen=True)
class CellState:
    """The recurrent layer of a network at one moment, on long test reviews.

    Attributes:
        radius: largest absolute eigenvalue of a SimpleRNN's recurrent kernel; None for other cells.
        slope: mean derivative of a SimpleRNN's tanh; None for other cells.
        gate: mean of an LSTM's forget gate or a GRU's update gate: the share of the state that a timestep keeps.
        words: mean number of steps back at which the Jacobian is at least a hundredth of its value one step back.
        gate_words: the same if only the gates' products carried the gradient.
    """

    moment: Moment
    words: float
    radius: float | None = None
    slope: float | None = None
    gate: float | None = None
    gate_words: float | None = None


@dataclass(frozen=True)
class Causes:
    """Measurements of why gradients vanish or survive in a network; its reviews are the longest test reviews."""

    name: str
    cell: CellName
    reviews: int
    starts: tuple[GradientStart, ...]
    moments: tuple[CellState, ...]


@dataclass(frozen=True)
class FirstNetworks:
    """The first network of each model of a run."""

    branches: tuple[Branch, ...]

    def files(self) -> dict[Path, str]:
        """Each file with its SHA-256."""
        return {path: digest for branch in self.branches for path, digest in branch.files().items()}


@dataclass(frozen=True)
class Chapter:
    """Everything on the chapter page beyond the run's comparison."""

    loops: tuple[Loop, ...]
    models: tuple[KerasModel, ...]
    example: ExampleReview
    lengths: Lengths
    readings: tuple[StateReading, ...]
    causes: tuple[Causes, ...]
    seconds: float

    def files(self) -> dict[Path, str]:
        """No files: the record is the result."""
        return {}

    @property
    def title(self) -> str:
        """A short description for logs and the UI."""
        return f"{len(self.loops)} loops by hand, {len(self.readings)} trained networks"
