"""Drift of a small trained network's texts."""

from pathlib import Path

import numpy as np
import pytest

from tasks.analysis.drift import NAMES, Reference, Texts, joint_limits, read_training_texts
from tasks.data.new_texts import read_npz, read_texts
from tasks.data.parquet import read_column, read_tokens
from tasks.data.tokenizer import Tokenizer
from tasks.data.tokens import Tokens
from tasks.drift import check_drift
from tasks.errors import DataError
from tasks.fetch import fetch
from tasks.job import Job
from tasks.models.saved import SavedNetwork
from tasks.models.spec import TrainingPlan, preset
from tasks.prepare import prepare
from tasks.results.data import Dataset
from tasks.results.drift import Drift
from tasks.storage.networks import Trained
from tasks.train import train


@pytest.fixture(scope="module")
def module_dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Many short reviews: enough for draws."""
    from tasks.data.imdb_npz import write_imdb_npz
    from tasks.prepare import prepare
    from tasks.results.data import Source
    from tests.conftest import random_reviews

    folder = tmp_path_factory.mktemp("data")
    path = folder / "imdb.npz"
    write_imdb_npz(path, random_reviews(600), random_reviews(200, seed=1))
    return prepare.keep(Source("file", path, "0" * 64, str(path)), 50, 30, None, folder)


def drift_of(dataset: Dataset, tokens: Tokens, lengths: np.ndarray) -> Drift:
    job = Job(
        preset("simple_rnn", 4, 4, 0.0),
        TrainingPlan(epochs=1, batch_size=32, learning_rate=0.01, validation=0.25),
        dataset,
        1,
        dataset.folder / "models",
    )
    return check_drift(train.keep(job).folder, dataset.train.path, tokens, lengths)


def test_test_reviews_of_the_same_kind_do_not_alarm(module_dataset: Dataset) -> None:
    test = module_dataset.test.path
    drift = drift_of(module_dataset, read_tokens(test), read_column(test, "length"))
    assert not drift.alarms
    assert (drift.texts, drift.compared, drift.training) == (200, 200, 600)


def test_other_words_alarm_and_are_listed(module_dataset: Dataset) -> None:
    tokens = Tokens.from_padded(np.full((50, 30), 7, np.uint8))
    drift = drift_of(module_dataset, tokens, np.full(50, 30))
    assert {figure.name for figure in drift.figures if figure.alarms} >= {"words", "lengths", "domain classifier"}
    assert drift.distinguishing[0].new == 1.0


def test_a_few_texts_are_refused(module_dataset: Dataset) -> None:
    with pytest.raises(DataError, match="found 3 texts, expected at least 20"):
        drift_of(module_dataset, np.ones((3, 30), np.uint8), np.ones(3, int))


@pytest.fixture(scope="module")
def imdb_network(imdb: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A small network of the real reviews."""
    root = tmp_path_factory.mktemp("imdb")
    source = fetch.keep(imdb, "auto", root)
    dataset = prepare.keep(source, 10_000, 100, None, root)
    plan = TrainingPlan(epochs=1, batch_size=128, learning_rate=0.001, validation=0.2)
    branch = train.keep(Job(preset("simple_rnn", 4, 4, 0.0), plan, dataset, 1, root))
    return Trained(branch.folder, dataset.train.path, dataset.test.path)


@pytest.mark.slow
def test_unchanged_imdb_reviews_alarm_at_most_once_in_twenty_draws(imdb_network: Trained) -> None:
    saved, tokens = SavedNetwork.read(imdb_network.folder), read_tokens(imdb_network.train)
    lengths, scores = read_column(imdb_network.train, "length"), saved.predict(tokens).probabilities
    reference = Reference(read_training_texts(saved, imdb_network.train))
    limits = joint_limits(reference.draws(1_000))
    random, alarms = np.random.default_rng(7), 0
    for _ in range(20):
        rows = random.choice(len(tokens), 1_000, replace=False)
        new = Texts(tokens[rows], lengths[rows], scores[rows], saved.vocabulary_size)
        values = reference._measure(new, np.arange(1_000), np.arange(len(tokens)))
        alarms += any(values[name] > limits[name] for name in NAMES)
    assert alarms <= 1


@pytest.mark.slow
def test_the_bundled_sample_and_foreign_texts_alarm_on_imdb(imdb_network: Trained, tmp_path: Path) -> None:
    saved = SavedNetwork.read(imdb_network.folder)
    index = saved.word_index(imdb_network.word_index)
    if not index:
        pytest.skip("the IMDB data came without a word index")
    path = tmp_path / "foreign.csv"
    rows = [f"Revenue rose by {number} percent; the board met to discuss a merger." for number in range(100)]
    path.write_text("\n".join(["text", *rows]))
    sample = fetch.keep(None, "sample", tmp_path)
    for new in (
        read_texts(path, "text", Tokenizer(index, saved.word_rules), saved.vocabulary_size, saved.max_length),
        read_npz(sample.path, sample.word_index, index, saved.vocabulary_size, saved.max_length),
    ):
        drift = check_drift(imdb_network.folder, imdb_network.train, new.tokens, new.lengths)
        assert {"words", "domain classifier"} <= {figure.name for figure in drift.figures if figure.alarms}
