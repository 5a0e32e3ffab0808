"""The settings: one tree for the command line, the environment, the UI's run form and the run's record."""

import re
import shlex
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from cyclopts import Group, Parameter
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema, model_validator

from flows.data_settings import DataSettings, SettingsGroup
from tasks.models.spec import ModelSpec, PresetName, TrainingPlan, claims_to_be_another, preset
from tasks.results.promotion import GateLimits


class GateSettings(BaseModel):
    """What a candidate must achieve to become champion."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    margin: float = Field(
        0.5, ge=0, le=100, description="Smallest gain in test accuracy that is worth a promotion (points)."
    )
    non_inferior: float | None = Field(
        None,
        gt=0,
        le=100,
        description="Also promote a candidate that is shown to lose less than this, because it is cheaper or newer "
        "(points; default: never).",
    )
    floor: float = Field(
        0.6,
        ge=0,
        lt=1,
        description="Test accuracy that the first champion must exceed; balanced if one label is rare (0 to 1).",
    )
    slice_margin: float = Field(
        2.0, ge=0, le=100, description="Reject a candidate that is shown to lose more than this on a slice (points)."
    )
    slice_columns: list[str] = Field(
        [], description="Columns of your own texts whose values are slices, in addition to the lengths (names)."
    )

    def limits(self) -> GateLimits:
        """The limits as shares of reviews."""
        non_inferior = None if self.non_inferior is None else self.non_inferior / 100
        return GateLimits(
            margin=self.margin / 100,
            non_inferior=non_inferior,
            floor=self.floor,
            slice_margin=self.slice_margin / 100,
        )


class PromotionSettings(GateSettings):
    """Whether and when the best network of a run becomes champion."""

    promote: bool = Field(
        False,
        description="After the run, promote its best network by balanced validation accuracy if it passes the gate.",
    )


NAMED = ("epochs", "seed", "seed_of_day", "replicates")  # What the title names in words of its own.
Section = TypeVar("Section", bound=BaseModel)
RunnerName = Literal["process", "thread", "dask"]
RUNNERS = "Where branches run: in processes or threads on this machine, or on a Dask cluster."
# A thread cannot be interrupted, so it has no time limit.
WITHOUT_TIME_LIMIT = ("thread",)
SMOKE_REVIEWS, SMOKE_LENGTH = 256, 100
MAX_MINUTES = 366 * 24 * 60
LAST_SEED = 2**31 - 1001  # The seeds of 1,000 replicates fit into 31 bits.


class ModelSettings(SettingsGroup, title="Models"):
    """Which networks to train."""

    models: list[PresetName] = Field(["simple_rnn", "lstm"], description="Named networks to train side by side.")
    spec: Annotated[list[ModelSpec], Parameter(n_tokens=1)] = Field(
        [], description='Your own networks, each as JSON: \'{"name": "deep", "cell": "gru", "units": [64, 32]}\'.'
    )
    units: int = Field(32, ge=1, le=1024, description="Hidden units of each recurrent layer of the named networks.")
    embedding: int = Field(32, ge=1, le=1024, description="Dimensions of the word embedding of the named networks.")
    dropout: float = Field(
        0.0, ge=0, lt=1, description="Fraction of the inputs that the named networks drop during training (0 to 1)."
    )


class TrainingSettings(TrainingPlan, title="Training"):
    """How to train. The optimizer is RMSprop; the loss is binary cross-entropy."""

    seed: int = Field(1, ge=0, le=LAST_SEED, description="Seed for initial weights, batch order and dropout.")
    seed_of_day: bool = Field(
        False, description="Use the day of the run as the seed, such as 20261130; the run's record names it."
    )
    replicates: int = Field(
        1, ge=1, le=1_000, description="Train every network with this many seeds, starting at --seed (seeds)."
    )


def masked(address: str) -> str:
    """An address without the parts that may be secret: user, password and query."""
    without_user = re.sub(r"://[^/@]*@", "://***@", address)
    return re.sub(r"(://[^?]*)\?.+", r"\1?***", without_user, flags=re.DOTALL)


def _without_password(address: str | None) -> str | None:
    """Refuse an address with a password: settings appear in reports, the history and the UI."""
    if address and masked(address) != address:
        raise ValueError(
            "expected an address without a password or a query; keep credentials in fsspec's or the cloud's own file"
        )
    return address


# Makes Prefect's server reject such a parameter, instead of recording it with a run that fails.
WITHOUT_PASSWORD = {"type": "string", "pattern": r"^(?!.*://[^/@]*@)(?!.*://.*\?.)"}
SafeAddress = Annotated[
    str | None,
    AfterValidator(_without_password),
    WithJsonSchema({"anyOf": [WITHOUT_PASSWORD, {"type": "null"}]}),
]


class RunSettings(SettingsGroup, title="Run"):
    """Where and how to run."""

    outputs: Path = Field(Path("outputs"), description="Folder for data, models and reports.")
    runner: RunnerName = Field("process", description=RUNNERS)
    address: SafeAddress = Field(
        None, description="Address of a running Dask cluster (default: the run starts its own)."
    )
    share: SafeAddress = Field(
        None,
        description="Folder or fsspec URL, such as s3://bucket/rnn, through which machines without a common --outputs "
        "folder exchange data and trained networks.",
    )
    timeout: float = Field(
        1_440, gt=0, le=MAX_MINUTES, description="Time limit for training a branch; threads have none (minutes)."
    )
    minutes: float | None = Field(
        None,
        gt=0,
        le=MAX_MINUTES,
        description="Train until this time is over, then report what there is: every network at its last completed "
        "epoch. The same command without it resumes (minutes; default: no limit).",
    )
    keep: int | None = Field(
        None,
        ge=1,
        description="After the run, remove all but the newest N runs and their networks, but never the latest or the "
        "promoted run (default: keep all).",
    )
    fresh: bool = Field(
        False,
        description="Ignore stored results and redo every step; a download with the right SHA-256 is still used.",
    )
    smoke: bool = Field(
        False,
        description=f"A first look in seconds: {SMOKE_REVIEWS} reviews of {SMOKE_LENGTH} words, one epoch, the bundled "
        "sample unless --data or --source says otherwise.",
    )


def section(title: str, sort_key: int) -> Parameter:
    """A section of the settings: its fields are options of the command line, in a group of the help."""
    return Parameter(name="*", group=Group(title, sort_key=sort_key))


class Settings(SettingsGroup):
    """All settings of a run."""

    COMMAND: ClassVar[str] = "uv run flows/main.py"

    data: Annotated[DataSettings, section("Data", 0)] = DataSettings()
    models: Annotated[ModelSettings, section("Models", 1)] = ModelSettings()
    training: Annotated[TrainingSettings, section("Training", 2)] = TrainingSettings()
    run: Annotated[RunSettings, section("Run", 3)] = RunSettings()
    promotion: Annotated[PromotionSettings, section("Promotion", 4)] = PromotionSettings()

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [spec.name for spec in self.specs()]
        if not names:
            raise ValueError("models: found no network, expected at least one name or spec")
        if len(set(names)) < len(names):
            raise ValueError(f"models: found {names}, expected different names")
        misnamed = [spec.name for spec in self.models.spec if claims_to_be_another(spec)]
        if misnamed:
            raise ValueError(f"--spec: {misnamed[0]} names another kind of network; give this one a name of its own")
        return self

    @property
    def title(self) -> str:
        """The run's name in the UI: data, networks, epochs, seeds, and all other numbers that are not the defaults."""
        effective = self.effective()
        data = self.data.title or effective.data.source
        epochs, seeds = effective.training.epochs, effective.seeds()
        parts = [
            "smoke" if self.run.smoke else data,
            " + ".join(spec.name for spec in self.specs()),
            f"{epochs} epoch{'' if epochs == 1 else 's'}",
            f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {seeds[0]} to {seeds[-1]}",
            *self._other_numbers(),
        ]
        return ", ".join(parts)

    def _other_numbers(self) -> Iterator[str]:
        """Other numeric settings of data, networks and training that differ from their defaults.

        Words, such as the name of a column, are left out: they come from the data.
        """
        for group in (self.data, self.models, self.training):
            for name, value in group:
                default = type(group).model_fields[name].default
                if isinstance(value, int | float) and value != default and name not in NAMED:
                    yield f"{name.replace('_', ' ')} {value}"

    def specs(self) -> list[ModelSpec]:
        """The networks to train: the named ones, then those given by --spec."""
        m = self.models
        return [*(preset(name, m.units, m.embedding, m.dropout) for name in m.models), *m.spec]

    def seeds(self) -> list[int]:
        """The seeds with which every network is trained."""
        return [self.training.seed + replicate for replicate in range(self.training.replicates)]

    def effective(self) -> Self:
        """The settings that a run uses: `--smoke` and `--seed-of-day` set others, but not those that were given."""
        data, training = self.data, self.training
        if self.training.seed_of_day:
            day = int(f"{date.today():%Y%m%d}")
            training = training.model_copy(update={"seed": day, "seed_of_day": False})
        if self.run.smoke:
            source = "sample" if data.source == "auto" and not data.data else data.source
            data = _unless_given(data, source=source, reviews=SMOKE_REVIEWS, max_length=SMOKE_LENGTH)
            training = _unless_given(training, epochs=1)
        return self.model_copy(update={"data": data, "training": training})

    def plan(self) -> TrainingPlan:
        """How each network is trained."""
        return TrainingPlan(**self.training.model_dump(include=set(TrainingPlan.model_fields)))

    def command(self) -> str:
        """The command line that repeats this run: every setting that differs from its default."""
        words = [self.COMMAND]
        for group in (value for _, value in self):
            for name, field in type(group).model_fields.items():
                words += _argument(name, getattr(group, name), field.default)
        return " ".join(words)


def _unless_given(section: Section, **values: Any) -> Section:
    """The section with these values, but for fields that already differ from their defaults."""
    fields = type(section).model_fields
    changes = {name: value for name, value in values.items() if getattr(section, name) == fields[name].default}
    return section.model_copy(update=changes)


def _argument(name: str, value: Any, default: Any) -> list[str]:
    if value == default:
        return []
    option = f"--{name.replace('_', '-')}"
    if value is True:
        return [option]
    values = value if isinstance(value, list) else [value]
    texts = [item.model_dump_json() if isinstance(item, BaseModel) else str(item) for item in values]
    if any(text.startswith("-") for text in texts):  # They would look like options.
        return [f"{option}={shlex.quote(text)}" for text in texts]
    return [option, *(shlex.quote(text) for text in texts)]
