from dataclasses import replace

from tests.artifacts import examples


def test_the_title_of_a_dataset_prefers_imdb() -> None:
    dataset = examples.dataset()
    assert dataset.title == "IMDB reviews"
    assert replace(dataset, imdb=False).title == "own file own.npz"
