"""Records of networks that leave the project: exported models, and the page that runs networks in a browser."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tasks.results.data import IMDB_RULES, LABELS, Labels, WordRules

ExportFormat = Literal["savedmodel", "onnx"]


@dataclass(frozen=True)
class Export:
    """An exported network that was checked.

    Attributes:
        folder: contains the model, `vocabulary.json`, `example.json` and `README.md`.
        format: the model's format.
        name: the network's name.
        label: the network's display name.
        vocabulary_size, max_length: size of the vocabulary, and number of tokens that the network reads.
        words: number of words with a rank, including those beyond the vocabulary; 0 if the data came without words.
        reviews: number of test reviews that it was checked on.
        differences: by kind of input, the largest difference between its probabilities and Keras's.
        versions: versions of the packages that it was made with.
        labels: the names of the network's labels.
        word_rules: how texts become words.
        example: a text with its tokens, without padding, and its probability; the text is empty without a vocabulary.
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
    labels: Labels = LABELS
    word_rules: WordRules = IMDB_RULES


MAX_WEIGHT_BYTES = 20_000_000  # For all networks of a page together, as float32.


@dataclass(frozen=True)
class ReaderNetwork:
    """A trained network at its epoch with the best balanced validation accuracy.

    Attributes:
        label: the name, with the seed if the run has several seeds.
        cell: "simple_rnn", "lstm" or "gru".
        units: number of units of each recurrent layer.
        bidirectional: whether it reads in both directions.
        epoch, balanced_accuracy: the epoch of the weights, and its balanced validation accuracy.
        weights: float32 weights, by their names in `tasks.models.saved`.
    """

    label: str
    cell: str
    units: tuple[int, ...]
    bidirectional: bool
    epoch: int
    balanced_accuracy: float
    weights: dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class ReaderPage:
    """The networks of a run, and what is needed to turn a text into their tokens.

    Attributes:
        run: name of the run.
        title: title of the run's data.
        vocabulary_size: tokens from this number on are unknown words.
        max_length: how many tokens the networks read, after padding or truncation at the start.
        ranks: the word index; words not in it are skipped.
        networks: the networks that the page contains.
        left_out: labels of the networks whose weights would make the page too large.
        labels: the names of the labels of the run's data.
        word_tables: how texts become words, by the rules `unicode`; empty for the rules `imdb`.
    """

    run: str
    title: str
    vocabulary_size: int
    max_length: int
    ranks: dict[str, int]
    networks: tuple[ReaderNetwork, ...]
    left_out: tuple[str, ...] = ()
    labels: Labels = LABELS
    word_tables: dict[str, str] = field(default_factory=dict)

    @property
    def is_usable(self) -> bool:
        """Whether the page has a network and a word index."""
        return bool(self.ranks and self.networks)
