"""Network specifications and named presets. This module builds nothing and imports no framework."""

from typing import Annotated, Literal, cast, get_args

from pydantic import BaseModel, ConfigDict, Field

from tasks.results.training import NETWORK_NAME, ClassWeight

Cell = Literal["simple_rnn", "lstm", "gru"]
PresetName = Literal["simple_rnn", "lstm", "stacked_simple_rnn", "gru", "bidirectional_lstm"]
Units = Annotated[int, Field(ge=1, le=1024)]


class ModelSpec(BaseModel):
    """Embedding, then one or more recurrent layers, then one sigmoid unit for "positive"."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(
        pattern=NETWORK_NAME,
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


class TrainingPlan(BaseModel):
    """All training settings except the data, the network and the seed. The optimizer is RMSprop.

    These settings affect the result. Any setting added here also appears in the settings of a run.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: int = Field(10, ge=1, le=1_000, description="Passes over the training reviews (epochs).")
    batch_size: int = Field(128, ge=1, le=10_000, description="Reviews per training step.")
    learning_rate: float = Field(0.001, gt=0, le=1, description="Learning rate of RMSprop.")
    class_weight: ClassWeight = Field(
        "none", description='Weight of the labels in the loss: "balanced" lets both count equally, however rare one is.'
    )
    validation: float = Field(
        0.2, gt=0, lt=1, description="Fraction of the training reviews, taken from the end, to validate on (0 to 1)."
    )


def claims_to_be_another(spec: ModelSpec) -> bool:
    """Whether a network has the name of a preset that is another kind of network, so that tables would mislead."""
    if spec.name not in get_args(PresetName):
        return False
    named = preset(cast(PresetName, spec.name), 1, 1, 0.0)
    return (spec.cell, len(spec.units), spec.bidirectional) != (named.cell, len(named.units), named.bidirectional)


def preset_of(spec: ModelSpec) -> PresetName | None:
    """The preset that is this network, whatever its name, if it is given the same sizes; None if there is none."""
    for name in get_args(PresetName):
        same = preset(name, spec.units[0], spec.embedding, spec.dropout)
        if spec.model_copy(update={"name": name}) == same:
            return cast(PresetName, name)
    return None


def preset(name: PresetName, units: int, embedding: int, dropout: float) -> ModelSpec:
    """The named network with the given sizes; `stacked_simple_rnn` has four recurrent layers."""
    cells: dict[PresetName, Cell] = {"lstm": "lstm", "bidirectional_lstm": "lstm", "gru": "gru"}
    return ModelSpec(
        name=name,
        cell=cells.get(name, "simple_rnn"),
        units=(units,) * (4 if name == "stacked_simple_rnn" else 1),
        embedding=embedding,
        bidirectional=name == "bidirectional_lstm",
        dropout=dropout,
    )
