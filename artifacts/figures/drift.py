"""The figure of drift: how far new texts are from the training reviews, beside what chance gives."""

from matplotlib.figure import Figure

from artifacts.figures.style import frame, single
from tasks.results.drift import Drift

ALARM, QUIET, CHANCE = "#D55E00", "#0072B2", "#bbbbbb"
WIDEST = 3.0


def drift(result: Drift) -> Figure:
    """Each figure as a multiple of its limit: draws of training reviews in grey, the new texts as a marker.

    What lies beyond three limits is drawn there with an arrow; the number beside it is exact.
    """
    figure, axes = single(7.0, 3.6)
    for row, item in enumerate(result.figures):
        scale = item.limit
        axes.plot([draw / scale for draw in item.draws], [row] * len(item.draws), "|", color=CHANCE, markersize=12)
        value = item.value / scale
        colour, marker = (ALARM, "D") if item.alarms else (QUIET, "o")
        axes.plot(min(value, WIDEST), row, ">" if value > WIDEST else marker, color=colour, markersize=8)
        axes.annotate(f"{item.value:.3f}", (min(value, WIDEST), row), (0, 9), textcoords="offset points", ha="center")
    axes.axvline(1.0, color="black", linewidth=1)
    axes.set_yticks(range(len(result.figures)), [item.name for item in result.figures])
    axes.set_ylim(len(result.figures) - 0.4, -0.7)
    axes.set_xlim(0, WIDEST * 1.08)
    axes.set_xlabel("Multiple of the limit; grey: draws of training reviews")
    frame(axes)
    return figure
