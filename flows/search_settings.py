"""The settings of a sweep: those of a run, and which of them to search."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self, cast, get_args

from pydantic import BaseModel, Field, TypeAdapter, ValidationError, model_validator

from flows.data_settings import NEEDS_VALUE, DataSettings, SettingsGroup
from flows.settings import LAST_SEED, ModelSettings, Settings, TrainingSettings, section
from tasks.errors import shortened
from tasks.models.spec import ModelSpec, PresetName, TrainingPlan, preset, preset_of
from tasks.results.sweep import Dimension, PrunerName, SamplerName, Value

# A range of learning rates needs a logarithmic scale; sizes are powers of 2 in most papers.
DEFAULT_SEARCH = [
    "cell=simple_rnn,lstm,gru",
    "units=16..64:log",
    "embedding=16..64:log",
    "learning_rate=3e-4..1e-2:log",
    "batch_size=32,64,128,256",
]
FORM = "expected NAME=VALUE,VALUE or NAME=LOW..HIGH, with :log behind it for a logarithmic scale"
SHAPE = ("cell", "layers", "bidirectional")  # What a preset decides.
LARGEST_GRID = 100_000


class Named(BaseModel):
    """Settings that have another form in a run."""

    models: PresetName
    layers: int = Field(ge=1, le=8)


def _adapter(owner: type[BaseModel], name: str) -> TypeAdapter[Any]:
    """What checks a value against the type and the bounds of a setting."""
    field = owner.model_fields[name]
    bounded: Any = Annotated[field.annotation, field]
    return TypeAdapter(bounded)


SEARCHED: dict[str, TypeAdapter[Any]] = {
    "models": _adapter(Named, "models"),
    "cell": _adapter(ModelSpec, "cell"),
    "layers": _adapter(Named, "layers"),
    "units": _adapter(ModelSettings, "units"),
    "embedding": _adapter(ModelSettings, "embedding"),
    "bidirectional": _adapter(ModelSpec, "bidirectional"),
    "dropout": _adapter(ModelSettings, "dropout"),
    "epochs": _adapter(TrainingPlan, "epochs"),
    "batch_size": _adapter(TrainingPlan, "batch_size"),
    "learning_rate": _adapter(TrainingPlan, "learning_rate"),
    "class_weight": _adapter(TrainingPlan, "class_weight"),
    "max_length": _adapter(DataSettings, "max_length"),
    "vocabulary_size": _adapter(DataSettings, "vocabulary_size"),
}
OF_TRAINING = ("epochs", "batch_size", "learning_rate", "class_weight")
OF_DATA = ("max_length", "vocabulary_size")


def dimension(text: str) -> Dimension:
    """The searched setting that a text such as "units=16,32" or "learning_rate=1e-4..1e-2:log" describes.

    Raises:
        ValueError: the text has another form, names no setting that can be searched, or a value is out of bounds.
    """
    option = f"--search {shortened(text)}"
    name, equals, values = text.partition("=")
    name = name.strip().replace("-", "_")
    if not equals or not values.strip() or "..." in values:
        raise ValueError(f"{option}: {FORM}")
    if name not in SEARCHED:
        raise ValueError(f"{option}: {shortened(name)} cannot be searched; what can: {', '.join(SEARCHED)}")
    if ".." in values:
        return _range(option, name, values)
    choices = tuple(_checked(option, name, value) for value in values.split(","))
    if len(set(choices)) < len(choices) or len(choices) < 2:
        raise ValueError(f"{option}: found {len(set(choices))} different of {len(choices)} values, expected 2 or more")
    return Dimension(name, choices)


def _range(option: str, name: str, values: str) -> Dimension:
    bounds, colon, scale = values.partition(":")
    ends = [_checked(option, name, end) for end in bounds.split("..")]
    if len(ends) != 2 or (colon and scale.strip() != "log"):
        raise ValueError(f"{option}: {FORM}")
    low, high = ends
    if isinstance(low, (str, bool)) or isinstance(high, (str, bool)):
        raise ValueError(f"{option}: {name} has no range; give its values, separated by commas")
    if low >= high:
        raise ValueError(f"{option}: found the bounds {low:g} and {high:g}, expected the lower one first")
    if colon and low <= 0:
        raise ValueError(f"{option}: found the bound {low:g}, expected more than 0 for a logarithmic scale")
    return Dimension(name, low=low, high=high, is_log=bool(colon), is_integer=isinstance(low, int))


def _checked(option: str, name: str, text: str) -> Value:
    """The value of a text, within the setting's own bounds."""
    try:
        value: Value = SEARCHED[name].validate_python(text.strip())
    except ValidationError as error:
        message = error.errors()[0]["msg"].replace("Input should", "it should")
        raise ValueError(f"{option}: found {shortened(repr(text.strip()))}; {message}") from None
    return value


