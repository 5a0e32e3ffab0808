"""Exports of a small trained network, checked in processes without the project."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from artifacts.wording.export_readme import export_readme
from tasks.data.parquet import read_tokens
from tasks.data.tokenizer import Tokenizer
from tasks.data.tokens import Tokens
from tasks.errors import DataError, PipelineError
from tasks.export import Examples, _texts, check, export
from tasks.models.saved import NetworkPredictions, SavedNetwork
from tasks.models.scorer import Scorer
from tasks.results.data import IMDB_RULES, Dataset
from tasks.results.export import Export, ExportFormat
from tasks.storage.files import write_json
from tasks.storage.networks import Trained
from tests.fixtures.trained import small_job, trained
from tests.tasks.data.word_cases import MIXED, words

INDEX = {f"word{rank}" if rank % 5 else f"wörd{rank}\x85": rank for rank in range(1, 61)}

INDEX_WORD_BEYOND = next(word for word, rank in INDEX.items() if rank + 3 >= 50)


def readme(result: Export) -> str:
    return export_readme(result)


def described(network: Path, dataset: Dataset) -> Trained:
    return Trained(network, dataset.train.path, dataset.test.path)


@pytest.fixture
def network(dataset: Dataset, tmp_path: Path) -> Path:
    """The folder of a small LSTM with a vocabulary."""
    folder = trained(small_job(dataset, tmp_path)).folder
    write_json(folder / "vocabulary.json", {word: rank for word, rank in INDEX.items() if rank < 47})
    return folder


@pytest.mark.parametrize("kind", ["savedmodel", "onnx"])
def test_an_export_says_what_keras_says(network: Path, dataset: Dataset, tmp_path: Path, kind: ExportFormat) -> None:
    result = export(described(network, dataset), tmp_path / "out", kind, readme)
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


@pytest.mark.parametrize("kind", [pytest.param("savedmodel", marks=pytest.mark.slow), "onnx"])
def test_texts_of_any_language_have_the_same_tokens_and_probability_in_an_export(
    network: Path, dataset: Dataset, tmp_path: Path, kind: ExportFormat
) -> None:
    found = dict.fromkeys(word for row in words(MIXED) for word in row)
    index = {word: rank for rank, word in enumerate(found, start=1)}
    write_json(network / "vocabulary.json", {word: rank for word, rank in index.items() if rank < 47})
    write_json(dataset.folder / "word_index.json", index)
    description = json.loads((network / "network.json").read_text())
    write_json(network / "network.json", description | {"word_rules": {"name": "unicode", "version": 1}})
    export(described(network, dataset), tmp_path / "out", kind, readme)
    scorer = Scorer(network, dataset.folder / "word_index.json")
    encoded = scorer.encode(pa.array(MIXED, pa.large_string())).tokens
    if kind == "onnx":
        code = (tmp_path / "out" / "README.md").read_text().split("```python\n")[2].split("```")[0]
        more = "import sys\nfor text in json.load(sys.stdin): print(json.dumps(tokens(text)))"
        given = {"input": json.dumps(MIXED), "capture_output": True, "text": True, "cwd": tmp_path / "out"}
        done = subprocess.run([sys.executable, "-I", "-c", f"{code}\n{more}"], **given)
        ours = [encoded.review(row).tolist() for row in range(len(MIXED))]
        assert [json.loads(line) for line in done.stdout.splitlines()] == ours, done.stderr
        return
    import tensorflow as tf

    serve = tf.saved_model.load(str(tmp_path / "out" / "1")).signatures["serving_default"]
    texts = tf.constant([text.encode() for text in MIXED])
    np.testing.assert_allclose(serve(texts=texts)["probability"].numpy(), scorer.predict(encoded), atol=1e-5)


@pytest.mark.slow
def test_the_whole_word_index_tells_unknown_words_from_those_without_a_rank(
    network: Path, dataset: Dataset, tmp_path: Path
) -> None:
    write_json(dataset.folder / "word_index.json", INDEX)
    result = export(described(network, dataset), tmp_path / "out", "savedmodel", readme)
    assert max(result.differences.values()) <= 1e-5
    assert json.loads((tmp_path / "out" / "vocabulary.json").read_text()) == INDEX
    import tensorflow as tf

    serve = tf.saved_model.load(str(tmp_path / "out" / "1")).signatures
    unknown, missing = INDEX_WORD_BEYOND, "no-word-of-the-index"
    by_text = [
        float(serve["serving_default"](texts=tf.constant([text]))["probability"][0])
        for text in (f"word1 {unknown}", f"word1 {missing}")
    ]
    tokens = [[0] * 27 + [1, 4, 2], [0] * 28 + [1, 4]]
    by_tokens = serve["tokens"](tokens=tf.constant(tokens, tf.int32))["probability"].numpy().tolist()
    assert by_text == pytest.approx(by_tokens, abs=1e-7)


def test_the_checked_texts_have_the_tokens_of_the_reviews(dataset: Dataset) -> None:
    tokens = read_tokens(dataset.test.path)
    encoded = Tokenizer(INDEX, IMDB_RULES).encode(_texts(tokens, INDEX, 50)).tokens(50, 30)
    assert (tokens.values == 2).any()
    assert encoded.padded().tolist() == tokens.padded().tolist()


@pytest.mark.parametrize("kind", [pytest.param("savedmodel", marks=pytest.mark.slow), "onnx"])
def test_the_code_in_the_readme_gives_the_probability_of_the_example(
    network: Path, dataset: Dataset, tmp_path: Path, kind: ExportFormat
) -> None:
    result = export(described(network, dataset), tmp_path / "out", kind, readme)
    code = (tmp_path / "out" / "README.md").read_text().split("```python\n")[1].split("```")[0]
    done = subprocess.run([sys.executable, "-I", "-c", code], cwd=tmp_path / "out", capture_output=True, text=True)
    number = re.search(r"\d\.\d+", done.stdout)
    assert number, done.stderr
    assert float(number[0]) == pytest.approx(result.example["probability"], abs=1e-5)


def test_a_folder_in_use_is_refused(network: Path, dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "file").touch()
    with pytest.raises(PipelineError, match="already exists and is not an empty folder"):
        export(described(network, dataset), tmp_path / "out", "onnx", readme)


def test_a_link_is_refused_before_any_work(network: Path, dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name, target in (("to-empty", "empty"), ("to-nothing", "nothing"), ("loop", "loop")):
        (tmp_path / name).symlink_to(target)
        with pytest.raises(PipelineError, match=f"{name}: already exists and is not an empty folder"):
            export(described(network, dataset), tmp_path / name, "onnx", readme)


def test_texts_need_a_vocabulary(network: Path, dataset: Dataset, tmp_path: Path) -> None:
    write_json(network / "vocabulary.json", {})
    with pytest.raises(DataError, match="use --format onnx"):
        export(described(network, dataset), tmp_path / "out", "savedmodel", readme)
    assert export(described(network, dataset), tmp_path / "out", "onnx", readme).format == "onnx"


@pytest.mark.parametrize("kind", [pytest.param("savedmodel", marks=pytest.mark.slow), "onnx"])
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
        export(described(network, dataset), tmp_path / "out", kind, readme)
    assert not (tmp_path / "out").exists()
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".out")] == []


def test_a_model_that_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"broken")
    examples = Examples(np.zeros((1, 3), np.int32), np.zeros(1), ("",), np.zeros((1, 3), np.int32), np.zeros(1))
    with pytest.raises(PipelineError, match="cannot be used"):
        check(tmp_path / "model.onnx", "onnx", examples)


def test_a_file_with_another_network_than_described_is_not_exported(
    network: Path, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict = SavedNetwork.predict

    def other(self: SavedNetwork, tokens: Tokens) -> NetworkPredictions:
        found = predict(self, tokens)
        return found._replace(probabilities=1 - found.probabilities + np.float32(0.01))

    monkeypatch.setattr(SavedNetwork, "predict", other)
    with pytest.raises(DataError, match=r"best.keras: contains another network than network.json describes"):
        export(described(network, dataset), tmp_path / "out", "savedmodel", readme)
    assert not (tmp_path / "out").exists()
