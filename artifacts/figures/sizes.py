"""The figure of training sizes: accuracy over the number of reviews, and the processor time that it takes."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from artifacts.figures.style import (
    YARDSTICK,
    accuracy_axis,
    errorbars,
    frame,
    grid,
    legend_below,
    log_axis,
    spread,
    style_of,
    title,
)
from artifacts.formats import capitalized, network_name
from artifacts.wording import sizes as wording
from tasks.results.comparison import Comparison
from tasks.results.sizes import SizeCurves

NEAREST = 0.07  # Sizes with labels are as far apart, as a share of the axis.


def sizes(c: Comparison) -> Figure:
    """Accuracy, with intervals, and processor seconds over the number of reviews to train on."""
    if c.sizes is None:
        raise ValueError("the run has no training sizes")
    figure, (accuracy, seconds) = grid(9.6, 4.0, 1, 2, used=2)
    models = c.models()
    for number, model in enumerate(models):
        points = c.sizes.of_model(model)
        look = style_of(c, model, label=network_name(model))
        shifted = [point.size * (1 + spread(number, len(models), 0.03)) for point in points]
        errorbars(accuracy, shifted, [point.accuracy for point in points], **look)
        seconds.plot([point.size for point in points], [point.cpu_seconds for point in points], **look)
    _draw_yardstick(c.sizes, accuracy, seconds)
    accuracy_axis(accuracy)
    accuracy.set_ylabel(capitalized(wording.accuracy(c.sizes)))
    seconds.set_ylabel("Processor seconds of the training")
    log_axis(seconds)
    seconds.yaxis.set_major_locator(LogLocator(10, (1, 2, 5)))
    seconds.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.12g}"))
    for axes, text in ((accuracy, f"Accuracy, with bounds ({wording.bounds(c.sizes)})"), (seconds, "Cost")):
        size_axis(axes, c.sizes.sizes)
        title(axes, text, c.dataset.title)
        frame(axes)
    legend_below(figure, accuracy)
    return figure


def _draw_yardstick(curves: SizeCurves, accuracy: Axes, seconds: Axes) -> None:
    measured = [each for each in curves.data if each.yardstick]
    x = [each.size for each in measured]
    if measured:
        errorbars(accuracy, x, [each.yardstick for each in measured if each.yardstick], **YARDSTICK)
        seconds.plot(x, [each.yardstick_seconds or math.nan for each in measured], **YARDSTICK)


def size_axis(axes: Axes, sizes: Sequence[int]) -> None:
    """Make the x axis logarithmic, with a tick at each size; of sizes whose labels would overlap, one has a label."""
    axes.set_xscale("log")
    axes.set_xlim(sizes[0] / 1.15, sizes[-1] * 1.15)
    axes.xaxis.set_major_locator(FixedLocator(sizes))
    axes.xaxis.set_minor_locator(NullLocator())
    shown = labelled(sizes)
    axes.set_xticks(sizes, [f"{size:,}" if size in shown else "" for size in sizes])
    axes.set_xlabel("Reviews to train on")


def labelled(sizes: Sequence[int]) -> list[int]:
    """The sizes that have a label: the largest and, from there down, those that are far enough from the one before."""
    shown = [sizes[-1]]
    least = NEAREST * math.log(sizes[-1] / sizes[0])
    for size in sizes[-2::-1]:
        if math.log(shown[-1] / size) >= least:
            shown.append(size)
    return shown[::-1]