class SearchSettings(SettingsGroup, title="Search"):
    """Which settings to search, and how."""

    search: Annotated[list[str], NEEDS_VALUE] = Field(
        DEFAULT_SEARCH,
        min_length=1,
        description="Settings to search, each NAME=VALUE,VALUE,… or NAME=LOW..HIGH, with :log behind it for a "
        f"logarithmic scale. NAME is one of {', '.join(SEARCHED)}.",
    )
    trials: int = Field(
        30, ge=1, le=10_000, description="How many settings to try in all, the present ones included (trials)."
    )
    finalists: int = Field(
        3,
        ge=1,
        le=20,
        description="How many of the best trials to train again with --replicates other seeds, and to test (trials).",
    )
    sampler: SamplerName = Field(
        "tpe", description="How settings are proposed: by what did well before, at random, or all values in turn."
    )
    pruner: PrunerName = Field(
        "median",
        description="median: stop a trial once it is worse than half of the earlier ones after as many epochs.",
    )

    def dimensions(self) -> tuple[Dimension, ...]:
        """The searched settings."""
        return tuple(dimension(text) for text in self.search)

    @model_validator(mode="after")
    def _can_be_searched(self) -> Self:
        dimensions = self.dimensions()
        names = [each.name for each in dimensions]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"--search: found {name} twice; give all its values at once")
        if "models" in names and (also := [name for name in SHAPE if name in names]):
            raise ValueError(f"--search: found models and {also[0]}, which models decide; give one of them")
        if self.sampler == "grid":
            ranges = [each.name for each in dimensions if each.is_range]
            if ranges:
                raise ValueError(f"--sampler grid: {ranges[0]} has a range; give its values, separated by commas")
            size = math.prod(len(each.values) for each in dimensions)
            if size > LARGEST_GRID:
                raise ValueError(f"--sampler grid: found {size:,} combinations, expected at most {LARGEST_GRID:,}")
        return self


class SweepTraining(TrainingSettings, title="Training"):
    """How to train; several seeds confirm what was found."""

    # The last one leaves room for the finalists' first seed.
    seed: int = Field(1, ge=0, le=LAST_SEED - 1, description="Seed of all trials; the finalists have those behind it.")
    replicates: int = Field(
        3,
        ge=1,
        le=1_000,
        description="Train each finalist with this many seeds that no trial used, from --seed + 1 on (seeds).",
    )


