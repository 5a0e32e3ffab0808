"""The report's figures. Each function draws on a figure of its own and returns it; nothing is shown or saved here."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from artifacts.figures.comparison import evidence_figures
from artifacts.figures.style import COLOURS, DPI, frame, plain, style
from tasks.results.comparison import Comparison
from tasks.results.training import Epoch

Curve = Literal["accuracy", "loss"]


def all_figures(comparison: Comparison) -> dict[str, Figure]:
    """Every figure of the report by the stem of its file."""
    figures = {"curves": shared_curves(comparison), "roc": roc(comparison), "confusion": confusion(comparison)}
    figures |= evidence_figures(comparison)
    for branch in comparison.branches:
        for curve in ("accuracy", "loss"):
            name = branch.name if len(comparison.branches) == len(comparison.models()) else branch.label
            figures[f"{branch.stem}-{curve}"] = tutorial_curve(name, branch.history, curve, comparison.dataset.title)
    return figures


def tutorial_curve(name: str, history: Sequence[Epoch], curve: Curve, data: str) -> Figure:
    """The tutorial's figure: dots for training, a line for validation, over the epochs."""
    figure, axes = plain(5.2, 3.6)
    _draw_tutorial_curve(axes, history, curve)
    axes.set_title(f"{name}: training and validation {curve}\n{data}", fontsize=10)
    return figure


def learning_curve(name: str, history: Sequence[Epoch], data: str) -> Figure:
    """Accuracy and loss side by side: what grows in the UI while a branch trains."""
    figure = Figure(figsize=(9.0, 3.4), dpi=DPI, layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_tutorial_curve(left, history, "accuracy")
    _draw_tutorial_curve(right, history, "loss")
    figure.suptitle(f"{name} · {data}", fontsize=11)
    return figure


def shared_curves(comparison: Comparison) -> Figure:
    """Validation accuracy and loss of all models on shared axes: the mean over seeds, and their range."""
    figure = Figure(figsize=(9.0, 3.8), dpi=DPI, layout="constrained")
    curves: tuple[Curve, Curve] = ("accuracy", "loss")
    for axes, curve in zip(figure.subplots(1, 2), curves, strict=True):
        for place, name in enumerate(comparison.models()):
            histories = [branch.history for branch in comparison.branches if branch.name == name]
            values = np.array([[getattr(epoch, f"val_{curve}") for epoch in history] for history in histories])
            epochs = [epoch.epoch for epoch in histories[0]]
            axes.plot(epochs, values.mean(axis=0), label=name, **style(place))
            if len(histories) > 1:
                low, high = values.min(axis=0), values.max(axis=0)
                axes.fill_between(epochs, low, high, color=style(place)["color"], alpha=0.18, linewidth=0)
        _finish(axes, curve, f"Validation {curve}")
        axes.legend(frameon=False, fontsize=9)
    seeds = len(comparison.branches) // len(comparison.models())
    several = f", mean and range of {seeds} seeds" if seeds > 1 else ""
    figure.suptitle(f"All models on the {comparison.dataset.title}{several}", fontsize=11)
    return figure


def roc(comparison: Comparison) -> Figure:
    """ROC curves on the test reviews, last epoch, first seed."""
    figure, axes = plain(5.2, 4.6)
    axes.plot([0, 1], [0, 1], color="#767676", linewidth=1, linestyle=":")
    for place, branch in enumerate(comparison.first_seed()):
        scores = next(e for e in comparison.evaluations if (e.name, e.seed) == (branch.name, branch.seed)).last
        axes.plot(*scores.roc, label=f"{branch.name} (AUC {scores.auc:.3f})", **(style(place) | {"marker": ""}))
    axes.set(xlabel="False positive rate", ylabel="True positive rate", xlim=(0, 1), ylim=(0, 1.01), aspect="equal")
    axes.set_title(f"ROC on the test reviews, last epoch\n{comparison.dataset.title}", fontsize=10)
    axes.legend(frameon=False, fontsize=9, loc="lower right")
    return figure


def confusion(comparison: Comparison) -> Figure:
    """Confusion matrices on the test reviews, last epoch: counts, mean over seeds, and shares of the row."""
    models = comparison.models()
    columns = min(3, len(models))
    rows = -(-len(models) // columns)
    figure = Figure(figsize=(max(4.6, 3.1 * columns), 3.2 * rows + 0.3), dpi=DPI, layout="constrained")
    places = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes, name in zip(places, models, strict=False):
        counts = np.mean([e.last.confusion for e in comparison.evaluations if e.name == name], axis=0)
        _draw_confusion(axes, name, counts.tolist())
    for axes in places[len(models) :]:
        axes.set_visible(False)
    figure.suptitle(f"Test reviews, last epoch · {comparison.dataset.title}", fontsize=11)
    return figure


@dataclass(frozen=True)
class Picture:
    """A figure as PNG and as SVG, the same bytes for the same figure."""

    png: bytes
    svg: str

    @property
    def data_uri(self) -> str:
        """A `data:` address for markdown that must carry its pictures."""
        return data_uri(self.png)


def picture(figure: Figure) -> Picture:
    """The figure drawn once in both formats."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    figure.set_layout_engine(None)  # Both formats have one layout, and it is found once.
    text = buffer.getvalue()
    return Picture(png(figure), text[text.index("<svg") :])


def png(figure: Figure) -> bytes:
    """The figure as PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def data_uri(image: bytes) -> str:
    """A PNG as a `data:` address."""
    return "data:image/png;base64," + base64.b64encode(image).decode()


def _draw_tutorial_curve(axes: Axes, history: Sequence[Epoch], curve: Curve) -> None:
    epochs = [epoch.epoch for epoch in history]
    training = [getattr(epoch, curve) for epoch in history]
    validation = [getattr(epoch, f"val_{curve}") for epoch in history]
    axes.plot(epochs, training, "o", color=COLOURS[0], markersize=5.5, label="training")
    axes.plot(epochs, validation, "-", color=COLOURS[1], linewidth=2, label="validation")
    if len(history) == 1:
        axes.plot(epochs, validation, "_", color=COLOURS[1], markersize=14, markeredgewidth=2)
    _finish(axes, curve, curve.capitalize())
    axes.legend(frameon=False, fontsize=9)


def _finish(axes: Axes, curve: Curve, label: str) -> None:
    axes.set_xlabel("Epoch")
    axes.set_ylabel(label + (" (nats)" if curve == "loss" else ""))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if curve == "accuracy":
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    frame(axes)


def _draw_confusion(axes: Axes, name: str, counts: Sequence[Sequence[float]]) -> None:
    shares = [[value / max(sum(row), 1) for value in row] for row in counts]
    axes.pcolormesh(shares, cmap="Blues", vmin=0, vmax=1)  # Not an image: the report's SVG holds no pixels.
    axes.invert_yaxis()
    axes.set_aspect("equal")
    for i, row in enumerate(counts):
        for j, value in enumerate(row):
            colour = "white" if shares[i][j] > 0.5 else "black"
            axes.text(
                j + 0.5,
                i + 0.5,
                f"{value:,.0f}\n{shares[i][j]:.1%}",
                ha="center",
                va="center",
                color=colour,
                fontsize=10,
            )
    axes.set_xticks([0.5, 1.5], ["negative", "positive"])
    axes.set_yticks([0.5, 1.5], ["negative", "positive"], rotation=90, va="center")
    axes.set(xlabel="Predicted", ylabel="True")
    axes.set_title(name, fontsize=10)
