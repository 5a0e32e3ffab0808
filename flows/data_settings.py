"""The settings of the data, and the types of settings that may be given in several ways.

These are the ways: on the command line, in the environment, in YAML, in the UI.
"""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from cyclopts import Parameter
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from tasks.data.readers.label_values import Bound, bound_of, label_key
from tasks.errors import shortened
from tasks.results.data import TEST_SHARE, TextData, VocabularyKind, VocabularyOf

PATH = {"type": "string", "format": "path"}


def _as_list(value: Any) -> Any:
    """Wrap a single path in a list: the UI's run form submits it without one."""
    if value is None:
        return []
    return [value] if isinstance(value, str | Path) else value


def _words_of(_: Any, value: str, **__: Any) -> list[str]:
    """The values in an environment variable, which are separated and quoted as in a shell."""
    try:
        return shlex.split(value)
    except ValueError:  # A quote is not closed.
        return [value]


Paths = Annotated[
    list[Path],
    BeforeValidator(_as_list),
    WithJsonSchema({"anyOf": [{"type": "array", "items": PATH}, PATH, {"type": "null"}]}),
]


def _as_labels(value: Any) -> Any:
    """Labels as texts: YAML and JSON have numbers and booleans, too, and the run form submits one without a list."""
    values = [] if value is None else value if isinstance(value, list) else [value]
    return [each if isinstance(each, str) else json.dumps(each, ensure_ascii=False) for each in values]


LABEL = {"type": ["string", "number", "boolean"]}
LabelValues = Annotated[
    list[str],
    BeforeValidator(_as_labels),
    WithJsonSchema({"anyOf": [{"type": "array", "items": LABEL}, LABEL, {"type": "null"}]}),
    Parameter(env_var_split=_words_of),
]

NEEDS_VALUE = Parameter(consume_multiple=1)  # Without a value, the option would have no effect.


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

    training_sizes: Annotated[list[Annotated[int, Field(ge=2)] | Literal["all"]], NEEDS_VALUE] = Field(
        [],
        description="Also train every network on this many of the reviews to train on, in fair shares of both labels, "
        "to tell how much more data would bring; all, which is always among them, is the run itself (reviews).",
    )
    vocabulary_of: VocabularyOf = Field(
        "subset",
        description="The vocabulary for --training-sizes. subset: the most frequent words of each subset; all: that of "
        "the run.",
    )

    @model_validator(mode="after")
    def _sizes_differ(self) -> Self:
        for size in self.training_sizes:
            if self.training_sizes.count(size) > 1:
                raise ValueError(f"--training-sizes: found {size} twice; give it once")
        if self.vocabulary_of != "subset" and not self.training_sizes:
            raise ValueError("--vocabulary-of: found without --training-sizes, which it is about")
        return self

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
