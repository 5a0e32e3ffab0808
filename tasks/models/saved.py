"""Saved networks: their `network.json`, weights and predictions, all without Keras."""

import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveInt, TypeAdapter

from tasks.data.tokens import Tokens
from tasks.data.vocabulary import read_vocabulary
from tasks.errors import DataError
from tasks.machine import available_cores
from tasks.models.compiled_network import CompiledNetwork
from tasks.models.spec import ModelSpec
from tasks.storage.files import read_json
from tasks.storage.layout import BEST, NETWORK, VOCABULARY

_WEIGHTS_FILE = "model.weights.h5"
_CELL_WEIGHTS = ("kernel", "recurrent_kernel", "bias")


def read_saved_weights(spec: ModelSpec, path: Path) -> dict[str, NDArray[np.float32]]:
    """Read name -> weight from a `.keras` file, in the order of Keras's `model.get_weights()`.

    Args:
        spec: the network that was saved.
        path: the file.

    Returns:
        `embedding` (vocabulary size, features); for each recurrent layer, counted from 0,
        `layer0.forward.kernel`, `layer0.forward.recurrent_kernel` and `layer0.forward.bias`, with gates in Keras's
        order, and `layer0.backward.…` if the network is bidirectional; `dense.kernel` (units, 1) and `dense.bias` (1,).

    Raises:
        ValueError: the file is not a saved model of this network.
    """
    datasets = {"embedding": "layers/embedding/vars/0"}
    for layer in range(len(spec.units)):
        datasets |= _recurrent_datasets(spec, layer)
    datasets |= {"dense.kernel": "layers/dense/vars/0", "dense.bias": "layers/dense/vars/1"}
    try:
        with zipfile.ZipFile(path) as archive, archive.open(_WEIGHTS_FILE) as file, h5py.File(file) as weights:
            return {name: np.asarray(weights[dataset], np.float32) for name, dataset in datasets.items()}
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        reason = str(error).strip("\"'")[:80]
        raise ValueError(f"{path}: not a saved model of {spec.name} ({reason}); train the network again") from error


def _recurrent_datasets(spec: ModelSpec, layer: int) -> dict[str, str]:
    """Map the name of each weight of a recurrent layer to its dataset in the file.

    Keras names layers in a file after their class and numbers them per class.
    """
    number = f"_{layer}" if layer else ""
    if spec.bidirectional:
        cells = {side: f"layers/bidirectional{number}/{side}_layer/cell" for side in ("forward", "backward")}
    else:
        cells = {"forward": f"layers/{spec.cell}{number}/cell"}
    return {
        f"layer{layer}.{direction}.{weight}": f"{cell}/vars/{position}"
        for direction, cell in cells.items()
        for position, weight in enumerate(_CELL_WEIGHTS)
    }


@dataclass(frozen=True)
class SavedNetwork:
    """A trained network's folder.

    Attributes:
        folder: contains `best.keras`, `network.json`, `vocabulary.json`.
        spec: the network.
        seed: the seed that the network was trained with.
        vocabulary_size, max_length: the number of distinct tokens, and the length of a token sequence.
        description: the contents of `network.json`.
    """

    folder: Path
    spec: ModelSpec
    seed: int
    vocabulary_size: int
    max_length: int
    description: dict[str, Any]

    @classmethod
    def read(cls, folder: Path) -> "SavedNetwork":
        """Read the network in a folder.

        Raises:
            DataError: the folder has no readable `network.json`.
        """
        path = folder / NETWORK
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
        """The network's display name."""
        return f"{self.spec.name} seed {self.seed}"

    def word_index(self, of_data: Path) -> dict[str, int]:
        """Return word -> rank: all ranked words if the data include them, else the vocabulary; empty without words.

        Args:
            of_data: `word_index.json` of the training data. Unlike the vocabulary, it distinguishes unknown words,
                which become 2, from words without a rank, which are skipped.

        Raises:
            DataError: the file cannot be read.
        """
        return read_vocabulary(of_data if of_data.is_file() else self.folder / VOCABULARY)

    def weights(self) -> list[NDArray[np.float32]]:
        """Read the weights of `best.keras`, in Keras's order, without TensorFlow.

        Raises:
            DataError: the file cannot be read, or contains a different network from the one in `network.json`.
        """
        path = self.folder / BEST
        try:
            weights = read_saved_weights(self.spec, path)
        except ValueError as error:
            raise DataError(str(error)) from error
        units = [len(weights[f"layer{layer}.forward.recurrent_kernel"]) for layer in range(len(self.spec.units))]
        found = (*weights["embedding"].shape, *units)
        expected = (self.vocabulary_size, self.spec.embedding, *self.spec.units)
        if found != expected:  # With other sizes, the compiled loops would read beyond the arrays.
            raise DataError(f"{path}: found sizes {found}, expected {expected} as in network.json; train it again")
        return list(weights.values())

    def predict(self, tokens: Tokens) -> "NetworkPredictions":
        """Predict the reviews' labels with `best.keras`.

        The compiled loops support every network here: they lack only dropout, which predictions do not use.

        Raises:
            DataError: the file cannot be read.
        """
        weights = self.weights()
        network = CompiledNetwork(self.spec, weights, available_cores())
        network.predict(tokens[:1])
        started = time.perf_counter()
        probabilities = network.predict(tokens)
        seconds = time.perf_counter() - started
        speed = len(tokens.values) / max(seconds, 1e-9)
        return NetworkPredictions(probabilities, speed, sum(weight.size for weight in weights))


class NetworkPredictions(NamedTuple):
    """Probabilities of "positive", float32, shape (reviews,); words read per second; number of parameters."""

    probabilities: NDArray[np.float32]
    words_per_second: float
    parameters: int
