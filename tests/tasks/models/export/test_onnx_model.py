"""ONNX models against Keras's, for every cell."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from tasks.models.export.onnx_model import write_onnx
from tasks.models.keras_learner import build
from tasks.models.spec import Cell, ModelSpec

onnxruntime = pytest.importorskip("onnxruntime")


@pytest.mark.parametrize(
    ("cell", "units", "bidirectional"),
    [*product(("simple_rnn", "lstm", "gru"), ((5,), (6, 4)), (False, True))],
)
def test_probabilities_are_those_of_keras(
    tmp_path: Path, cell: Cell, units: tuple[int, ...], bidirectional: bool
) -> None:
    spec = ModelSpec(name="net", cell=cell, units=units, embedding=7, bidirectional=bidirectional, dropout=0.2)
    model, random = build(spec, 50, 0.001, 1), np.random.default_rng(0)
    for weight in model.trainable_variables:
        weight.assign(random.normal(0, 0.5, weight.shape))
    write_onnx(model, tmp_path / "model.onnx")
    tokens = random.integers(0, 50, (9, 13)).astype(np.int32)
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    (found,) = session.run(None, {"tokens": tokens})
    np.testing.assert_allclose(found, model.predict(tokens, verbose=0)[:, 0], atol=1e-6)
    assert session.run(None, {"tokens": tokens[:1, :3]})[0].shape == (1,)
