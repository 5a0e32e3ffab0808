"""Figures of scores: which model is better, whether to trust its probabilities, how far texts have drifted."""

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from artifacts.figures.style import (
    GREY,
    LARGE,
    MEDIUM,
    YARDSTICK,
    accuracy_axis,
    frame,
    grid,
    legend,
    single,
    style,
    style_of,
    title,
)
from artifacts.formats import network_name
from artifacts.markup import label_names
from artifacts.wording import report as wording
from tasks.results.comparison import Comparison
from tasks.results.data import Labels
from tasks.results.drift import Drift
from tasks.results.run_summary import RunSummary

TREND_RUNS = 30
WIDEST_TICK = 14  # Characters of a line beside a row of a confusion matrix.
MARKED = 0.1  # A marker at each tenth of a long curve, so that models differ in more than colour.


def seeds(c: Comparison) -> Figure:
    """Test accuracy of each seed, with each model's mean and interval."""
    models = c.model_summaries()
    figure, axes = single(6.4, 1.4 + 0.6 * len(models))
    for row, model in enumerate(models):
        values = [e.last.accuracy for e in c.evaluations if e.name == model.name]
        look = style_of(c, model.name)
        axes.plot(values, [row] * len(values), linestyle="", marker=look["marker"], color=look["color"], alpha=0.6)
        axes.plot([model.accuracy.value] * 2, [row - 0.25, row + 0.25], color=look["color"], linewidth=2.5)
        axes.plot([model.accuracy.low, model.accuracy.high], [row, row], color=look["color"], linewidth=1)
    if c.yardstick:
        axes.axvline(c.yardstick.yardstick.accuracy.value, **YARDSTICK)
        legend(axes)
    axes.set_yticks(range(len(models)), [network_name(model.name) for model in models])
    axes.set_ylim(len(models) - 0.4, -0.6)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel("Test accuracy, last epoch")
    title(axes, "Each seed, the mean and its 95% interval", c.dataset.title)
    frame(axes)
    return figure


def roc(c: Comparison) -> Figure:
    """ROC curves on the test reviews, last epoch, first seed."""
    figure, axes = single(5.2, 4.6)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":")
    for branch, evaluation in c.first_networks():
        scores = evaluation.last
        label = f"{wording.name(c, branch)} (AUC {scores.auc:.3f})"
        axes.plot(scores.roc.x, scores.roc.y, label=label, **style_of(c, branch.name, markevery=MARKED))
    axes.set(xlabel="False positive rate", ylabel="True positive rate", xlim=(0, 1), ylim=(0, 1.01), aspect="equal")
    title(axes, "ROC on the test reviews, last epoch", c.dataset.title)
    legend(axes, "lower right")
    return figure


def precision_recall(c: Comparison) -> Figure:
    """Precision-recall curves on the test reviews, last epoch, first seed; by chance, precision is a share."""
    figure, axes = single(5.2, 4.4)
    for branch, evaluation in c.first_networks():
        curve = evaluation.last.precision_recall
        # Precision at a recall of 0 depends on a single review, so the curve starts at the next point.
        look = style_of(c, branch.name, markevery=MARKED)
        axes.plot(curve.x[1:], curve.y[1:], label=wording.name(c, branch), **look)
    positive = c.dataset.test.positive / c.dataset.test.reviews
    axes.axhline(positive, color=GREY, linestyle="--", linewidth=1, label="chance")
    axes.set(xlabel="Recall", ylabel="Precision", xlim=(0, 1))
    axes.set_ylim(top=1.01)
    legend(axes)
    title(axes, "Precision and recall on the test reviews, last epoch", c.dataset.title)
    frame(axes)
    return figure


def calibration(c: Comparison) -> Figure:
    """Reliability diagram: the share of positive reviews in each bin of probability, first seed."""
    figure, axes = single(5.2, 4.4)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":")
    for branch, evaluation in c.first_networks():
        bins = evaluation.last.reliability
        label = f"{wording.name(c, branch)} (error {evaluation.last.calibration_error:.3f})"
        axes.plot([b.probability for b in bins], [b.positive for b in bins], label=label, **style_of(c, branch.name))
    of = wording.positive(c)
    axes.set(xlabel=f"Predicted probability of {of}", ylabel=f"Share that is {of}", aspect="equal")
    axes.set(xlim=(0, 1), ylim=(-0.01, 1.01))
    legend(axes, "upper left")
    title(axes, "Calibration on the test reviews, last epoch", c.dataset.title)
    frame(axes)
    return figure


