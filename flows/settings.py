"""The settings: one tree for the command line, the environment, the UI's run form and the run's record."""

import re
import shlex
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from cyclopts import Group, Parameter
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema, model_validator

from flows.setting_types import LabelValues, Paths
from tasks.data.readers.label_values import Bound, bound_of, label_key
from tasks.errors import shortened
from tasks.models.spec import ModelSpec, PresetName, TrainingPlan, claims_to_be_another, preset
from tasks.results.data import TEST_SHARE, TextData, VocabularyKind
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
NEEDS_VALUE = Parameter(consume_multiple=1)  # Without a value, the option would have no effect.
Section = TypeVar("Section", bound=BaseModel)


class SettingsGroup(BaseModel):
    """A part of the settings. It rejects unknown names, and its values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DataSettings(SettingsGroup, title="Data"):
    """Which reviews to use, and how to truncate them."""

    data: Paths = Field(
        [],
        description="Your own data; no other source is tried. An imdb.npz; or labelled texts: .csv, .tsv, "
        ".parquet and JSON Lines (.jsonl, .ndjson, .json) files (or .csv.gz and so on), patterns, folders of such "
        "files, or a folder like aclImdb (train/pos, train/neg, test/pos, test/neg).",
    )
    test_data: Paths = Field([], description="The test part of your own texts, in the same forms as --data.")
    test_share: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Fraction of your own texts to test on, in fair shares of both labels, if no test part is given "
        f"(default: {TEST_SHARE}).",
    )
    group_column: str | None = Field(
        None,
        min_length=1,
        description="Name of a column of groups, such as authors: rows of one group are not split between training, "
        "validation and test part.",
    )
    text_column: str = Field("text", min_length=1, description="Name of the column of texts.")
    label_column: str = Field(
        "label",
        min_length=1,
        description="Name of the column of labels: 0/1, -1/1, false/true, neg/pos, negative/positive, or others with "
        "--positive.",
    )
    positive: Annotated[LabelValues, NEEDS_VALUE] = Field(
        [],
        description="The label that means positive; the other one then means negative. With several labels, or a bound "
        "on numbers such as '>=7', all others mean negative.",
    )
    drop: Annotated[LabelValues, NEEDS_VALUE] = Field(
        [], description="Labels whose rows are left out, such as neutral or -1; '' for rows without a label."
    )
    vocabulary: VocabularyKind = Field(
        "training",
        description="The vocabulary for your own texts. training: the words of the training part, by frequency; "
        "imdb: the words of Keras's IMDB word index.",
    )
    source: Literal["auto", "imdb", "sample"] = Field(
        "auto",
        description="auto: IMDB from the cache, Kaggle's folders or a download, or the bundled sample if there is no "
        "network; imdb: fail rather than use the sample; sample: the bundled sample.",
    )
    vocabulary_size: int = Field(
        10_000,
        ge=4,
        le=1_000_000,
        description="Size of the vocabulary, including three special tokens (words).",
    )
    max_length: int = Field(
        500,
        ge=2,
        le=5_000,
        description="Length of every review: longer ones lose their start, shorter ones are padded at the start "
        "(words).",
    )
    reviews: int | None = Field(
        None, ge=10, description="Use only the first N training and the first N test reviews (default: all)."
    )

    @model_validator(mode="after")
    def _settings_fit_the_data(self) -> Self:
        if self.test_data and self.test_share is not None:
            raise ValueError("--test-data and --test-share: found both, expected one; the test part is already given")
        if self._npz() is not None and len(self.data) > 1:
            raise ValueError(f"--data: found {len(self.data)} files including an .npz, expected the .npz alone")
        of_texts = [
            name
            for name in ("test_data", "test_share", "group_column", "positive", "drop")
            if getattr(self, name) not in (None, [])
        ]
        if of_texts and (not self.data or self._npz() is not None):
            option = f"--{of_texts[0].replace('_', '-')}"
            raise ValueError(f"{option}: found without texts of your own, expected --data with texts as well")
        if not all(value.strip() for value in self.positive):
            raise ValueError("--positive: found an empty label, expected the label that means positive")
        for option, values in (("--positive", self.positive), ("--drop", self.drop)):
            _check_different(option, values)
        both = {label_key(value) for value in self.drop} & {label_key(value) for value in self.positive}
        if both:
            raise ValueError(f"--positive and --drop: both name the label {min(both)[:40]!r}, expected one to do so")
        return self

    def given(self) -> Path | TextData | None:
        """The user's own data: an `imdb.npz`, texts, or nothing."""
        if not self.data:
            return None
        return self._npz() or TextData(
            data=tuple(self.data),
            test_data=tuple(self.test_data),
            text_column=self.text_column,
            label_column=self.label_column,
            positive=tuple(self.positive),
            drop=tuple(self.drop),
            group_column=self.group_column,
            test_share=TEST_SHARE if self.test_share is None else self.test_share,
            vocabulary=self.vocabulary,
        )

    @property
    def title(self) -> str:
        """What the title of a run says about the user's own data; empty if there are none."""
        given = self.given()
        return given.title if isinstance(given, TextData) else given.name if given else ""

    def _npz(self) -> Path | None:
        return next((path for path in self.data if path.suffix.lower() == ".npz"), None)


def _check_different(option: str, values: Sequence[str]) -> None:
    """Refuse two spellings of one label or bound, such as 1 and 1.0, because rows can match only one of them."""
    seen: dict[str | Bound, str] = {}
    for value in values:
        key = bound_of(value) or label_key(value)
        if key in seen:
            first, second = shortened(repr(seen[key])), shortened(repr(value))
            raise ValueError(f"{option}: {first} and {second} are the same label; give one of them")
        seen[key] = value


RunnerName = Literal["process", "thread", "dask"]
RUNNERS = "Where branches run: in processes or threads on this machine, or on a Dask cluster."
# A thread cannot be interrupted, so it has no time limit.
WITHOUT_TIME_LIMIT = ("thread",)
SMOKE_REVIEWS, SMOKE_LENGTH = 256, 100
MAX_MINUTES = 366 * 24 * 60


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

    seed: int = Field(1, ge=0, le=2**31 - 1001, description="Seed for initial weights, batch order and dropout.")
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


def _section(title: str, sort_key: int) -> Parameter:
    return Parameter(name="*", group=Group(title, sort_key=sort_key))


class Settings(SettingsGroup):
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
        for section in (self.data, self.models, self.training):
            for name, value in section:
                default = type(section).model_fields[name].default
                if isinstance(value, int | float) and value != default and name not in NAMED:
                    yield f"{name.replace('_', ' ')} {value}"

    def specs(self) -> list[ModelSpec]:
        """The networks to train: the named ones, then those given by --spec."""
        m = self.models
        return [*(preset(name, m.units, m.embedding, m.dropout) for name in m.models), *m.spec]

    def seeds(self) -> list[int]:
        """The seeds with which every network is trained."""
        return [self.training.seed + replicate for replicate in range(self.training.replicates)]

    def effective(self) -> "Settings":
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
        words = ["uv run flows/main.py"]
        for section in (self.data, self.models, self.training, self.run, self.promotion):
            for name in type(section).model_fields:
                words += _argument(name, getattr(section, name), type(section).model_fields[name].default)
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
