"""What a network is, in plain words: the specification and the named presets. Builds nothing, imports no framework."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Cell = Literal["simple_rnn", "lstm", "gru"]
PresetName = Literal["simple_rnn", "lstm", "stacked_simple_rnn", "gru", "bidirectional_lstm"]
Units = Annotated[int, Field(ge=1, le=1024)]


class ModelSpec(BaseModel):
    """Embedding, then one or more recurrent layers, then one sigmoid unit for "positive"."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_]{0,39}$",
        description="Name in tables, figures and folders: lower-case letters, digits and underscores.",
    )
    cell: Cell = Field(description="Kind of recurrent cell.")
    units: tuple[Units, ...] = Field(
        (32,),
        min_length=1,
        max_length=8,
        description="Hidden units of each recurrent layer; all layers but the last return sequences.",
    )
    embedding: int = Field(32, ge=1, le=1024, description="Dimensions of the word embedding.")
    bidirectional: bool = Field(False, description="Read the review in both directions.")
    dropout: float = Field(
        0.0, ge=0.0, lt=1.0, description="Share of each recurrent layer's inputs that training drops (0 to 1)."
    )


@dataclass(frozen=True)
class TrainingPlan:
    """How to train: what decides the result, apart from data, network and seed.

    `epochs` passes in batches of `batch_size` reviews with RMSprop's `learning_rate`; `validation` is the share of the
    training reviews, the last ones, that is held out.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    validation: float


def preset(name: PresetName, units: int, embedding: int, dropout: float) -> ModelSpec:
    """The named network with the given sizes; `stacked_simple_rnn` has the tutorial's four layers."""
    cells: dict[PresetName, Cell] = {"lstm": "lstm", "bidirectional_lstm": "lstm", "gru": "gru"}
    return ModelSpec(
        name=name,
        cell=cells.get(name, "simple_rnn"),
        units=(units,) * (4 if name == "stacked_simple_rnn" else 1),
        embedding=embedding,
        bidirectional=name == "bidirectional_lstm",
        dropout=dropout,
    )
