"""Exports of a small trained network, checked in processes without the project."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from artifacts.wording.export_readme import export_readme
from tasks.export import Examples, check, export
from tasks.job import Job
from tasks.models.spec import TrainingPlan, preset
from tasks.results.data import Dataset
from tasks.results.errors import DataError, PipelineError
from tasks.results.export import Export, ExportFormat
from tasks.storage.files import write_json
from tasks.train import train

INDEX = {f"word{rank}" if rank % 5 else f"wörd{rank}\x85": rank for rank in range(1, 61)}


def readme(result: Export) -> str:
    return export_readme(result)


@pytest.fixture
def network(dataset: Dataset, tmp_path: Path) -> Path:
    """The folder of a small LSTM with a vocabulary."""
    folder = train(
        Job(
            preset("lstm", 6, 5, 0.0),
            TrainingPlan(epochs=1, batch_size=16, learning_rate=0.01, validation=0.25),
            dataset,
            1,
            tmp_path,
        )
    ).folder
    write_json(folder / "vocabulary.json", {word: rank for word, rank in INDEX.items() if rank < 47})
    return folder


@pytest.mark.parametrize("kind", ["savedmodel", "onnx"])
def test_an_export_says_what_keras_says(network: Path, dataset: Dataset, tmp_path: Path, kind: ExportFormat) -> None:
    result = export(network, dataset.test.path, tmp_path / "out", kind, readme)
    assert set(result.differences) == ({"texts", "tokens"} if kind == "savedmodel" else {"tokens"})
    assert max(result.differences.values()) <= 1e-5
    assert result.reviews == 60
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"README.md", "example.json", "vocabulary.json", "1" if kind == "savedmodel" else "model.onnx"}
    example = json.loads((tmp_path / "out" / "example.json").read_text())
    assert example == result.example
    assert example["tokens"][0] == 1
    text = (tmp_path / "out" / "README.md").read_text()
    assert ("docker run" in text) == (kind == "savedmodel")
    assert "on 60 test reviews" in text


def test_words_beyond_the_vocabulary_are_2_where_the_whole_index_is_there(
    network: Path, dataset: Dataset, tmp_path: Path
) -> None:
    write_json(network / "word_index.json", INDEX)
    result = export(network, dataset.test.path, tmp_path / "out", "savedmodel", readme)
    assert max(result.differences.values()) <= 1e-5


def test_a_folder_in_use_is_refused(network: Path, dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "file").touch()
    with pytest.raises(PipelineError, match="something is there already"):
        export(network, dataset.test.path, tmp_path / "out", "onnx", readme)


def test_texts_need_a_vocabulary(network: Path, dataset: Dataset, tmp_path: Path) -> None:
    write_json(network / "vocabulary.json", {})
    with pytest.raises(DataError, match="use --format onnx"):
        export(network, dataset.test.path, tmp_path / "out", "savedmodel", readme)
    assert export(network, dataset.test.path, tmp_path / "out", "onnx", readme).format == "onnx"


@pytest.mark.parametrize("kind", ["savedmodel", "onnx"])
def test_a_model_that_differs_from_keras_is_not_written(
    network: Path, dataset: Dataset, tmp_path: Path, kind: ExportFormat, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*arguments: object) -> Examples:
        examples = made(*arguments)
        return replace(examples, probability=examples.probability + np.float32(3e-5))

    from tasks import export as step

    made = step._examples
    monkeypatch.setattr(step, "_examples", wrong)
    with pytest.raises(PipelineError, match="differs from Keras by 3"):
        export(network, dataset.test.path, tmp_path / "out", kind, readme)
    assert not (tmp_path / "out").exists()
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".out")] == []


def test_a_model_that_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"broken")
    examples = Examples(np.zeros((1, 3), np.int32), np.zeros(1), ("",), np.zeros((1, 3), np.int32), np.zeros(1))
    with pytest.raises(PipelineError, match="cannot be used"):
        check(tmp_path / "model.onnx", "onnx", examples)
