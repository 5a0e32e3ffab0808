from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from artifacts.figures import scores
from tasks.results.run_summary import RunSummary
from tests.artifacts import examples


def labels(axes: Axes) -> list[str]:
    """The legend's labels."""
    return [text.get_text() for text in axes.get_legend().get_texts()]


def axes_of(figure: Figure) -> Axes:
    """The only axes of a figure."""
    (axes,) = figure.axes
    return axes


def test_each_seed_has_a_point() -> None:
    axes = axes_of(scores.seeds(examples.comparison(3)))
    points, mean, interval = axes.lines[3:6]
    assert list(points.get_xdata()) == [0.88, 0.89, 0.9]
    assert list(mean.get_xdata()) == [0.88, 0.88]
    assert list(interval.get_xdata()) == [0.87, 0.89]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["SimpleRNN", "LSTM"]


def test_the_bag_of_words_is_a_line_beside_the_seeds() -> None:
    axes = axes_of(scores.seeds(examples.with_yardstick(examples.comparison(3), *[-0.01] * 6)))
    assert list(axes.lines[-1].get_xdata()) == [0.887, 0.887]
    assert labels(axes) == ["bag of words"]


def test_roc_curves_with_their_areas() -> None:
    axes = axes_of(scores.roc(examples.comparison()))
    assert labels(axes) == ["SimpleRNN (AUC 0.880)", "LSTM (AUC 0.940)"]
    assert list(axes.lines[1].get_ydata()) == [0.0, 0.75, 1.0]


def test_curves_of_several_seeds_say_whose_they_are() -> None:
    c = examples.comparison(3)
    assert labels(axes_of(scores.roc(c))) == ["SimpleRNN seed 1 (AUC 0.880)", "LSTM seed 1 (AUC 0.940)"]
    assert labels(axes_of(scores.precision_recall(c))) == ["SimpleRNN seed 1", "LSTM seed 1", "chance"]


def test_no_colour_of_a_confusion_matrix_means_a_model() -> None:
    for axes in scores.confusion(examples.comparison()).axes:
        red, green, blue, _ = axes.collections[0].get_cmap()(range(256)).T
        assert np.abs(red - green).max() < 0.01
        assert np.abs(green - blue).max() < 0.01


def test_precision_recall_starts_after_a_recall_of_zero() -> None:
    axes = axes_of(scores.precision_recall(examples.comparison()))
    assert axes.lines[0].get_xydata().tolist() == [[0.5, 0.9], [1.0, 0.5]]


def test_the_precision_by_chance_is_the_share_of_positive_test_reviews() -> None:
    c = examples.comparison()
    c = replace(c, dataset=replace(c.dataset, test=replace(c.dataset.test, positive=12)))
    assert list(axes_of(scores.precision_recall(c)).lines[-1].get_ydata()) == [0.12, 0.12]


def test_calibration_shows_the_bins() -> None:
    axes = axes_of(scores.calibration(examples.comparison()))
    assert labels(axes) == ["SimpleRNN (error 0.090)", "LSTM (error 0.090)"]
    assert axes.lines[1].get_xydata().tolist() == [[0.05, 0.1], [0.95, 0.8]]


def test_confusion_counts_and_shares_rows_by_label() -> None:
    simple_rnn, lstm = scores.confusion(examples.comparison()).axes
    assert (simple_rnn.get_title(), lstm.get_title()) == ("SimpleRNN", "LSTM")
    assert [text.get_text() for text in lstm.texts] == ["44\n88.0%", "6\n12.0%", "6\n12.0%", "44\n88.0%"]


def test_the_trend_joins_runs_on_the_newest_data() -> None:
    def run(fingerprint: str, **accuracies: float) -> RunSummary:
        return RunSummary("r", 1.0, "IMDB reviews", fingerprint, 1, accuracies, 1.0, {}, {}, {}, "x")

    rows = [run("old", lstm=0.5), run("new", lstm=0.8), run("new", gru=0.7), run("new", lstm=0.9)]
    axes = axes_of(scores.trend(rows))
    assert labels(axes) == ["LSTM", "GRU"]
    assert axes.lines[0].get_xydata().tolist() == [[1.0, 0.8], [3.0, 0.9]]


def test_the_trend_joins_only_comparable_runs() -> None:
    def run(accuracy: float, **settings: object) -> RunSummary:
        nested = {"training": {"epochs": 10, "seed": 1} | settings, "run": {"outputs": str(accuracy), "smoke": False}}
        return RunSummary("r", 1.0, "IMDB reviews", "f", 1, {"lstm": accuracy}, 1.0, {}, nested, {}, "x")

    axes = axes_of(scores.trend([run(0.8), run(0.5, epochs=1), run(0.9, seed=7)]))
    assert list(axes.lines[0].get_ydata()) == [0.8, 0.9]
