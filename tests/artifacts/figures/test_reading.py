from collections.abc import Callable
from dataclasses import replace

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from artifacts.figures import reading
from tasks.results.comparison import Comparison
from tests.artifacts import examples


def curves(axes: Axes) -> dict[str, list[float]]:
    """The heights of curves with error bars, by label."""
    return {container.get_label(): list(container.lines[0].get_ydata()) for container in axes.containers}


def test_accuracy_of_each_bin_of_lengths() -> None:
    (axes,) = reading.lengths(examples.comparison()).axes
    assert curves(axes) == {"LSTM": [0.8, 0.7], "SimpleRNN": [0.8, 0.7]}
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["5–100", "101–400"]


def test_accuracy_from_the_last_words_mean_over_seeds() -> None:
    c = examples.comparison(2)
    better = replace(c.explanations[3], memory=tuple(
        replace(point, accuracy=examples.estimate(point.accuracy.value + 0.1)) for point in c.explanations[3].memory
    ))  # fmt: skip
    (axes,) = reading.memory(replace(c, explanations=(*c.explanations[:3], better))).axes
    assert curves(axes)["LSTM"] == pytest.approx([0.65, 0.85])
    assert curves(axes)["SimpleRNN"] == pytest.approx([0.6, 0.8])


@pytest.mark.parametrize("figure", [reading.lengths, reading.memory])
def test_a_legend_has_the_order_of_all_others(figure: Callable[[Comparison], Figure]) -> None:
    c = examples.comparison()
    assert [model.name for model in c.evidence.models] == ["lstm", "simple_rnn"]  # The order of the accuracies.
    (axes,) = figure(c).axes
    assert list(curves(axes)) == ["SimpleRNN", "LSTM"]


def test_gradients_back_from_the_end_at_three_moments() -> None:
    figure = reading.reach(examples.comparison())
    assert [axes.get_title() for axes in figure.axes] == [
        "At the initial weights", "After the first epoch", "After the last epoch",
    ]  # fmt: skip
    for axes, last in zip(figure.axes, (0.6, 0.02, 0.009), strict=True):
        assert axes.lines[1].get_xydata().tolist() == [[1.0, 1.0], [21.0, last]]
        assert axes.get_yscale() == "log"
    assert len({axes.get_ylim()[0] for axes in figure.axes}) == 1
    assert "50 reviews" in figure.get_suptitle()


def test_the_probability_after_each_word() -> None:
    (axes, hidden) = reading.traces(examples.comparison()).axes
    assert not hidden.get_visible()
    assert axes.get_title() == "LSTM is right, SimpleRNN is wrong (label: positive)"
    assert list(axes.lines[2].get_ydata()) == [0.5, 0.7, 0.913]
