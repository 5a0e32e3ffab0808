import shutil
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from tasks.data.tokens import Tokens
from tasks.errors import DataError
from tasks.models.keras_learner import build
from tasks.models.saved import SavedNetwork, read_saved_weights, weight_shapes
from tasks.models.spec import ModelSpec
from tests.tasks.models.networks import REFERENCE_NETWORKS

SPECS = [*REFERENCE_NETWORKS, ModelSpec(name="dropout", cell="simple_rnn", units=(6,), embedding=5, dropout=0.1)]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_equals_the_weights_that_keras_saved(spec: ModelSpec, tmp_path: Path) -> None:
    build(spec, vocabulary_size=20, learning_rate=0.01, seed=1)  # Keras counts the layers of a process.
    model = build(spec, vocabulary_size=20, learning_rate=0.01, seed=2)
    model.save(tmp_path / "best.keras")
    weights = read_saved_weights(spec, 20, tmp_path / "best.keras")
    assert len(weights) == len(model.get_weights())
    for ours, keras in zip(weights.values(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, keras)
        assert ours.dtype == np.float32


def test_names_say_layer_and_direction(tmp_path: Path) -> None:
    spec = REFERENCE_NETWORKS[-1]
    build(spec, vocabulary_size=20, learning_rate=0.01, seed=2).save(tmp_path / "best.keras")
    shapes = {name: array.shape for name, array in read_saved_weights(spec, 20, tmp_path / "best.keras").items()}
    assert shapes["embedding"] == (20, 4)
    assert shapes["layer0.forward.kernel"] == (4, 15)
    assert shapes["layer1.backward.recurrent_kernel"] == (3, 9)
    assert shapes["layer1.forward.bias"] == (2, 9)
    assert shapes["dense.kernel"] == (6, 1)


def test_refuses_what_is_not_the_network(tmp_path: Path) -> None:
    lstm, gru = REFERENCE_NETWORKS[1:3]
    build(lstm, vocabulary_size=20, learning_rate=0.01, seed=2).save(tmp_path / "best.keras")
    with pytest.raises(ValueError, match="not a saved model of gru .*; train the network again"):
        read_saved_weights(gru, 20, tmp_path / "best.keras")
    (tmp_path / "torn.keras").write_bytes((tmp_path / "best.keras").read_bytes()[:500])
    with pytest.raises(ValueError, match="torn.keras: not a saved model of lstm"):
        read_saved_weights(lstm, 20, tmp_path / "torn.keras")


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_shapes_follow_from_the_description(spec: ModelSpec) -> None:
    model = build(spec, vocabulary_size=20, learning_rate=0.01, seed=2)
    assert list(weight_shapes(spec, 20).values()) == [weight.shape for weight in model.get_weights()]


NAMES = ("layers/embedding/vars/0", "layers/lstm/cell/vars/1", "layers/dense/vars/1")


def replaced(file: h5py.File, name: str, how: str, folder: Path) -> None:
    """Put something else in place of an array."""
    array = file[name][()]
    del file[name]
    with h5py.File(folder / "other.h5", "w") as other:
        other["x"] = array
    match how:
        case "shorter":
            file[name] = array[:-1]
        case "larger":
            file[name] = np.concatenate([array, array])
        case "other order":
            file[name] = np.ascontiguousarray(np.expand_dims(array, 0))
        case "other type":
            file[name] = array.astype(np.float64)
        case "text":
            file[name] = "0.5"
        case "group":
            file.create_group(name)
        case "packed bomb":
            file.create_dataset(name, (40_000, 40_000), np.float32, chunks=(4_000, 4_000), compression="gzip")
        case "pieces":
            file.create_dataset(name, data=array, chunks=(1,) * array.ndim)
        case "stored elsewhere":
            (folder / "secret").write_bytes(array.tobytes())
            file.create_dataset(name, array.shape, np.float32, external=str(folder / "secret"))
        case "virtual":
            layout = h5py.VirtualLayout(array.shape, np.float32)
            layout[...] = h5py.VirtualSource(folder / "other.h5", "x", array.shape)
            file.create_virtual_dataset(name, layout)
        case "link to a file":
            file[name] = h5py.ExternalLink(str(folder / "other.h5"), "x")
        case "link":
            file["elsewhere"] = array
            file[name] = h5py.SoftLink("/elsewhere")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The saved weights of an LSTM."""
    folder = tmp_path_factory.mktemp("saved")
    build(REFERENCE_NETWORKS[1], vocabulary_size=20, learning_rate=0.01, seed=2).save(folder / "best.keras")
    with zipfile.ZipFile(folder / "best.keras") as archive:
        return Path(archive.extract("model.weights.h5", folder))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "how",
    [
        "missing", "shorter", "larger", "other order", "other type", "text", "group", "packed bomb", "pieces",
        "stored elsewhere", "virtual", "link to a file", "link",
    ],
)  # fmt: skip
def test_no_array_but_the_expected_one_is_read(saved: Path, tmp_path: Path, name: str, how: str) -> None:
    lstm = REFERENCE_NETWORKS[1]
    shutil.copy(saved, tmp_path)
    with h5py.File(tmp_path / "model.weights.h5", "r+") as file:
        actual = next(each for each in (name, name.replace("lstm", "lstm_1")) if each in file)
        replaced(file, actual, how, tmp_path)
    with zipfile.ZipFile(tmp_path / "best.keras", "w") as archive:
        archive.write(tmp_path / "model.weights.h5", "model.weights.h5")
    with pytest.raises(ValueError, match=f"not a saved model of lstm \\({actual} .*; train the network again"):
        read_saved_weights(lstm, 20, tmp_path / "best.keras")


def test_a_member_that_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    with (
        zipfile.ZipFile(tmp_path / "best.keras", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("model.weights.h5", "w", force_zip64=True) as member,
    ):
        for _ in range(100):
            member.write(bytes(1 << 20))
    with pytest.raises(ValueError, match="model.weights.h5 has 104857600 bytes, expected at most"):
        read_saved_weights(REFERENCE_NETWORKS[1], 20, tmp_path / "best.keras")


def test_tokens_beyond_the_vocabulary_are_refused(tmp_path: Path) -> None:
    saved = SavedNetwork(tmp_path, REFERENCE_NETWORKS[0], 1, 20, 3, {})
    with pytest.raises(DataError, match="found the token 20 in the reviews, expected less than the vocabulary of 20"):
        saved.predict(Tokens.from_padded(np.array([[0, 1, 19], [1, 2, 20]], np.uint8)))


def test_a_description_without_its_data_is_refused(tmp_path: Path) -> None:
    saved = SavedNetwork(tmp_path, REFERENCE_NETWORKS[0], 1, 20, 3, {"seed": 1, "training": {}})
    with pytest.raises(DataError, match="network.json: dataset: .*train the network again"):
        saved.check_description()
