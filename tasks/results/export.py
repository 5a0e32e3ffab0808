"""Records of networks that leave the project: exported models, and the page that computes in a browser."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

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


MAX_WEIGHT_BYTES = 20_000_000  # Of all networks of a page together, as float32.


@dataclass(frozen=True)
class ReaderNetwork:
    """A trained network at its epoch with the best validation accuracy.

    Attributes:
        label: name and, where the run has several, seed.
        cell: "simple_rnn", "lstm" or "gru".
        units: of each recurrent layer.
        bidirectional: whether it reads in both directions.
        epoch, validation_accuracy: of the weights.
        weights: by the names of `tasks.models.saved`, float32.
    """

    label: str
    cell: str
    units: tuple[int, ...]
    bidirectional: bool
    epoch: int
    validation_accuracy: float
    weights: dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class ReaderPage:
    """The networks of a run and what turns a text into their tokens.

    Attributes:
        run: name of the run.
        title: of its data.
        vocabulary_size: tokens from here on are unknown words.
        max_length: tokens that the networks read, after padding and truncation in front.
        ranks: the word index. Words that are not in it are skipped.
        networks: those that the page computes.
        left_out: labels of networks whose weights would make the page too large.
    """

    run: str
    title: str
    vocabulary_size: int
    max_length: int
    ranks: dict[str, int]
    networks: tuple[ReaderNetwork, ...]
    left_out: tuple[str, ...] = ()

    @property
    def is_usable(self) -> bool:
        """Whether there is a network to read with, and a word to read."""
        return bool(self.ranks and self.networks)
