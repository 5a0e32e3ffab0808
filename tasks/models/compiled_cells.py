"""The cells that have compiled loops, and the networks that these loops cover."""

from collections.abc import Callable
from dataclasses import dataclass

from tasks.models.loops.lstm import lstm_backward, lstm_forward, lstm_padding_backward
from tasks.models.loops.simple_rnn import simple_rnn_backward, simple_rnn_forward, simple_rnn_padding_backward
from tasks.models.spec import ModelSpec


@dataclass(frozen=True)
class CompiledCell:
    """The loops of a cell and the shape of what they keep.

    Attributes:
        forward, backward, padding_backward: the loops.
        gates: what precedes the units in the shape of a timestep's gates: (), or (number of gates,).
        states: how many arrays make up the state: the hidden state alone, or hidden and cell state.
    """

    forward: Callable[..., None]
    backward: Callable[..., None]
    padding_backward: Callable[..., None]
    gates: tuple[int, ...]
    states: int


CELLS = {
    "simple_rnn": CompiledCell(
        simple_rnn_forward, simple_rnn_backward, simple_rnn_padding_backward, gates=(), states=1
    ),
    "lstm": CompiledCell(lstm_forward, lstm_backward, lstm_padding_backward, gates=(4,), states=2),
}


def why_not_covered(spec: ModelSpec) -> str | None:
    """Why the compiled loops do not cover a network, or None where they do."""
    if spec.cell not in CELLS:
        return f"no compiled loop for {spec.cell}"
    if len(spec.units) > 1:
        return "more than one recurrent layer"
    if spec.bidirectional:
        return "bidirectional"
    return "dropout" if spec.dropout else None
