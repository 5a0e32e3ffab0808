"""The figure of training sizes."""

import pytest

from artifacts.figures import sizes as figures
from tasks.results.comparison import Comparison
from tests.artifacts import examples


@pytest.fixture
def c() -> Comparison:
    """A run with four sizes."""
    return examples.with_sizes(examples.comparison(3))


def test_each_size_is_a_tick_and_each_network_a_curve_with_its_seconds(c: Comparison) -> None:
    figure = figures.sizes(c)
    accuracy, seconds = figure.axes
    for axes in (accuracy, seconds):
        assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1,000", "3,000", "10,000", "20,000"]
        assert axes.get_xscale() == "log"
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["SimpleRNN", "LSTM", "bag of words"]
    assert [list(line.get_ydata()) for line in seconds.lines] == [[1, 3, 10, 20], [1, 3, 10, 20], [0.2, 0.6, 2, 4]]
    assert accuracy.get_ylabel() == "Test accuracy"


def test_the_bag_of_words_is_dashed_and_may_be_missing(c: Comparison) -> None:
    assert c.sizes
    _, seconds = figures.sizes(c).axes
    assert seconds.lines[-1].get_linestyle() == "--"
    data = tuple(each.__class__(each.size, each.unknown_rate, None, None) for each in c.sizes.data)
    _, seconds = figures.sizes(examples.with_sizes(c, data=data)).axes
    assert len(seconds.lines) == 2


def test_of_labels_that_would_overlap_one_is_left() -> None:
    assert figures.labelled([100, 1_000, 9_500, 10_000]) == [100, 1_000, 10_000]
