from dataclasses import replace

import pytest
from matplotlib.axes import Axes

from artifacts.figures import training
from artifacts.figures.style import MODEL_COLOURS
from tests.artifacts import examples


def curves(axes: Axes) -> dict[str, list[float]]:
    """The heights of the labelled curves."""
    return {line.get_label(): list(line.get_ydata()) for line in axes.lines if not line.get_label().startswith("_")}


@pytest.mark.parametrize(
    ("curve", "expected"),
    [
        ("accuracy", {"training": [0.75, 0.9], "validation": [0.85, 0.8]}),
        ("loss", {"training": [0.5, 0.3], "validation": [0.4, 0.45]}),
    ],
)
def test_the_tutorials_curves(curve: training.CurveName, expected: dict[str, list[float]]) -> None:
    c = examples.comparison()
    (axes,) = training.tutorial_curve(c, c.branches[0], curve).axes
    assert curves(axes) == expected
    assert axes.get_title() == f"SimpleRNN: training and validation {curve}\nIMDB reviews"
    assert axes.lines[0].get_linestyle() == "None"


def test_a_seed_is_named_where_there_are_several() -> None:
    c = examples.comparison(2)
    (axes,) = training.tutorial_curve(c, c.branches[3], "loss").axes
    assert axes.get_title().startswith("LSTM seed 2: ")


def test_colour_means_the_model_and_line_the_reviews() -> None:
    c = examples.comparison()
    for branch, colour in zip(c.branches, MODEL_COLOURS, strict=False):
        (axes,) = training.tutorial_curve(c, branch, "loss").axes
        assert {line.get_color() for line in axes.lines} == {colour}
        assert [line.get_linestyle() for line in axes.lines] == ["None", "-"]
    live = training.learning_curve("lstm", 1, c.branches[1].history, "IMDB reviews").axes
    assert {line.get_color() for axes in live for line in axes.lines} == {MODEL_COLOURS[1]}


def test_the_same_curve_has_the_same_axes_for_all_networks() -> None:
    c = examples.comparison()
    worse = tuple(replace(epoch, val_loss=epoch.val_loss + 3) for epoch in c.branches[1].history)
    c = replace(c, branches=(c.branches[0], replace(c.branches[1], history=worse)))
    axes = [training.tutorial_curve(c, branch, "loss").axes[0] for branch in c.branches]
    assert axes[0].get_ylim() == axes[1].get_ylim()
    assert axes[0].get_xlim() == axes[1].get_xlim()
    assert axes[0].get_ylim()[1] > 3.45


def test_a_single_epoch_has_one_tick() -> None:
    c = examples.comparison()
    c = replace(c, branches=tuple(replace(branch, history=branch.history[:1]) for branch in c.branches))
    for figure in (training.shared_curves(c), training.tutorial_curve(c, c.branches[0], "loss")):
        for axes in figure.axes:
            low, high = axes.get_xlim()
            assert [tick for tick in axes.get_xticks() if low <= tick <= high] == [1.0]


def test_a_single_epoch_can_be_seen() -> None:
    history = examples.branch("lstm").history[:1]
    accuracy, loss = training.learning_curve("lstm", 1, history, "IMDB reviews").axes
    assert [line.get_marker() for line in accuracy.lines] == ["o", "None", "_"]
    assert curves(loss) == {"training": [0.5], "validation": [0.4]}


def test_all_models_share_axes_with_the_mean_and_each_seed() -> None:
    c = examples.comparison(2)
    figure = training.shared_curves(c)
    accuracy, loss = figure.axes
    assert curves(accuracy) == {"SimpleRNN": pytest.approx([0.85, 0.8]), "LSTM": pytest.approx([0.85, 0.8])}
    assert curves(loss)["LSTM"] == pytest.approx([0.4, 0.45])
    assert len(accuracy.lines) == 2 * 3
    assert figure.get_suptitle() == "Validation on the IMDB reviews, mean of 2 seeds and each seed"
    assert len(training.shared_curves(examples.comparison()).axes[0].lines) == 2


def test_the_bag_of_words_is_a_line_across_the_validation_accuracy_only() -> None:
    accuracy, loss = training.shared_curves(examples.with_yardstick(examples.comparison(), -0.03, -0.01)).axes
    assert curves(accuracy)["bag of words"] == [0.8928, 0.8928]
    assert accuracy.lines[-1].get_linestyle() == "--"
    assert set(curves(loss)) == {"SimpleRNN", "LSTM"}
