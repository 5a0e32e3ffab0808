"""The settings: one tree for the command line, the environment, the run form in the UI and the record of a run."""

import shlex
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from cyclopts import Group, Parameter
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tasks.models.spec import ModelSpec, PresetName, TrainingPlan, preset

RunnerName = Literal["process", "thread", "dask", "ray"]
SMOKE_REVIEWS, SMOKE_STEPS = 256, 100
BATCH, SAMPLE_BATCH = 128, 64


class Section(BaseModel):
    """A part of the settings. Unknown names are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DataSettings(Section):
    """Which reviews, and how they are cut."""

    data: Path | None = Field(None, description="An imdb.npz of your own; nothing else is tried then.")
    source: Literal["auto", "imdb", "sample"] = Field(
        "auto",
        description="auto: IMDB from the cache, Kaggle's folders or a download, without network the bundled sample; "
        "imdb: fail rather than use the sample; sample: the bundled sample.",
    )
    vocabulary_size: int = Field(
        10_000, ge=4, le=1_000_000, description="Size of the vocabulary (words, three special tokens included)."
    )
    max_length: int = Field(
        500, ge=2, le=5_000, description="Length of every review after padding and cutting in front (words)."
    )
    reviews: int | None = Field(
        None, ge=10, description="Use only the first N training and the first N test reviews (all if not given)."
    )


class ModelSettings(Section):
    """Which networks."""

    models: list[PresetName] = Field(["simple_rnn", "lstm"], description="Named networks to train side by side.")
    spec: Annotated[list[ModelSpec], Parameter(n_tokens=1)] = Field(
        [], description='Networks of your own, each as JSON: \'{"name": "deep", "cell": "gru", "units": [64, 32]}\'.'
    )
    units: int = Field(32, ge=1, le=1024, description="Hidden units of each recurrent layer of the named networks.")
    embedding: int = Field(32, ge=1, le=1024, description="Dimensions of the word embedding of the named networks.")
    dropout: float = Field(
        0.0, ge=0, lt=1, description="Share of inputs that the named networks drop in training (0 to 1)."
    )


class TrainingSettings(Section):
    """How to train. The optimizer is RMSprop, the loss binary cross-entropy."""

    epochs: int = Field(10, ge=1, le=1_000, description="Passes over the training reviews (epochs).")
    batch_size: int | None = Field(
        None,
        ge=1,
        le=10_000,
        description=f"Reviews a training step; if not given {BATCH}, and {SAMPLE_BATCH} on the bundled sample, "
        "which is much smaller.",
    )
    learning_rate: float = Field(0.001, gt=0, le=1, description="Learning rate of RMSprop.")
    validation: float = Field(
        0.2, gt=0, lt=1, description="Share of the training reviews, the last ones, to validate on (0 to 1)."
    )
    seed: int = Field(1, ge=0, le=2**31 - 1001, description="Seed of initial weights, batch order and dropout.")
    replicates: int = Field(
        1, ge=1, le=1_000, description="Train every network with that many seeds, from --seed on (seeds)."
    )


class RunSettings(Section):
    """Where and how to run."""

    outputs: Path = Field(Path("outputs"), description="Folder for data, models and reports.")
    runner: RunnerName = Field(
        "process",
        description="What branches run on: processes or threads of this machine, or a Dask or Ray cluster.",
    )
    address: str | None = Field(
        None, description="Address of a Dask or Ray cluster that is up; without it one is started for the run."
    )
    share: str | None = Field(
        None,
        description="Folder or address (fsspec URL, such as s3://bucket/rnn) through which machines that do not share "
        "--outputs exchange data and trained networks.",
    )
    timeout: float = Field(
        1_440, gt=0, description="Give up on a branch that trains longer, unless it runs in a thread (minutes)."
    )
    keep: int | None = Field(
        None,
        ge=1,
        description="After the run remove all but the newest N runs and the networks that only they used; never the "
        "latest or a promoted one (all are kept if not given).",
    )
    fresh: bool = Field(
        False,
        description="Make everything again, whatever is stored; a download whose SHA-256 is right is kept.",
    )
    smoke: bool = Field(
        False,
        description=f"A first look in seconds: {SMOKE_REVIEWS} reviews of {SMOKE_STEPS} words, one epoch, the bundled "
        "sample unless --data or --source says otherwise.",
    )


def _section(title: str, place: int) -> Parameter:
    return Parameter(name="*", group=Group(title, sort_key=place))


class Settings(Section):
    """Everything that a run can be told."""

    data: Annotated[DataSettings, _section("Data", 0)] = DataSettings()
    models: Annotated[ModelSettings, _section("Models", 1)] = ModelSettings()
    training: Annotated[TrainingSettings, _section("Training", 2)] = TrainingSettings()
    run: Annotated[RunSettings, _section("Run", 3)] = RunSettings()

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [spec.name for spec in self.specs()]
        if not names:
            raise ValueError("models: no network found, expected at least one name or spec")
        if len(set(names)) < len(names):
            raise ValueError(f"models: found {names}, expected names that differ")
        return self

    @property
    def title(self) -> str:
        """Name of the run for people."""
        return " + ".join(spec.name for spec in self.specs())

    def specs(self) -> list[ModelSpec]:
        """The networks to train, named ones first."""
        m = self.models
        return [*(preset(name, m.units, m.embedding, m.dropout) for name in m.models), *m.spec]

    def seeds(self) -> list[int]:
        """The seeds that every network is trained with."""
        return [self.training.seed + replicate for replicate in range(self.training.replicates)]

    def effective(self) -> "Settings":
        """The settings with `--smoke` spelled out."""
        if not self.run.smoke:
            return self
        source = "sample" if self.data.source == "auto" and self.data.data is None else self.data.source
        data = self.data.model_copy(update={"source": source, "reviews": SMOKE_REVIEWS, "max_length": SMOKE_STEPS})
        return self.model_copy(update={"data": data, "training": self.training.model_copy(update={"epochs": 1})})

    def plan(self, sample: bool) -> TrainingPlan:
        """How to train on the bundled sample or on other reviews."""
        t = self.training
        batch = t.batch_size or (SAMPLE_BATCH if sample else BATCH)
        return TrainingPlan(t.epochs, batch, t.learning_rate, t.validation)

    def record(self, sample: bool) -> dict[str, Any]:
        """The settings as plain values, with the batch size that was used on the bundled sample or on other reviews."""
        values = self.model_dump(mode="json")
        values["training"]["batch_size"] = self.plan(sample).batch_size
        return values

    def command(self) -> str:
        """The command line that repeats this run: every setting that is not the default."""
        words = ["python flows/main.py"]
        for section in (self.data, self.models, self.training, self.run):
            for name in type(section).model_fields:
                words += _argument(name, getattr(section, name), type(section).model_fields[name].default)
        return " ".join(words)


def _argument(name: str, value: Any, default: Any) -> list[str]:
    if value == default:
        return []
    option = f"--{name.replace('_', '-')}"
    if value is True:
        return [option]
    values = value if isinstance(value, list) else [value]
    texts = [item.model_dump_json() if isinstance(item, BaseModel) else str(item) for item in values]
    return [option, *(shlex.quote(text) for text in texts)]


def setting_fault(error: Exception) -> str:
    """One line for each wrong setting: its name, what was found, what was expected."""
    cause = error.__cause__
    if not isinstance(cause, ValidationError):
        return str(error)
    lines = []
    for fault in cause.errors():
        places = [str(place) for place in fault["loc"] if not isinstance(place, int)]
        name = f"--{places[1].replace('_', '-')}" if len(places) > 1 else ""
        found = f" {fault['input']!r} found;" if name else ""
        lines.append(f"{name}{found} {fault['msg'].removeprefix('Value error, ').removeprefix('Input ')}".strip())
    return "\n".join(lines)
