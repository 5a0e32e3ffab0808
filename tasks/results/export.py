"""The record of an exported network."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ExportFormat = Literal["savedmodel", "onnx"]


@dataclass(frozen=True)
class Export:
    """An exported network that was checked.

    Attributes:
        folder: holds the model, `vocabulary.json`, `example.json` and `README.md`.
        format: of the model.
        name: of the network.
        label: the network for people.
        vocabulary_size, max_length: of the tokens that it reads.
        words: with a rank, those beyond the vocabulary included; 0 where the data came without words.
        reviews: how many test reviews it was checked on.
        differences: by kind of input, how far its probabilities are from Keras's at most.
        versions: of the packages with which it was made.
        example: a text with its tokens, those of padding left out, and its probability; no text without a vocabulary.
    """

    folder: Path
    format: ExportFormat
    name: str
    label: str
    vocabulary_size: int
    max_length: int
    words: int
    reviews: int
    differences: dict[str, float]
    versions: dict[str, str]
    example: dict[str, object]
