"""The style of all figures: the models' colours, markers and lines; sizes, titles and frames of axes."""

from collections.abc import Sequence
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, PercentFormatter

from artifacts.wording.yardstick import BAG_OF_WORDS
from tasks.results.comparison import Comparison
from tasks.results.training import Estimate

# Okabe & Ito (2008): distinct for all common kinds of colour vision; yellow, too pale on white, is left out.
MODEL_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
GREY = "#767676"
DPI = 100
# A bag of words is a line across the axes, because it has no epochs and no seeds.
YARDSTICK: dict[str, Any] = {"color": GREY, "linestyle": "--", "linewidth": 1.2, "label": BAG_OF_WORDS}
LegendLocation = Literal["best", "lower right", "lower left", "upper left"]
SMALL, MEDIUM, LARGE = 9, 10, 11  # Sizes of text, in points.


def single(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure with one set of axes; sizes in inches."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    return figure, figure.subplots()


def grid(width: float, height: float, rows: int, columns: int, used: int) -> tuple[Figure, list[Axes]]:
    """A figure with rows and columns of axes, of which the first `used` are visible; sizes in inches."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for unused in axes[used:]:
        unused.set_visible(False)
    return figure, axes[:used]


def style(number: int) -> dict[str, Any]:
    """Colour and marker of the model with this number. Line styles distinguish sets of reviews, never models."""
    return {
        "color": MODEL_COLOURS[number % len(MODEL_COLOURS)],
        "marker": MARKERS[number % len(MARKERS)],
        "linestyle": "-",
        "linewidth": 1.8,
        "markersize": 4.5,
    }


def style_of(c: Comparison, model: str, **changes: Any) -> dict[str, Any]:
    """The style of a model, the same in all figures of a report; `changes` replaces parts of it."""
    return style(c.models().index(model)) | changes


def frame(axes: Axes) -> None:
    """Draw a light grid behind the curves and no box around them."""
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def title(axes: Axes, text: str, data: str) -> None:
    """Title the axes with their content, and name the data below it."""
    axes.set_title(f"{text}\n{data}", fontsize=MEDIUM)


def legend(axes: Axes, location: LegendLocation = "best") -> None:
    """Add a legend without a frame."""
    axes.legend(frameon=False, fontsize=SMALL, loc=location)


def legend_below(figure: Figure, axes: Axes) -> None:
    """Add one legend below all axes, where it hides no curve."""
    handles, labels = axes.get_legend_handles_labels()
    columns = int(figure.get_size_inches()[0] / 1.4)
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False, fontsize=SMALL)


def accuracy_axis(axes: Axes) -> None:
    """Label the y axis as test accuracy, in percent."""
    axes.set_ylabel("Test accuracy")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))


def errorbars(axes: Axes, x: Sequence[float], estimates: Sequence[Estimate], **look: Any) -> None:
    """Draw a curve of estimates with their intervals."""
    values = [estimate.value for estimate in estimates]
    down = [max(estimate.value - estimate.low, 0) for estimate in estimates]
    up = [max(estimate.high - estimate.value, 0) for estimate in estimates]
    axes.errorbar(x, values, yerr=[down, up], capsize=2.5, elinewidth=1, **look)


def log_axis(axes: Axes) -> None:
    """Make the y axis logarithmic, with ticks at powers of ten only: minor ones take half the time of a figure."""
    axes.set_yscale("log")
    axes.yaxis.set_minor_locator(NullLocator())


def spread(number: int, count: int, width: float) -> float:
    """The shift of curve `number` of `count` that keeps error bars from overlapping."""
    return width * (number - (count - 1) / 2)
