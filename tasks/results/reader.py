"""Records of what the reader computes with: the page in which networks read what a person types."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
        weights: by the names of `tasks.models.saved_weights`, float32.
    """

    label: str
    cell: str
    units: tuple[int, ...]
    bidirectional: bool
    epoch: int
    validation_accuracy: float
    weights: dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Reader:
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
