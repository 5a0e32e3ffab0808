"""The settings: one tree for the command line, the environment, the run form in the UI and the record of a run."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Self

from cyclopts import CycloptsError, Group, Parameter, UnusedCliTokensError
from cyclopts.argument import Argument
from pydantic import AfterValidator, BaseModel, Field, ValidationError, WithJsonSchema, model_validator
from pydantic_core import ErrorDetails

from flows.data_settings import DataSettings, Section
from flows.gate_settings import PromotionSettings
from flows.runners import DESCRIPTION, RunnerName
from tasks.models.spec import ModelSpec, PresetName, TrainingOptions, TrainingPlan, preset
from tasks.results.errors import shortened

SMOKE_REVIEWS, SMOKE_LENGTH = 256, 100
BATCH, SAMPLE_BATCH = 128, 64
MAX_MINUTES = 366 * 24 * 60


class ModelSettings(Section):
    """Which networks to train."""

    models: list[PresetName] = Field(["simple_rnn", "lstm"], description="Named networks to train side by side.")
    spec: Annotated[list[ModelSpec], Parameter(n_tokens=1)] = Field(
        [], description='Your own networks, each as JSON: \'{"name": "deep", "cell": "gru", "units": [64, 32]}\'.'
    )
    units: int = Field(32, ge=1, le=1024, description="Hidden units of each recurrent layer of the named networks.")
    embedding: int = Field(32, ge=1, le=1024, description="Dimensions of the word embedding of the named networks.")
    dropout: float = Field(
        0.0, ge=0, lt=1, description="Fraction of the inputs that the named networks drop in training (0 to 1)."
    )


class TrainingSettings(TrainingOptions):
    """How to train. The optimizer is RMSprop, the loss binary cross-entropy."""

    batch_size: int | None = Field(
        None,
        ge=1,
        le=10_000,
        description=f"Reviews per training step (default: {BATCH}; {SAMPLE_BATCH} on the small bundled sample).",
    )
    seed: int = Field(1, ge=0, le=2**31 - 1001, description="Seed for initial weights, batch order and dropout.")
    replicates: int = Field(
        1, ge=1, le=1_000, description="Train every network with this many seeds, starting at --seed (seeds)."
    )


def masked(address: str) -> str:
    """An address without what may be secret in it: user, password and query."""
    without_user = re.sub(r"://[^/@]*@", "://***@", address)
    return re.sub(r"(://[^?]*)\?.+", r"\1?***", without_user, flags=re.DOTALL)


def _without_password(address: str | None) -> str | None:
    """Settings stand in reports, the history and the UI: a password must not be among them."""
    if address and masked(address) != address:
        raise ValueError(
            "expected an address without a password or a query; keep credentials in fsspec's or the cloud's own file"
        )
    return address


# Lets Prefect's server refuse such a parameter, instead of keeping it with a run that fails.
WITHOUT_PASSWORD = {"type": "string", "pattern": r"^(?!.*://[^/@]*@)(?!.*://.*\?.)"}
Address = Annotated[
    str | None,
    AfterValidator(_without_password),
    WithJsonSchema({"anyOf": [WITHOUT_PASSWORD, {"type": "null"}]}),
]


class RunSettings(Section):
    """Where and how to run."""

    outputs: Path = Field(Path("outputs"), description="Folder for data, models and reports.")
    runner: RunnerName = Field("process", description=DESCRIPTION)
    address: Address = Field(
        None, description="Address of a running Dask or Ray cluster (default: the run starts its own)."
    )
    share: Address = Field(
        None,
        description="Folder or fsspec URL, such as s3://bucket/rnn, through which machines without a common --outputs "
        "folder exchange data and trained networks.",
    )
    timeout: float = Field(
        1_440, gt=0, le=MAX_MINUTES, description="Time limit for training a branch; threads have none (minutes)."
    )
    keep: int | None = Field(
        None,
        ge=1,
        description="After the run, remove all but the newest N runs and their networks; the latest and the promoted "
        "run always stay (default: keep all).",
    )
    fresh: bool = Field(
        False,
        description="Ignore stored results and redo every step; a download with the right SHA-256 is kept.",
    )
    smoke: bool = Field(
        False,
        description=f"A first look in seconds: {SMOKE_REVIEWS} reviews of {SMOKE_LENGTH} words, one epoch, the bundled "
        "sample unless --data or --source says otherwise.",
    )


def _section(title: str, sort_key: int) -> Parameter:
    return Parameter(name="*", group=Group(title, sort_key=sort_key))


class Settings(Section):
    """All settings of a run."""

    data: Annotated[DataSettings, _section("Data", 0)] = DataSettings()
    models: Annotated[ModelSettings, _section("Models", 1)] = ModelSettings()
    training: Annotated[TrainingSettings, _section("Training", 2)] = TrainingSettings()
    run: Annotated[RunSettings, _section("Run", 3)] = RunSettings()
    promotion: Annotated[PromotionSettings, _section("Promotion", 4)] = PromotionSettings()

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [spec.name for spec in self.specs()]
        if not names:
            raise ValueError("models: found no network, expected at least one name or spec")
        if len(set(names)) < len(names):
            raise ValueError(f"models: found {names}, expected different names")
        return self

    @property
    def title(self) -> str:
        """The run's name in the UI: its data, networks, epochs and seeds, and the numbers that are not the defaults."""
        effective = self.effective()
        data = self.data.title or effective.data.source
        epochs, seeds = effective.training.epochs, self.seeds()
        parts = [
            "smoke" if self.run.smoke else data,
            " + ".join(spec.name for spec in self.specs()),
            f"{epochs} epoch{'' if epochs == 1 else 's'}",
            f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {seeds[0]} to {seeds[-1]}",
            *self._other_numbers(),
        ]
        return ", ".join(parts)

    def _other_numbers(self) -> Iterator[str]:
        """The numbers of data, networks and training that the title does not hold yet, where they are not the defaults.

        Words, such as the name of a column, stay out: they come from the data.
        """
        for section in (self.data, self.models, self.training):
            for name, value in section:
                default = type(section).model_fields[name].default
                if isinstance(value, int | float) and value != default and name not in ("epochs", "seed", "replicates"):
                    yield f"{name.replace('_', ' ')} {value}"

    def specs(self) -> list[ModelSpec]:
        """The networks to train: the named ones, then those given by --spec."""
        m = self.models
        return [*(preset(name, m.units, m.embedding, m.dropout) for name in m.models), *m.spec]

    def seeds(self) -> list[int]:
        """The seeds with which every network is trained."""
        return [self.training.seed + replicate for replicate in range(self.training.replicates)]

    def effective(self) -> "Settings":
        """The settings with the effects of `--smoke` applied."""
        if not self.run.smoke:
            return self
        source = "sample" if self.data.source == "auto" and not self.data.data else self.data.source
        small = {"source": source, "reviews": SMOKE_REVIEWS, "max_length": SMOKE_LENGTH}
        data = self.data.model_copy(update=small)
        return self.model_copy(update={"data": data, "training": self.training.model_copy(update={"epochs": 1})})

    def plan(self, sample: bool) -> TrainingPlan:
        """The training plan; `sample` says whether the reviews are the bundled sample, which takes smaller batches."""
        t = self.training
        batch = t.batch_size or (SAMPLE_BATCH if sample else BATCH)
        return TrainingPlan(**t.model_dump(include=set(TrainingOptions.model_fields)), batch_size=batch)

    def record(self, sample: bool) -> dict[str, Any]:
        """The settings as JSON values, with the batch size that `plan(sample)` uses."""
        values = self.model_dump(mode="json")
        values["training"]["batch_size"] = self.plan(sample).batch_size
        return values

    def command(self) -> str:
        """The command line that repeats this run: every setting that differs from its default."""
        words = ["uv run flows/main.py"]
        for section in (self.data, self.models, self.training, self.run, self.promotion):
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


