"""Figures of the training: how loss and accuracy change over the epochs. Each figure is one function."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from artifacts.figures.style import LARGE, YARDSTICK, frame, grid, legend, single, style, style_of, title
from artifacts.formats import network_name, plural
from artifacts.wording.report import name
from tasks.results.comparison import Comparison
from tasks.results.training import Branch, Epoch

CurveName = Literal["accuracy", "loss"]
CURVES: tuple[CurveName, CurveName] = ("accuracy", "loss")
LONE_MARGIN = 0.5  # Margin around a single epoch: the axis contains no other whole number, so it has one tick.


def tutorial_curve(c: Comparison, branch: Branch, curve: CurveName) -> Figure:
    """The tutorial's figure: dots for training, a line for validation, on the same axes for all networks."""
    figure, axes = single(5.2, 3.6)
    _draw_tutorial_curve(axes, branch.history, curve, style_of(c, branch.name)["color"])
    axes.set(xlim=_range(c, ("epoch",)), ylim=_range(c, (curve, f"val_{curve}")))
    title(axes, f"{name(c, branch)}: training and validation {curve}", c.dataset.title)
    return figure


def learning_curve(model: str, number: int, history: Sequence[Epoch], data: str) -> Figure:
    """Accuracy and loss side by side; in the UI, the curves grow while a branch of model `number` trains."""
    figure, axes = grid(9.0, 3.4, 1, 2, used=2)
    for curve, its_axes in zip(CURVES, axes, strict=True):
        _draw_tutorial_curve(its_axes, history, curve, style(number)["color"])
    figure.suptitle(f"{network_name(model)} · {data}", fontsize=LARGE)
    return figure


def _range(c: Comparison, names: Sequence[str]) -> tuple[float, float]:
    """The range of the values over all epochs of all networks, with a margin."""
    values = [getattr(epoch, name) for branch in c.branches for epoch in branch.history for name in names]
    margin = 0.05 * (max(values) - min(values)) or LONE_MARGIN
    return min(values) - margin, max(values) + margin


def shared_curves(c: Comparison) -> Figure:
    """Validation accuracy and loss of all models on shared axes: the mean over seeds and, thin, each seed.

    Of uneven labels, it is the balanced accuracy: that of always giving one label is 50 %, however rare the other is.
    """
    figure, axes = grid(9.0, 3.8, 1, 2, used=2)
    for curve, its_axes in zip(CURVES, axes, strict=True):
        is_balanced = curve == "accuracy" and c.dataset.is_uneven
        for model in c.models():
            _draw_validation(its_axes, c, model, "balanced_accuracy" if is_balanced else curve)
        if c.yardstick and curve == "accuracy":
            bag = c.yardstick.yardstick
            its_axes.axhline(bag.validation_balanced if is_balanced else bag.validation_accuracy, **YARDSTICK)
        _finish(its_axes, curve, f"{'Balanced validation' if is_balanced else 'Validation'} {curve}")
    seeds = len(c.branches) // len(c.models())
    several = f", mean of {plural(seeds, 'seed')} and each seed" if c.has_several_seeds() else ""
    figure.suptitle(f"Validation on the {c.dataset.title}{several}", fontsize=LARGE)
    return figure


def _draw_validation(axes: Axes, c: Comparison, model: str, values_of: str) -> None:
    histories = [branch.history for branch in c.branches if branch.name == model]
    values = [[getattr(epoch, f"val_{values_of}") for epoch in history] for history in histories]
    epochs = range(1, min(map(len, histories)) + 1)  # With --minutes, seeds may have different numbers of epochs.
    look = style_of(c, model)
    axes.plot(
        epochs, np.mean([of_seed[: len(epochs)] for of_seed in values], axis=0), label=network_name(model), **look
    )
    if len(epochs) == 1:
        axes.set_xlim(1 - LONE_MARGIN, 1 + LONE_MARGIN)
    if len(histories) > 1:
        for of_seed in values:
            axes.plot(range(1, len(of_seed) + 1), of_seed, color=look["color"], alpha=0.4, linewidth=0.8)


def _draw_tutorial_curve(axes: Axes, history: Sequence[Epoch], curve: CurveName, colour: str) -> None:
    epochs = [epoch.epoch for epoch in history]
    training = [getattr(epoch, curve) for epoch in history]
    validation = [getattr(epoch, f"val_{curve}") for epoch in history]
    axes.plot(epochs, training, "o", color=colour, markersize=5.5, label="training")
    axes.plot(epochs, validation, "-", color=colour, linewidth=2, label="validation")
    if len(history) == 1:  # A line with one point is invisible.
        axes.plot(epochs, validation, "_", color=colour, markersize=14, markeredgewidth=2)
    _finish(axes, curve, curve.capitalize())


def _finish(axes: Axes, curve: CurveName, label: str) -> None:
    axes.set_xlabel("Epoch")
    axes.set_ylabel(label + (" (nats)" if curve == "loss" else ""))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if curve == "accuracy":
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    frame(axes)
    legend(axes)
