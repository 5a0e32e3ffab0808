"""The weights in a saved Keras model's file, read without importing Keras."""

import zipfile
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from tasks.models.spec import ModelSpec

_WEIGHTS_FILE = "model.weights.h5"
_CELL_WEIGHTS = ("kernel", "recurrent_kernel", "bias")


def read_saved_weights(spec: ModelSpec, path: Path) -> dict[str, NDArray[np.float32]]:
    """Every weight of the network in a `.keras` file, by name, in the order of Keras's `model.get_weights()`.

    Args:
        spec: the network that was saved.
        path: the file.

    Returns:
        `embedding` (vocabulary size, features); for each recurrent layer, counted from 0, and each direction
        `layer0.forward.kernel`, `layer0.forward.recurrent_kernel` and `layer0.forward.bias` with Keras's blocks of
        gates, `layer0.backward.…` where the network is bidirectional; `dense.kernel` (units, 1) and `dense.bias` (1,).

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
    """The name of each weight of a recurrent layer, with its place in the file.

    Keras names the layers of a file after their class and counts them per class.
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