def setting_error(error: CycloptsError) -> str:
    """One line for each wrong setting: its option or environment variable as the user wrote it, and what is wrong."""
    if isinstance(error, UnusedCliTokensError):
        extra = " ".join(map(repr, error.unused_tokens or ()))
        return f"found {extra}, which belongs to no option; --help lists commands and options"
    cause = error.__cause__
    if not isinstance(cause, ValidationError):
        return str(error)
    keywords = dict(_keywords(error.argument)) if error.argument else {}
    return "\n".join(_fault(fault, keywords) for fault in cause.errors())


def _keywords(argument: Argument) -> Iterator[tuple[tuple[str, ...], str]]:
    """The path in the settings tree of each given setting, and the option or environment variable that gave it."""
    if argument.tokens and argument.tokens[0].keyword:
        yield argument.keys, argument.tokens[0].keyword
    for child in argument.children:
        yield from _keywords(child)


def _fault(fault: ErrorDetails, keywords: dict[tuple[str, ...], str]) -> str:
    message = fault["msg"].removeprefix("Value error, ")
    path = tuple(str(part) for part in fault["loc"])
    keyword = keywords.get(path[:2])
    if keyword is None:
        return message
    field = next((part for part in path[2:] if not part.isdigit()), None)
    name = f"{keyword}, {field}" if field else keyword
    expected = re.sub("^(Input|String) should", "it should", message)
    value = fault["input"]
    found = repr(masked(value)) if isinstance(value, str) else masked(repr(value))
    return f"{name}: found {shortened(found)}; {expected}"