def confusion(c: Comparison) -> Figure:
    """Confusion matrices on the test reviews, last epoch: mean counts over seeds, and shares of each row."""
    models = c.models()
    columns = min(3, len(models))
    rows = -(-len(models) // columns)
    figure, axes = grid(max(4.6, 3.1 * columns), 3.2 * rows + 0.3, rows, columns, used=len(models))
    for its_axes, model in zip(axes, models, strict=True):
        counts = np.mean([e.last.confusion for e in c.evaluations if e.name == model], axis=0)
        _draw_confusion(its_axes, network_name(model), counts.tolist(), label_names(c.dataset.labels))
    figure.suptitle(f"Test reviews, last epoch · {c.dataset.title}", fontsize=LARGE)
    return figure


def trend(rows: Sequence[RunSummary]) -> Figure:
    """Test accuracy of each model over the runs that are comparable with the newest, oldest first."""
    figure, axes = single(6.4, 3.6)
    same = [row for row in rows if row.conditions == rows[-1].conditions][-TREND_RUNS:]
    for number, model in enumerate(dict.fromkeys(name for row in same for name in row.accuracies)):
        runs = [i for i, row in enumerate(same, 1) if model in row.accuracies]
        accuracies = [row.accuracies[model] for row in same if model in row.accuracies]
        axes.plot(runs, accuracies, label=network_name(model), **style(number))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlabel("Run, the newest last")
    accuracy_axis(axes)
    title(axes, "Runs with the same data and settings", rows[-1].data)
    frame(axes)
    legend(axes)
    return figure


def _draw_confusion(axes: Axes, name: str, counts: Sequence[Sequence[float]], labels: Labels) -> None:
    shares = [[value / max(sum(row), 1) for value in row] for row in counts]
    # Not an image, so that the report's SVG contains no pixels.
    axes.pcolormesh(shares, cmap="Greys", vmin=0, vmax=1)  # Grey, because colours stand for models.
    axes.invert_yaxis()
    axes.set_aspect("equal")
    for i, j in np.ndindex(2, 2):
        text = f"{counts[i][j]:,.0f}\n{shares[i][j]:.1%}"
        colour = "white" if shares[i][j] > 0.5 else "black"
        axes.text(j + 0.5, i + 0.5, text, ha="center", va="center", color=colour, fontsize=MEDIUM)
    axes.set_xticks([0.5, 1.5], [textwrap.fill(label, WIDEST_TICK) for label in labels])
    axes.set_yticks([0.5, 1.5], [textwrap.fill(label, WIDEST_TICK) for label in labels], rotation=90, va="center")
    axes.set(xlabel="Predicted", ylabel="Label")
    axes.set_title(name, fontsize=MEDIUM)


ALARM_COLOUR, QUIET_COLOUR, CHANCE_COLOUR = "#D55E00", "#0072B2", "#bbbbbb"
MAX_MULTIPLE = 3.0


def drift_figure(result: Drift) -> Figure:
    """Each drift figure as a multiple of its limit: draws of training reviews in grey, the new texts as a marker.

    An arrow at three times the limit marks a larger value; the number next to the arrow is exact.
    """
    figure, axes = single(7.0, 3.6)
    for row, item in enumerate(result.figures):
        scale = item.limit
        axes.plot(
            [draw / scale for draw in item.draws], [row] * len(item.draws), "|", color=CHANCE_COLOUR, markersize=12
        )
        value = item.value / scale
        colour, marker = (ALARM_COLOUR, "D") if item.alarms else (QUIET_COLOUR, "o")
        axes.plot(min(value, MAX_MULTIPLE), row, ">" if value > MAX_MULTIPLE else marker, color=colour, markersize=8)
        axes.annotate(
            f"{item.value:.3f}", (min(value, MAX_MULTIPLE), row), (0, 9), textcoords="offset points", ha="center"
        )
    axes.axvline(1.0, color="black", linewidth=1)
    axes.set_yticks(range(len(result.figures)), [item.name for item in result.figures])
    axes.set_ylim(len(result.figures) - 0.4, -0.7)
    axes.set_xlim(0, MAX_MULTIPLE * 1.08)
    axes.set_xlabel("Multiple of the limit; grey: draws of training reviews")
    frame(axes)
    return figure
