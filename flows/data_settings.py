"""The settings of the data: which reviews, and how to cut them."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from cyclopts import Parameter
from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from tasks.results.texts import TEST_SHARE, TextData, VocabularyKind

RENAMED = {"words": "vocabulary_size", "steps": "max_length"}  # Former names, accepted until 1.0.
PATH = {"type": "string", "format": "path"}


class Section(BaseModel):
    """A part of the settings. Unknown names are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _allow_former_names(schema: dict[str, Any]) -> None:
    """Prefect checks parameters by the JSON schema: former names pass, but the run form does not show them."""
    fields = schema["properties"]
    schema["patternProperties"] = {f"^{former}$": fields[name] for former, name in RENAMED.items()}


def _as_list(value: Any) -> Any:
    """One path is a list of one, as settings of earlier versions have it."""
    if value is None:
        return []
    return [value] if isinstance(value, str | Path) else value


Paths = Annotated[
    list[Path],
    BeforeValidator(_as_list),
    WithJsonSchema({"anyOf": [{"type": "array", "items": PATH}, PATH, {"type": "null"}]}),
]


class DataSettings(Section):
    """Which reviews to use, and how to cut them."""

    model_config = ConfigDict(json_schema_extra=_allow_former_names)

    data: Paths = Field(
        [],
        description="Your own data; no other source is tried. An imdb.npz; or texts with labels: .csv, .parquet and "
        ".jsonl files, patterns of them, or a folder like aclImdb (train/pos, train/neg, test/pos, test/neg).",
    )
    test_data: Paths = Field([], description="The test part of your own texts, in the same forms as --data.")
    test_share: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Fraction of your own texts to test on, chosen by a hash of the text, where no test part is given "
        f"(default: {TEST_SHARE}).",
    )
    text_column: str = Field("text", min_length=1, description="Name of the column of texts.")
    label_column: str = Field(
        "label",
        min_length=1,
        description="Name of the column of labels: 0/1, false/true, neg/pos, negative/positive, or see --positive.",
    )
    positive: str | None = Field(
        None, min_length=1, description="The label that means positive; the other one then means negative."
    )
    vocabulary: VocabularyKind = Field(
        "training",
        description="Which words your own texts are read with. training: those of the training part, by frequency; "
        "imdb: those of Keras's IMDB word index.",
    )
    source: Literal["auto", "imdb", "sample"] = Field(
        "auto",
        description="auto: IMDB from the cache, Kaggle's folders or a download, or the bundled sample if there is no "
        "network; imdb: fail rather than use the sample; sample: the bundled sample.",
    )
    vocabulary_size: Annotated[int, Parameter(name=("--vocabulary-size", "--words"))] = Field(
        10_000,
        ge=4,
        le=1_000_000,
        validation_alias=AliasChoices("vocabulary_size", "words"),
        description="Size of the vocabulary, including three special tokens (words).",
    )
    max_length: Annotated[int, Parameter(name=("--max-length", "--steps"))] = Field(
        500,
        ge=2,
        le=5_000,
        validation_alias=AliasChoices("max_length", "steps"),
        description="Length of every review: longer ones lose their start, shorter ones are padded in front (words).",
    )
    reviews: int | None = Field(
        None, ge=10, description="Use only the first N training and the first N test reviews (default: all)."
    )

    @model_validator(mode="after")
    def _settings_fit_the_data(self) -> Self:
        if self.test_data and self.test_share is not None:
            raise ValueError("--test-data and --test-share: found both, expected one; the test part is already given")
        if self._npz() is not None and len(self.data) > 1:
            raise ValueError(f"--data: found {len(self.data)} files with an .npz among them, expected it alone")
        of_texts = [name for name in ("test_data", "test_share", "positive") if getattr(self, name) not in (None, [])]
        if of_texts and (not self.data or self._npz() is not None):
            option = f"--{of_texts[0].replace('_', '-')}"
            raise ValueError(f"{option}: found without texts of your own, expected --data with texts beside it")
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
            positive=self.positive,
            test_share=TEST_SHARE if self.test_share is None else self.test_share,
            vocabulary=self.vocabulary,
        )

    @property
    def title(self) -> str:
        """The user's own data for the title of a run; empty if there are none."""
        given = self.given()
        return given.title if isinstance(given, TextData) else given.name if given else ""

    def _npz(self) -> Path | None:
        return next((path for path in self.data if path.suffix == ".npz"), None)
