import os
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow

from tasks.models import loading
from tasks.models.loading import new_learner, open_learner
from tasks.models.spec import PresetName, preset
from tests.conftest import ragged_tokens
from tests.tasks.models.networks import PRESETS


@pytest.mark.parametrize(
    ("name", "dropout", "engine"),
    [*((name, 0.0, "compiled loops") for name in PRESETS), ("lstm", 0.2, "Keras (dropout)")],
)
def test_a_saved_learner_opens_with_the_same_predictions_and_engine(
    name: PresetName, dropout: float, engine: str, tmp_path: Path
) -> None:
    spec = preset(name, 5, 4, dropout)
    learner = new_learner(spec, 30, 0.01, 3, 1)
    learner.model().save(tmp_path / "network.keras")
    opened = open_learner(spec, tmp_path / "network.keras", 1)
    tokens = ragged_tokens([1, 9, 5], 9, 30)
    assert learner.engine == opened.engine == engine
    assert np.array_equal(learner.predict(tokens), opened.predict(tokens))


def test_a_graphics_card_is_left_to_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    devices = tensorflow.config.list_physical_devices
    monkeypatch.setattr(
        tensorflow.config, "list_physical_devices", lambda kind=None: ["card"] if kind == "GPU" else devices(kind)
    )
    learner = new_learner(preset("lstm", 5, 4, 0.0), 30, 0.01, 3, 1)
    assert learner.engine == "Keras (a graphics card is present)"


def test_the_seed_decides_the_initial_weights() -> None:
    spec = preset("lstm", 5, 4, 0.0)
    first, again, other = (new_learner(spec, 30, 0.01, seed, 1).model().get_weights() for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_a_damaged_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "network.keras").write_bytes(b"broken")
    with pytest.raises(ValueError, match="network.keras"):
        open_learner(preset("lstm", 5, 4, 0.0), tmp_path / "network.keras", 1)


def test_a_model_that_brings_code_of_its_own_is_refused(tmp_path: Path) -> None:
    keras.Sequential([keras.Input((1,)), keras.layers.Lambda(lambda x: x)]).save(tmp_path / "network.keras")
    with pytest.raises(ValueError, match="Lambda"):
        open_learner(preset("lstm", 5, 4, 0.0), tmp_path / "network.keras", 1)


def test_many_networks_in_a_process_raise_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    loading.start_tensorflow(1)
    logger = tensorflow.get_logger()
    logger.warning("%d out of the last %d calls to %s triggered tf.function retracing. Tracing is expensive", 5, 5, "f")
    logger.warning("something else")
    assert [record.getMessage() for record in caplog.records] == ["something else"]


def test_start_notes_are_dropped_and_everything_else_is_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    with loading._without_start_notes():
        os.write(2, b"I0000 00:00:1 port.cc:153] oneDNN custom operations are on.\n")
        os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n")
        os.write(2, b"E0000 00:00:1 an error\n")
        os.write(2, b"Information\n")
    assert capfd.readouterr().err == "E0000 00:00:1 an error\nInformation\n"
