"""Saved networks: what `network.json` beside their files says, and their predictions."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveInt, TypeAdapter

from tasks.data.vocabulary import read_vocabulary
from tasks.models.compiled_network import CompiledNetwork
from tasks.models.machine import available_cores
from tasks.models.saved_weights import read_saved_weights
from tasks.models.spec import ModelSpec
from tasks.results.errors import DataError
from tasks.storage.files import read_json


@dataclass(frozen=True)
class SavedNetwork:
    """A trained network's folder.

    Attributes:
        folder: holds `best.keras`, `network.json`, `vocabulary.json`.
        spec: the network.
        seed: with which it was trained.
        vocabulary_size, max_length: of the tokens that it reads.
        description: all that `network.json` says.
    """

    folder: Path
    spec: ModelSpec
    seed: int
    vocabulary_size: int
    max_length: int
    description: dict[str, Any]

    @classmethod
    def read(cls, folder: Path) -> "SavedNetwork":
        """The network in a folder.

        Raises:
            DataError: the folder holds no readable `network.json`.
        """
        path = folder / "network.json"
        try:
            values = read_json(path)
            spec = ModelSpec.model_validate(values["network"])
            sizes = [values[name] for name in ("vocabulary_size", "max_length")]
            vocabulary_size, max_length = TypeAdapter(list[PositiveInt]).validate_python(sizes, strict=True)
            return cls(folder, spec, values["seed"], vocabulary_size, max_length, values)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}: no readable description of a network; train it again") from error

    @property
    def label(self) -> str:
        """The network's name for people."""
        return f"{self.spec.name} seed {self.seed}"

    def word_index(self, of_data: Path) -> dict[str, int]:
        """All words with a rank, where its data have them, else those of the vocabulary; empty without words.

        Args:
            of_data: `word_index.json` of the data that it learned from. It tells unknown words, which become 2, from
                words without a rank, which are skipped; the vocabulary alone does not.

        Raises:
            DataError: the file cannot be read.
        """
        return read_vocabulary(of_data if of_data.is_file() else self.folder / "vocabulary.json")

    def weights(self) -> list[NDArray[np.float32]]:
        """The weights of `best.keras`, in Keras's order, read without TensorFlow.

        Raises:
            DataError: the file cannot be read, or holds another network than `network.json` describes.
        """
        path = self.folder / "best.keras"
        try:
            weights = read_saved_weights(self.spec, path)
        except ValueError as error:
            raise DataError(str(error)) from error
        units = [len(weights[f"layer{layer}.forward.recurrent_kernel"]) for layer in range(len(self.spec.units))]
        found = (*weights["embedding"].shape, *units)
        expected = (self.vocabulary_size, self.spec.embedding, *self.spec.units)
        if found != expected:  # The compiled loops would read beyond the ends of the arrays.
            raise DataError(f"{path}: found sizes {found}, expected {expected} as in network.json; train it again")
        return list(weights.values())

    def predict(self, tokens: NDArray[np.unsignedinteger]) -> "Predictions":
        """What `best.keras` says of reviews.

        The compiled loops cover every network here: what they lack is dropout, which predictions do without.

        Raises:
            DataError: the file cannot be read.
        """
        weights = self.weights()
        network = CompiledNetwork(self.spec, weights, available_cores())
        network.predict(tokens[:1])
        started = time.perf_counter()
        probabilities = network.predict(tokens)
        seconds = time.perf_counter() - started
        words = int(np.count_nonzero(tokens))
        return Predictions(probabilities, words / max(seconds, 1e-9), sum(weight.size for weight in weights))


class Predictions(NamedTuple):
    """Probabilities of "positive", float32, shape (reviews,); words read per second; parameters of the network."""

    probabilities: NDArray[np.float32]
    words_per_second: float
    parameters: int
