"""Figures of how networks read: accuracy by length and by words shown; probability word by word; reach of gradients."""

import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, ScalarFormatter

from artifacts.figures.style import (
    GREY,
    LARGE,
    MEDIUM,
    SMALL,
    accuracy_axis,
    errorbars,
    frame,
    grid,
    legend,
    log_axis,
    single,
    spread,
    style_of,
    title,
)
from artifacts.formats import network_name, plural
from artifacts.markup import label_names
from artifacts.wording import report as wording
from artifacts.wording.why import MOMENTS
from tasks.results.comparison import Comparison, Trace
from tasks.results.training import THRESHOLD, Estimate, Moment

SMALL_TEXT = 8  # Size of the text in small axes, in points.
LOWEST = 1e-9  # The lowest limit of the gradient axis; below it, curves are indistinguishable.
ZERO = 1e-30  # Replaces a gradient of 0 on a logarithmic axis.


def lengths(c: Comparison) -> Figure:
    """Accuracy by length of the review, in bins of equal counts."""
    figure, axes = single(6.4, 3.9)
    models = c.models()
    bins = c.evidence.lengths[models[0]]
    for number, model in enumerate(models):
        x = [i + spread(number, len(models), 0.12) for i in range(len(bins))]
        accuracies = [b.accuracy for b in c.evidence.lengths[model]]
        errorbars(axes, x, accuracies, label=network_name(model), **style_of(c, model))
    axes.set_xticks(range(len(bins)), [f"{b.shortest}–{b.longest}" for b in bins], rotation=35, ha="right")
    axes.tick_params(axis="x", labelsize=SMALL_TEXT)
    axes.set_xlabel("Length of the review (words)")
    _finish_accuracy(axes, c, "Accuracy by length, with 95% intervals")
    return figure


def memory(c: Comparison) -> Figure:
    """Accuracy when only the last words are shown."""
    figure, axes = single(6.4, 3.9)
    models = c.models()
    words = [point.words for point in c.explanations[0].memory]
    for number, model in enumerate(models):
        x = [k * (1 + spread(number, len(models), 0.03)) for k in words]
        memories = [e.memory for e in c.explanations if e.name == model]
        estimates = [_mean([point.accuracy for point in points]) for points in zip(*memories, strict=True)]
        errorbars(axes, x, estimates, label=network_name(model), **style_of(c, model))
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(words))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.tick_params(axis="x", labelsize=SMALL_TEXT)
    axes.set_xlabel("Last words shown (the rest is padding)")
    reviews = plural(c.explanations[0].memory_reviews, "review")
    _finish_accuracy(axes, c, f"Memory: accuracy from the last words alone, {reviews}")
    return figure


def reach(c: Comparison) -> Figure:
    """Norm of d loss / d input relative to the last word's, by steps from the end, at three moments (first seed)."""
    moments = list(MOMENTS)
    figure, axes = grid(9.6, 3.9, 1, len(moments), used=len(moments))
    smallest = 1.0
    for ax, moment in zip(axes, moments, strict=True):
        smallest = min([smallest, *_draw_reach(ax, c, moment)])
    for ax in axes:
        ax.set_ylim(bottom=max(smallest / 10, LOWEST))
    axes[0].set_ylabel("‖∂loss / ∂input‖, last word = 1")
    legend(axes[0])
    reviews = plural(c.explanations[0].reaches["last"].reviews, "review")
    figure.suptitle(f"Gradient reach: median and quartiles, {reviews} · {c.dataset.title}", fontsize=LARGE)
    return figure


def _draw_reach(axes: Axes, c: Comparison, moment: Moment) -> list[float]:
    """Draw the curves of all models at one moment, and return the medians above 0."""
    axes.axhline(0.01, color=GREY, linewidth=0.8, linestyle=":")
    medians: list[float] = []
    for explanation in c.first_explanations():
        norms, look = explanation.reaches[moment], style_of(c, explanation.name, marker="")
        steps = [back + 1 for back in norms.steps_back]
        axes.fill_between(steps, _above_zero(norms.lower), norms.upper, color=look["color"], alpha=0.18, linewidth=0)
        axes.plot(steps, _above_zero(norms.median), label=network_name(explanation.name), **look)
        medians += [value for value in norms.median if value > 0]
    log_axis(axes)
    axes.set_title(MOMENTS[moment].capitalize(), fontsize=MEDIUM)
    axes.set_xlabel("Steps back from the end")
    frame(axes)
    return medians


def traces(c: Comparison) -> Figure:
    """Probability of "positive" after each word of the chosen reviews."""
    chosen = c.evidence.traces
    rows = -(-len(chosen) // 2)
    figure, axes = grid(9.0, 2.5 * rows + 0.5, rows, 2, used=len(chosen))
    for ax, trace in zip(axes, chosen, strict=True):
        _draw_trace(ax, c, trace)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=SMALL)
    figure.suptitle(f"Reading word by word · {c.dataset.title}", fontsize=LARGE)
    return figure


def _draw_trace(axes: Axes, c: Comparison, trace: Trace) -> None:
    axes.axhline(THRESHOLD, color=GREY, linewidth=0.8, linestyle=":")
    for model, line in trace.lines.items():
        look = style_of(c, model, marker="", linewidth=1.4)
        axes.plot(range(1, len(line) + 1), line, label=network_name(model), **look)
    heading = f"{wording.reason(c, trace.reason)} ({wording.label(c, trace.review)})"
    axes.set_title("\n".join(textwrap.wrap(heading, 52)), fontsize=SMALL)
    axes.set(ylim=(-0.02, 1.02), xlabel="Words read", ylabel=f"P({label_names(c.dataset.labels)[1]})")
    axes.tick_params(labelsize=SMALL_TEXT)
    axes.xaxis.label.set_fontsize(SMALL_TEXT)
    axes.yaxis.label.set_fontsize(SMALL_TEXT)
    frame(axes)


def _finish_accuracy(axes: Axes, c: Comparison, text: str) -> None:
    accuracy_axis(axes)
    title(axes, text, c.dataset.title)
    frame(axes)
    legend(axes)


def _above_zero(values: Sequence[float]) -> list[float]:
    return [max(value, ZERO) for value in values]


def _mean(estimates: Sequence[Estimate]) -> Estimate:
    count = len(estimates)
    return Estimate(
        value=sum(e.value for e in estimates) / count,
        low=sum(e.low for e in estimates) / count,
        high=sum(e.high for e in estimates) / count,
    )
