import numpy as np
import pytest

from tasks.data.imdb_npz import write_imdb_npz
from tasks.illustrate import illustrate
from tasks.job import Job
from tasks.models.spec import ModelSpec, TrainingPlan, preset
from tasks.prepare import prepare
from tasks.results.chapter import Chapter, FirstNetworks
from tasks.results.data import Dataset, Source
from tasks.train import train
from tests.conftest import random_reviews

PLAN = TrainingPlan(epochs=1, batch_size=16, learning_rate=0.01, validation=0.25)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """A small dataset that the tests share."""
    folder = tmp_path_factory.mktemp("chapter")
    write_imdb_npz(folder / "imdb.npz", random_reviews(60), random_reviews(40, seed=1))
    return prepare.keep(Source("file", folder / "imdb.npz", "s", "imdb.npz"), 50, 30, None, folder / "data")


@pytest.fixture(scope="module")
def networks(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, FirstNetworks]:
    """A stack of two layers, an LSTM, and a simple network, trained for one epoch."""
    root = tmp_path_factory.mktemp("networks")
    stack = ModelSpec(name="deep", cell="simple_rnn", units=(3, 4), embedding=4)
    specs = [stack, preset("lstm", 5, 4, 0.0), preset("simple_rnn", 4, 4, 0.0)]
    jobs = [Job(spec, PLAN, dataset, 1, root) for spec in specs]
    return jobs[0], FirstNetworks(tuple(train.keep(job) for job in jobs))


@pytest.fixture(scope="module")
def chapter(networks: tuple[Job, FirstNetworks]) -> Chapter:
    """The numbers of the chapter page."""
    return illustrate.keep(*networks)


def test_every_cell_runs_with_the_tutorials_sizes(chapter: Chapter) -> None:
    assert [loop.cell for loop in chapter.loops] == ["simple_rnn", "lstm", "gru"]
    for loop in chapter.loops:
        assert loop.shapes["np.stack(outputs)"] == (100, 64) == np.shape(loop.uniform) == np.shape(loop.initial)
        assert loop.shapes["np.concatenate(outputs)"] == (6400,)
        assert np.abs(loop.initial).max() <= 1
    assert chapter.loops[0].saturated > 0.95
    assert chapter.loops[0].shapes["W"] == (64, 32)


def test_trained_layers_by_hand_differ_from_keras_by_rounding_only(chapter: Chapter, dataset: Dataset) -> None:
    assert [(reading.name, reading.cell) for reading in chapter.readings] == [("deep", "simple_rnn"), ("lstm", "lstm")]
    for reading, units in zip(chapter.readings, (3, 5), strict=True):
        assert 0 <= reading.difference < 1e-5
        assert np.shape(reading.states) == (min(80, dataset.max_length), units)
        assert reading.padding == dataset.max_length - len(chapter.example.tokens)


def test_causes_are_measured_on_networks_of_one_layer(chapter: Chapter) -> None:
    assert [found.name for found in chapter.causes] == ["lstm", "simple_rnn"]
    assert all([state.moment for state in found.moments] == ["initial", "first", "last"] for found in chapter.causes)
    assert chapter.causes[0].moments[0].words == chapter.causes[0].starts[0].words


def test_the_example_is_a_short_test_review_and_lengths_are_those_of_training(
    chapter: Chapter, dataset: Dataset
) -> None:
    review = chapter.example
    assert len(review.tokens) == len(review.words) + 1 <= dataset.max_length
    assert sum(chapter.lengths.counts) == dataset.train.reviews
    assert 0 <= chapter.lengths.padding < 1


def test_the_numbers_are_kept_until_a_network_changes(networks: tuple[Job, FirstNetworks], chapter: Chapter) -> None:
    job, whole = networks
    assert illustrate.keep(job, whole).seconds == chapter.seconds
    assert illustrate.keep(job, FirstNetworks(whole.branches[:2])).seconds != chapter.seconds
