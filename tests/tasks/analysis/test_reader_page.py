from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tasks.analysis.reader_page import choose, open_reader
from tasks.models.keras_learner import build
from tasks.models.spec import preset
from tasks.results.comparison import Comparison
from tasks.results.export import ReaderNetwork
from tasks.storage.files import write_json
from tests.artifacts import examples

INDEX = {"the": 1, "film": 2, "seldom": 900}


def network(label: str, values: int) -> ReaderNetwork:
    """A network of so many weights."""
    return ReaderNetwork(label, "lstm", (4,), False, 1, 0.8, {"embedding": np.zeros((values, 1), np.float32)})


@pytest.fixture
def comparison(tmp_path: Path) -> Comparison:
    """Two networks with two seeds each, their models, vocabulary and word index in files."""
    made = examples.comparison(seeds=2)
    branches = []
    for number, branch in enumerate(made.branches):
        spec = preset("lstm" if branch.name == "lstm" else "simple_rnn", 4, 3, 0.0)
        folder = tmp_path / f"{branch.name}-{branch.seed}"
        folder.mkdir()
        build(spec, made.dataset.vocabulary_size, 0.01, seed=number).save(folder / "best.keras")
        branches.append(replace(branch, folder=folder, spec=spec.model_dump(mode="json")))
    write_json(tmp_path / "index.json", INDEX)
    write_json(tmp_path / "vocabulary.json", {"the": 1, "film": 2})
    dataset = replace(made.dataset, word_index=tmp_path / "index.json", vocabulary=tmp_path / "vocabulary.json")
    return replace(made, branches=tuple(branches), dataset=dataset)


def test_holds_the_best_weights_of_each_network_first_seed_first(comparison: Comparison) -> None:
    reader = open_reader(comparison)
    labels = [network.label for network in reader.networks]
    assert labels == ["simple_rnn seed 1", "lstm seed 1", "simple_rnn seed 2", "lstm seed 2"]
    assert (reader.vocabulary_size, reader.max_length, reader.left_out) == (50, 30, ())
    assert reader.networks[1].weights["embedding"].shape == (50, 3)
    assert (reader.networks[1].epoch, reader.networks[1].balanced_accuracy) == (1, 0.85)


def test_the_seed_is_named_only_where_there_are_several(comparison: Comparison) -> None:
    reader = open_reader(replace(comparison, branches=comparison.branches[:2]))
    assert [network.label for network in reader.networks] == ["simple_rnn", "lstm"]


def test_knows_words_outside_the_vocabulary_while_the_word_index_is_there(comparison: Comparison) -> None:
    assert open_reader(comparison).ranks == INDEX
    index = comparison.dataset.word_index
    assert index
    index.write_text("not JSON")
    assert open_reader(comparison).ranks == {"the": 1, "film": 2}
    index.unlink()
    assert open_reader(comparison).ranks == {"the": 1, "film": 2}


def test_without_words_there_is_nothing_to_read(comparison: Comparison) -> None:
    dataset = comparison.dataset
    write_json(dataset.vocabulary, {})
    no_index = replace(dataset, word_index=None)
    assert open_reader(comparison).is_usable
    assert not open_reader(replace(comparison, dataset=no_index)).is_usable


def test_networks_whose_weights_do_not_fit_are_left_out() -> None:
    networks = [network("a", 100), network("large", 200), network("b", 100), network("c", 1)]
    chosen, left_out = choose(networks, max_bytes=800)
    assert [each.label for each in chosen] == ["a", "b"]
    assert left_out == ("large", "c")
