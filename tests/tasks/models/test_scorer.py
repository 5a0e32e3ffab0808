"""A saved network that reads texts."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tasks.errors import DataError
from tasks.models.keras_learner import build
from tasks.models.scorer import Scorer, read_text
from tasks.models.spec import ModelSpec, preset
from tasks.results.scoring import ScoringNetwork
from tasks.storage.files import read_json, write_json

INDEX = {"the": 1, "film": 2, "café": 3, "rare": 9, "rarer": 10}
SIZE, LENGTH = 7, 5  # "the" is 4, "film" 5, "café" 6; "rare" and "rarer" are beyond.


def save(folder: Path, spec: ModelSpec, index: dict[str, int], name: str = "word_index.json") -> Path:
    """An untrained network's folder; gives the path of its words."""
    folder.mkdir(exist_ok=True)
    build(spec, SIZE, 0.01, 3).save(folder / "best.keras")
    network = spec.model_dump(mode="json")
    write_json(folder / "network.json", {"network": network, "seed": 1, "vocabulary_size": SIZE, "max_length": LENGTH})
    write_json(folder / name, index)
    return folder / name


@pytest.fixture
def scorer(tmp_path: Path) -> Scorer:
    """An LSTM."""
    return Scorer(tmp_path, save(tmp_path, preset("lstm", 4, 3, 0.0), INDEX))


def encoded(scorer: Scorer, *texts: str) -> dict[str, list]:
    values = scorer.encode(pa.array(texts, pa.large_string()))
    arrays = values._asdict() | {"tokens": values.tokens.padded()}
    return {name: array.tolist() for name, array in arrays.items()}


def test_known_rare_and_unknown_words_are_told_apart(scorer: Scorer) -> None:
    assert encoded(scorer, "The <br />FILM, rare zzz", "zzz", "the the the the film CAFÉ café") == {
        "tokens": [[0, 1, 4, 5, 2], [0, 0, 0, 0, 1], [4, 4, 4, 5, 6]],
        "lengths": [4, 1, 7],
        "words": [5, 1, 7],
        "unknown": [3, 1, 1],
    }


def test_a_full_vocabulary_alone_takes_other_words_as_rare(tmp_path: Path) -> None:
    full = save(tmp_path, preset("lstm", 4, 3, 0.0), {"the": 1, "film": 2, "café": 3}, "vocabulary.json")
    assert encoded(Scorer(tmp_path, full), "the zzz film")["tokens"] == [[0, 1, 4, 2, 5]]
    small = save(tmp_path, preset("lstm", 4, 3, 0.0), {"the": 1, "film": 2}, "vocabulary.json")
    values = encoded(Scorer(tmp_path, small), "the zzz film")
    assert (values["tokens"], values["unknown"]) == ([[0, 0, 1, 4, 5]], [1])


SPECS = [
    *(preset(name, 4, 3, 0.0) for name in ("simple_rnn", "lstm", "gru", "stacked_simple_rnn", "bidirectional_lstm")),
    preset("gru", 4, 3, 0.3),
    ModelSpec(name="deep", cell="lstm", units=(4, 3), bidirectional=True, embedding=3, dropout=0.2),
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.name} {spec.dropout}")
def test_probabilities_are_those_of_keras(spec: ModelSpec, tmp_path: Path) -> None:
    import keras

    scorer = Scorer(tmp_path, save(tmp_path, spec, INDEX))
    texts = ["the film", "", "rare café the", "film " * 9]
    tokens = scorer.encode(pa.array(texts, pa.large_string())).tokens
    expected = keras.models.load_model(tmp_path / "best.keras", compile=False).predict(
        tokens.padded().astype(np.int32), verbose=0
    )[:, 0]
    np.testing.assert_allclose(scorer.predict(tokens), expected, atol=1e-6)


def test_reading_gives_the_probability_after_each_word(scorer: Scorer) -> None:
    read = scorer.read("zzz The film, zzz rare café!")
    assert [(word.word, word.is_known) for word in read] == [
        ("zzz", False), ("the", True), ("film", True), ("zzz", False), ("rare", False), ("café", True),
    ]  # fmt: skip
    prefixes = ["", "the", "the film", "the film", "the film rare", "the film rare café"]
    expected = scorer.predict(scorer.encode(pa.array(prefixes, pa.large_string())).tokens)
    np.testing.assert_allclose([word.probability for word in read], expected, atol=1e-6)


def test_words_before_the_end_that_a_network_reads_have_no_probability(scorer: Scorer) -> None:
    read = scorer.read("the film café zzz the film café the")
    assert [word.probability is None for word in read] == [True, True, False, False, False, False, False, False]
    whole = scorer.predict(scorer.encode(pa.array(["the film café the film café the"], pa.large_string())).tokens)
    assert read[-1].probability == pytest.approx(float(whole[0]), abs=1e-6)


def test_a_text_without_words_is_refused(tmp_path: Path) -> None:
    words = save(tmp_path, preset("lstm", 4, 3, 0.0), INDEX)
    network = ScoringNetwork(tmp_path, words, "abc")
    with pytest.raises(DataError, match="--text ' !': found no words"):
        read_text(" !", network)
    read = read_text("film", network)
    assert (read.label, read.model, read.probability) == ("lstm seed 1", "abc", read.words[0].probability)


def test_a_network_without_words_or_with_another_tokenizer_is_refused(tmp_path: Path) -> None:
    words = save(tmp_path, preset("lstm", 4, 3, 0.0), {})
    with pytest.raises(DataError, match="contains no words, so texts cannot be read"):
        Scorer(tmp_path, words)
    write_json(tmp_path / "network.json", read_json(tmp_path / "network.json") | {"tokenizer_version": 2})
    with pytest.raises(
        DataError,
        match="network.json: found the word rules imdb, version 2; expected imdb, version 1",
    ):
        Scorer(tmp_path, words)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vocabulary_size": SIZE + 1}, r"embedding/vars/0 has shape \(7, 3\) and type float32, expected \(8, 3\)"),
        (
            {"network": preset("lstm", 9, 3, 0.0).model_dump(mode="json")},
            r"lstm/cell/vars/0 has shape \(3, 16\) and type float32, expected \(3, 36\)",
        ),
        ({"max_length": "5"}, "network.json: no readable description of a network"),
        ({"max_length": 0}, "network.json: no readable description of a network"),
        ({"max_length": 10**9}, "network.json: no readable description of a network"),
        ({"vocabulary_size": 10**9}, "network.json: no readable description of a network"),
        ({"vocabulary_size": True}, "network.json: no readable description of a network"),
    ],
)
def test_a_description_of_another_network_is_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    words = save(tmp_path, preset("lstm", 4, 3, 0.0), INDEX)
    write_json(tmp_path / "network.json", read_json(tmp_path / "network.json") | change)
    with pytest.raises(DataError, match=message):
        Scorer(tmp_path, words)


def test_tensorflow_is_not_imported(tmp_path: Path) -> None:
    words = save(tmp_path, preset("gru", 4, 3, 0.3), INDEX)
    script = (
        "import sys; from pathlib import Path; import tasks.score; from tasks.models.scorer import Scorer\n"
        f"print(Scorer(Path({str(tmp_path)!r}), Path({str(words)!r})).read('the film'))\n"
        "assert not {'tensorflow', 'keras', 'prefect'} & set(sys.modules)"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
