"""Saved networks: their `network.json`, weights and predictions, all without Keras."""

import math
import time
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeInt, StrictInt, TypeAdapter, ValidationError

from tasks.data.tokens import Tokens
from tasks.data.vocabulary import read_vocabulary
from tasks.errors import DataError, shortened
from tasks.machine import available_cores
from tasks.models.compiled_network import CompiledNetwork
from tasks.models.spec import ModelSpec, TrainingPlan
from tasks.results.data import Labels, WordRules, labels_of, word_rules_of
from tasks.storage.files import check_regular, read_json
from tasks.storage.layout import BEST, NETWORK, VOCABULARY

_WEIGHTS_FILE = "model.weights.h5"
# What the settings allow, too.
_Sizes = tuple[Annotated[StrictInt, Field(ge=4, le=1_000_000)], Annotated[StrictInt, Field(ge=2, le=5_000)]]
_CELL_WEIGHTS = ("kernel", "recurrent_kernel", "bias")


UNREADABLE = (
    DataError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    KeyError,
    OSError,
    RuntimeError,
    ValueError,
)
GATES = {"simple_rnn": 1, "lstm": 4, "gru": 3}
# A `.keras` file holds the weights and the optimizer's state, each about once, and a little more.
MAX_COPIES, MORE_BYTES = 4, 16 << 20


@dataclass(frozen=True)
class _Data:
    """What `network.json` says about the data."""

    title: str
    fingerprint: str
    origin: str
    source_sha256: str
    training_reviews: NonNegativeInt
    validation_reviews: NonNegativeInt
    test_reviews: NonNegativeInt


@dataclass(frozen=True)
class _Description:
    """What `network.json` says beyond the network itself."""

    seed: int
    training: TrainingPlan
    dataset: _Data


def weight_shapes(spec: ModelSpec, vocabulary_size: int) -> dict[str, tuple[int, ...]]:
    """Return the shape of each weight of a network, in the order of Keras's `model.get_weights()`.

    Keras's GRU has two biases, one for the inputs and one for the state.
    """
    shapes: dict[str, tuple[int, ...]] = {"embedding": (vocabulary_size, spec.embedding)}
    directions = ("forward", "backward") if spec.bidirectional else ("forward",)
    inputs = spec.embedding
    for layer, units in enumerate(spec.units):
        columns = GATES[spec.cell] * units
        bias = (2, columns) if spec.cell == "gru" else (columns,)
        for direction in directions:
            shapes |= {
                f"layer{layer}.{direction}.{name}": shape
                for name, shape in zip(_CELL_WEIGHTS, ((inputs, columns), (units, columns), bias), strict=True)
            }
        inputs = units * len(directions)
    return shapes | {"dense.kernel": (inputs, 1), "dense.bias": (1,)}


def read_saved_weights(spec: ModelSpec, vocabulary_size: int, path: Path) -> dict[str, NDArray[np.float32]]:
    """Read name -> weight from a `.keras` file, in the order of Keras's `model.get_weights()`.

    Nothing is read before its type and shape are known to be those of the network: the compiled loops trust them.

    Args:
        spec: the network that was saved.
        vocabulary_size: the number of rows of its embedding.
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
    shapes = weight_shapes(spec, vocabulary_size)
    most = MORE_BYTES + MAX_COPIES * 4 * sum(math.prod(shape) for shape in shapes.values())
    try:
        check_regular(path, str(path))
        with zipfile.ZipFile(path) as archive:
            size = archive.getinfo(_WEIGHTS_FILE).file_size
            if size > most:
                raise ValueError(f"{_WEIGHTS_FILE} has {size} bytes, expected at most {most}")
            with archive.open(_WEIGHTS_FILE) as file, h5py.File(file) as weights:
                return {name: _read_dataset(weights, dataset, shapes[name]) for name, dataset in datasets.items()}
    except UNREADABLE as error:
        reason = shortened(str(error).strip("\"'"), 120)
        raise ValueError(f"{path}: not a saved model of {spec.name} ({reason}); train the network again") from error


def _read_dataset(file: Any, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Read an array that lies in the file itself.

    Raises:
        ValueError: it is a link, lies in other files or in pieces, or has another shape or type.
    """
    found = file
    for part in name.split("/"):
        if not isinstance(found, h5py.Group) or not isinstance(found.get(part, getlink=True), h5py.HardLink):
            raise ValueError(f"{name} is missing or a link")
        found = found[part]
    if not isinstance(found, h5py.Dataset) or found.external or found.is_virtual:
        raise ValueError(f"{name} is not in the file itself")
    if found.chunks:  # Keras never writes pieces; a million small ones in a packed file take hours to read.
        raise ValueError(f"{name} is in pieces of {found.chunks}, expected one")
    if found.shape != shape or found.dtype != np.float32:
        raise ValueError(f"{name} has shape {found.shape} and type {found.dtype}, expected {shape} and float32")
    values: NDArray[np.float32] = found[()]
    return values


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
            vocabulary_size, max_length = TypeAdapter(_Sizes).validate_python(sizes)
            return cls(folder, spec, values["seed"], vocabulary_size, max_length, values)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}: no readable description of a network; train it again") from error

    @property
    def label(self) -> str:
        """The network's display name."""
        return f"{self.spec.name} seed {self.seed}"

    @property
    def labels(self) -> Labels:
        """The names of the labels that it was trained on."""
        return labels_of(self.description)

    @property
    def word_rules(self) -> WordRules:
        """How the texts that it reads become words.

        Raises:
            DataError: this version does not know its rules.
        """
        try:
            return word_rules_of(self.description)
        except ValueError as error:
            raise DataError(f"{self.folder / NETWORK}: {error}; train the network again") from error

    def check_description(self) -> None:
        """Check what drift and the model card take from `network.json`.

        Raises:
            DataError: it is missing or of another type.
        """
        try:
            TypeAdapter(_Description).validate_python(self.description)
        except ValidationError as error:
            fault = error.errors()[0]
            name = ".".join(map(str, fault["loc"]))
            raise DataError(f"{self.folder / NETWORK}: {name}: {fault['msg']}; train the network again") from error

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
        try:
            return list(read_saved_weights(self.spec, self.vocabulary_size, self.folder / BEST).values())
        except ValueError as error:
            raise DataError(str(error)) from error

    def check_tokens(self, tokens: Tokens) -> None:
        """Check that all tokens have a row in the embedding: the compiled loops trust them.

        Raises:
            DataError: a token is beyond the vocabulary.
        """
        largest = int(tokens.values.max(initial=0))
        if largest >= self.vocabulary_size:
            raise DataError(
                f"{self.folder}: found the token {largest} in the reviews, expected less than the vocabulary of "
                f"{self.vocabulary_size}; they are another network's, or damaged: repeat the run"
            )

    def predict(self, tokens: Tokens) -> "NetworkPredictions":
        """Predict the reviews' labels with `best.keras`.

        The compiled loops support every network here: they lack only dropout, which predictions do not use.

        Raises:
            DataError: the file cannot be read, or the vocabulary lacks a token.
        """
        self.check_tokens(tokens)
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
