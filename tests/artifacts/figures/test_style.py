import pytest

from artifacts.figures import style
from tests.artifacts import examples
from tests.artifacts.examples import estimate


def test_models_differ_in_more_than_colour() -> None:
    looks = [style.style(number) for number in range(4)]
    for part in ("color", "marker"):
        assert len({look[part] for look in looks}) == 4
    assert {look["linestyle"] for look in looks} == {"-"}  # It says which reviews.
    assert style.style(99)["color"] in style.MODEL_COLOURS


def test_a_model_has_the_same_style_in_every_figure() -> None:
    c = examples.comparison()
    assert style.style_of(c, "simple_rnn") == style.style(0)
    assert style.style_of(c, "lstm", marker="") == style.style(1) | {"marker": ""}


def test_unused_axes_are_hidden() -> None:
    figure, axes = style.grid(4, 3, 2, 2, used=3)
    assert len(axes) == 3
    assert [each.get_visible() for each in figure.axes] == [True, True, True, False]


def test_error_bars_end_at_the_interval() -> None:
    _, axes = style.single(2, 1)
    style.errorbars(axes, [1, 2], [estimate(0.5, 0.1), estimate(0.6, 0.2)], label="lstm")
    (container,) = axes.containers
    segments = container.lines[2][0].get_segments()
    assert [segment[:, 1].tolist() for segment in segments] == [
        pytest.approx([0.4, 0.6]),
        pytest.approx([0.4, 0.8]),
    ]


def test_curves_are_spread_around_their_place() -> None:
    assert [style.spread(number, 3, 0.1) for number in range(3)] == pytest.approx([-0.1, 0.0, 0.1])