class SweepSettings(Settings):
    """All settings of a sweep. The search starts from those that a run has, too."""

    COMMAND: ClassVar[str] = "uv run flows/main.py sweep"

    training: Annotated[SweepTraining, section("Training", 2)] = SweepTraining()
    search: Annotated[SearchSettings, section("Search", 0)] = SearchSettings()

    @model_validator(mode="after")
    def _starts_from_one_network(self) -> Self:
        network, names = self.network(), [each.name for each in self.search.dimensions()]
        if self.data.training_sizes:
            raise ValueError("--training-sizes: found in a sweep; give them to a run with the winner's command")
        # Trial 0 would be another network than the present one.
        if "models" in names and network.name not in get_args(PresetName):
            raise ValueError(
                f"--search models: found the network {network.name}, expected one of --models to start from"
            )
        if "units" in names and len(set(network.units)) > 1:
            raise ValueError(
                f"--search units: found layers of {', '.join(map(str, network.units))} units in {network.name}, "
                "expected equal ones; search other settings, or start from another network"
            )
        return self

    def network(self) -> ModelSpec:
        """The network that the search starts from: the only one that is given, otherwise the first of the default.

        Raises:
            ValueError: several networks are given.
        """
        models, specs = self.models.models, self.models.spec
        if models == ModelSettings.model_fields["models"].default:
            models = [] if specs else models[:1]
        sizes = self.models.units, self.models.embedding, self.models.dropout
        found = [*(preset(name, *sizes) for name in models), *specs]
        if len(found) != 1:
            names = ", ".join(spec.name for spec in found) or "none"
            raise ValueError(f"sweep: found the networks {names}; expected one to start from, such as --models lstm")
        return found[0]

    def present(self) -> dict[str, Value]:
        """The present values of the searched settings."""
        spec = self.network()
        values: dict[str, Value] = {
            "models": spec.name,
            "cell": spec.cell,
            "layers": len(spec.units),
            "units": spec.units[0],
            "embedding": spec.embedding,
            "bidirectional": spec.bidirectional,
            "dropout": spec.dropout,
            **self.training.model_dump(include=set(OF_TRAINING)),
            **self.data.model_dump(include=set(OF_DATA)),
        }
        return {each.name: values[each.name] for each in self.search.dimensions()}

    def with_values(self, values: Mapping[str, Value], seed: int, replicates: int = 1) -> Settings:
        """The settings of a run that trains one network with these values of the searched settings."""
        training = self.training.model_dump(include=set(TrainingPlan.model_fields))
        training |= {name: values[name] for name in OF_TRAINING if name in values}
        data = self.data.model_copy(update={name: values[name] for name in OF_DATA if name in values})
        return Settings(
            data=data,
            models=models_of(with_shape(self.network(), values)),
            training=TrainingSettings(**training, seed=seed, replicates=replicates),
            run=self.run.model_copy(update={"minutes": None, "keep": None, "fresh": False, "smoke": False}),
        )

    @property
    def title(self) -> str:
        """The sweep's name in the UI."""
        data = self.data.title or self.effective().data.source
        names = ", ".join(each.name.replace("_", " ") for each in self.search.dimensions())
        trials = f"{self.search.trials} trial{'' if self.search.trials == 1 else 's'}"
        return f"sweep of {trials}, {'smoke' if self.run.smoke else data}: {names}"


def with_shape(spec: ModelSpec, values: Mapping[str, Value]) -> ModelSpec:
    """A network with the values of searched settings; it has the name of a preset of its kind, if there is one."""
    if "models" in values:
        named = preset(cast(PresetName, values["models"]), 1, 1, 0.0)
        shape: dict[str, Any] = {
            "cell": named.cell, "layers": len(named.units), "bidirectional": named.bidirectional,
        }  # fmt: skip
    else:
        shape = {name: values[name] for name in SHAPE if name in values}
    units = spec.units
    if "units" in values or shape.get("layers", len(units)) != len(units):
        units = (int(values.get("units", units[0])),) * shape.get("layers", len(units))
    changes = {name: value for name, value in shape.items() if name != "layers"}
    changes |= {name: values[name] for name in ("embedding", "dropout") if name in values}
    changed = ModelSpec(**{**spec.model_dump(), **changes, "units": units})
    return changed.model_copy(update={"name": _name(spec, changed)})


def _name(before: ModelSpec, spec: ModelSpec) -> str:
    """The name of a changed network: that of the preset of its kind, its own, or what it is."""
    if before.name not in get_args(PresetName):
        return before.name
    both = "bidirectional_" if spec.bidirectional else ""
    return preset_of(spec) or f"{both}{spec.cell}_{len(spec.units)}_layers"


def models_of(spec: ModelSpec) -> ModelSettings:
    """The settings with which a run trains this network alone."""
    name = preset_of(spec)
    if name == spec.name and name is not None:
        return ModelSettings(models=[name], units=spec.units[0], embedding=spec.embedding, dropout=spec.dropout)
    return ModelSettings(models=[], spec=[spec])
