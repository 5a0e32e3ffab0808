from pathlib import Path

import numpy as np
import pytest

from tasks.models.keras_learner import build
from tasks.models.saved import read_saved_weights
from tasks.models.spec import ModelSpec
from tests.tasks.models.networks import REFERENCE_NETWORKS

SPECS = [*REFERENCE_NETWORKS, ModelSpec(name="dropout", cell="simple_rnn", units=(6,), embedding=5, dropout=0.1)]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_equals_the_weights_that_keras_saved(spec: ModelSpec, tmp_path: Path) -> None:
    build(spec, vocabulary_size=20, learning_rate=0.01, seed=1)  # Keras counts the layers of a process.
    model = build(spec, vocabulary_size=20, learning_rate=0.01, seed=2)
    model.save(tmp_path / "best.keras")
    weights = read_saved_weights(spec, tmp_path / "best.keras")
    assert len(weights) == len(model.get_weights())
    for ours, keras in zip(weights.values(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, keras)
        assert ours.dtype == np.float32


def test_names_say_layer_and_direction(tmp_path: Path) -> None:
    spec = REFERENCE_NETWORKS[-1]
    build(spec, vocabulary_size=20, learning_rate=0.01, seed=2).save(tmp_path / "best.keras")
    shapes = {name: array.shape for name, array in read_saved_weights(spec, tmp_path / "best.keras").items()}
    assert shapes["embedding"] == (20, 4)
    assert shapes["layer0.forward.kernel"] == (4, 15)
    assert shapes["layer1.backward.recurrent_kernel"] == (3, 9)
    assert shapes["layer1.forward.bias"] == (2, 9)
    assert shapes["dense.kernel"] == (6, 1)


def test_refuses_what_is_not_the_network(tmp_path: Path) -> None:
    lstm, gru = REFERENCE_NETWORKS[1:3]
    build(lstm, vocabulary_size=20, learning_rate=0.01, seed=2).save(tmp_path / "best.keras")
    with pytest.raises(ValueError, match="not a saved model of gru .*; train the network again"):
        read_saved_weights(gru, tmp_path / "best.keras")
    (tmp_path / "torn.keras").write_bytes((tmp_path / "best.keras").read_bytes()[:500])
    with pytest.raises(ValueError, match="torn.keras: not a saved model of lstm"):
        read_saved_weights(lstm, tmp_path / "torn.keras")
