"""Figures of the training: how loss and accuracy change over the epochs. A figure is one function."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from artifacts.figures.style import COLOURS, LARGE, frame, grid, legend, single, style_of, title
from artifacts.formats import plural
from tasks.results.comparison import Comparison
from tasks.results.training import Branch, Epoch

Curve = Literal["accuracy", "loss"]
CURVES: tuple[Curve, Curve] = ("accuracy", "loss")


def tutorial_curve(c: Comparison, branch: Branch, curve: Curve) -> Figure:
    """The tutorial's figure: dots for training, a line for validation, over the epochs."""
    figure, axes = single(5.2, 3.6)
    _draw_tutorial_curve(axes, branch.history, curve)
    name = branch.label if c.has_several_seeds() else branch.name
    title(axes, f"{name}: training and validation {curve}", c.dataset.title)
    return figure


def learning_curve(name: str, history: Sequence[Epoch], data: str) -> Figure:
    """Accuracy and loss side by side: what grows in the UI while a branch trains."""
    figure, axes = grid(9.0, 3.4, 1, 2, used=2)
    for curve, its_axes in zip(CURVES, axes, strict=True):
        _draw_tutorial_curve(its_axes, history, curve)
    figure.suptitle(f"{name} · {data}", fontsize=LARGE)
    return figure


def shared_curves(c: Comparison) -> Figure:
    """Validation accuracy and loss of all models on shared axes: the mean over seeds, and their range."""
    figure, axes = grid(9.0, 3.8, 1, 2, used=2)
    for curve, its_axes in zip(CURVES, axes, strict=True):
        for model in c.models():
            _draw_validation(its_axes, c, model, curve)
        _finish(its_axes, curve, f"Validation {curve}")
    seeds = len(c.branches) // len(c.models())
    several = f", mean and range of {plural(seeds, 'seed')}" if c.has_several_seeds() else ""
    figure.suptitle(f"All models on the {c.dataset.title}{several}", fontsize=LARGE)
    return figure


def _draw_validation(axes: Axes, c: Comparison, model: str, curve: Curve) -> None:
    histories = [branch.history for branch in c.branches if branch.name == model]
    # Shape (seeds, epochs).
    values = np.array([[getattr(epoch, f"val_{curve}") for epoch in history] for history in histories])
    epochs = [epoch.epoch for epoch in histories[0]]
    look = style_of(c, model)
    axes.plot(epochs, values.mean(axis=0), label=model, **look)
    if len(histories) > 1:
        axes.fill_between(epochs, values.min(axis=0), values.max(axis=0), color=look["color"], alpha=0.18, linewidth=0)


def _draw_tutorial_curve(axes: Axes, history: Sequence[Epoch], curve: Curve) -> None:
    epochs = [epoch.epoch for epoch in history]
    training = [getattr(epoch, curve) for epoch in history]
    validation = [getattr(epoch, f"val_{curve}") for epoch in history]
    axes.plot(epochs, training, "o", color=COLOURS[0], markersize=5.5, label="training")
    axes.plot(epochs, validation, "-", color=COLOURS[1], linewidth=2, label="validation")
    if len(history) == 1:  # A line of one point is invisible.
        axes.plot(epochs, validation, "_", color=COLOURS[1], markersize=14, markeredgewidth=2)
    _finish(axes, curve, curve.capitalize())


def _finish(axes: Axes, curve: Curve, label: str) -> None:
    axes.set_xlabel("Epoch")
    axes.set_ylabel(label + (" (nats)" if curve == "loss" else ""))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if curve == "accuracy":
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    frame(axes)
    legend(axes)
