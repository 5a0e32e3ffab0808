"""Figures that show which model is better, how sure that is, and why. One colour, marker and line for each model."""

import textwrap
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator, PercentFormatter, ScalarFormatter

from artifacts.figures.style import DPI, frame, plain, style
from tasks.results.comparison import Comparison, Trace
from tasks.results.evaluation import Estimate, Explanation, Scores
from tasks.results.run_log import RunSummary

TREND_RUNS = 30


def evidence_figures(c: Comparison) -> dict[str, Figure]:
    """The figures by the stem of their files."""
    figures = {
        "lengths": lengths(c), "memory": memory(c), "reach": reach(c), "calibration": calibration(c),
        "precision-recall": precision_recall(c),
    }  # fmt: skip
    if c.evidence.traces:
        figures["traces"] = traces(c)
    if any(model.seeds > 1 for model in c.evidence.models):
        figures["seeds"] = seeds(c)
    return figures


def seeds(c: Comparison) -> Figure:
    """Test accuracy of each seed, with each model's mean and its interval."""
    figure, axes = plain(6.4, 1.4 + 0.6 * len(c.evidence.models))
    for place, model in enumerate(c.evidence.models):
        values = [e.last.accuracy for e in c.evaluations if e.name == model.name]
        look = _look(c, model.name)
        axes.plot(values, [place] * len(values), linestyle="", marker=look["marker"], color=look["color"], alpha=0.6)
        axes.plot([model.accuracy.value] * 2, [place - 0.25, place + 0.25], color=look["color"], linewidth=2.5)
        axes.plot([model.accuracy.low, model.accuracy.high], [place, place], color=look["color"], linewidth=1)
    axes.set_yticks(range(len(c.evidence.models)), [model.name for model in c.evidence.models])
    axes.set_ylim(len(c.evidence.models) - 0.4, -0.6)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel("Test accuracy, last epoch")
    _title(axes, c, "Each seed, the mean and its 95 % interval")
    frame(axes)
    return figure


def lengths(c: Comparison) -> Figure:
    """Accuracy by length of the review, bins of equal counts."""
    figure, axes = plain(6.4, 3.9)
    models = list(c.evidence.lengths.items())
    for place, (name, bins) in enumerate(models):
        shift = 0.12 * (place - (len(models) - 1) / 2)
        _errorbars(axes, c, name, [i + shift for i in range(len(bins))], [one.accuracy for one in bins])
    bins = models[0][1]
    axes.set_xticks(range(len(bins)), [f"{one.shortest}–{one.longest}" for one in bins], rotation=35, ha="right")
    axes.tick_params(axis="x", labelsize=8)
    axes.set_xlabel("Length of the review (words)")
    _accuracy_axis(axes)
    _title(axes, c, "Accuracy by length, with 95 % intervals")
    return figure


def memory(c: Comparison) -> Figure:
    """Accuracy when only the last words are shown."""
    figure, axes = plain(6.4, 3.9)
    names = [model.name for model in c.evidence.models]
    for place, name in enumerate(names):
        every = [e.memory for e in c.explanations if e.name == name]
        words = [point.words for point in every[0]]
        estimates = [_mean([points[i].accuracy for points in every]) for i in range(len(words))]
        shift = 1 + 0.03 * (place - (len(names) - 1) / 2)
        _errorbars(axes, c, name, [shift * k for k in words], estimates)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(words))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.tick_params(axis="x", labelsize=8)
    axes.set_xlabel("Last words shown, the rest is padding")
    _accuracy_axis(axes)
    _title(axes, c, f"Memory: accuracy from the last words alone, {c.explanations[0].memory_reviews:,} reviews")
    return figure


def reach(c: Comparison) -> Figure:
    """Norm of d loss / d input, back from the end."""
    figure, axes = plain(6.4, 3.9)
    smallest = 1.0
    for name, explanation in _first(c).items():
        found, look = explanation.reach, _look(c, name)
        steps = [s + 1 for s in found.steps_back]
        floor = [max(value, 1e-30) for value in found.lower]
        axes.fill_between(steps, floor, found.upper, color=look["color"], alpha=0.18, linewidth=0)
        axes.plot(steps, [max(value, 1e-30) for value in found.median], label=name, **(look | {"marker": ""}))
        smallest = min(smallest, *(value for value in found.median if value > 0))
    axes.set_yscale("log")
    axes.set_ylim(bottom=max(smallest / 10, 1e-30))
    axes.set(xlabel="Steps back from the end of the review", ylabel="‖∂loss / ∂input‖")
    axes.legend(frameon=False, fontsize=9)
    _title(axes, c, f"Gradient reach: median and quartiles, {c.explanations[0].reach.reviews} reviews")
    frame(axes)
    return figure


def traces(c: Comparison) -> Figure:
    """Probability of "positive" after each word of the chosen reviews."""
    found = c.evidence.traces
    rows = -(-len(found) // 2)
    figure = Figure(figsize=(9.0, 2.5 * rows + 0.5), dpi=DPI, layout="constrained")
    places = list(figure.subplots(rows, 2, squeeze=False).flat)
    for axes, trace in zip(places, found, strict=False):
        _draw_trace(axes, c, trace)
    for axes in places[len(found) :]:
        axes.set_visible(False)
    handles, labels = places[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=9)
    figure.suptitle(f"Reading word by word · {c.dataset.title}", fontsize=11)
    return figure


def calibration(c: Comparison) -> Figure:
    """Reliability diagram: how often "positive" comes true at each probability."""
    figure, axes = plain(5.2, 4.4)
    axes.plot([0, 1], [0, 1], color="#767676", linewidth=1, linestyle=":")
    for name, scores in _scores(c).items():
        bins = scores.reliability
        label = f"{name} (error {scores.calibration_error:.3f})"
        axes.plot([b.probability for b in bins], [b.positive for b in bins], label=label, **_look(c, name))
    axes.set(xlabel="Predicted probability of “positive”", ylabel="Share that is positive", aspect="equal")
    axes.set(xlim=(0, 1), ylim=(-0.01, 1.01))
    axes.legend(frameon=False, fontsize=9, loc="upper left")
    _title(axes, c, "Calibration on the test reviews, last epoch")
    frame(axes)
    return figure


def precision_recall(c: Comparison) -> Figure:
    """Precision-recall curves on the test reviews, last epoch."""
    figure, axes = plain(5.2, 4.4)
    for name, scores in _scores(c).items():
        # Precision at no recall at all is that of a single review: the curve begins with the next point.
        recall, precision = (curve[1:] for curve in scores.precision_recall)
        axes.plot(recall, precision, label=name, **(_look(c, name) | {"marker": ""}))
    axes.set(xlabel="Recall", ylabel="Precision", xlim=(0, 1), ylim=(0.45, 1.01))
    axes.legend(frameon=False, fontsize=9, loc="lower left")
    _title(axes, c, "Precision and recall on the test reviews, last epoch")
    frame(axes)
    return figure


def trend(rows: Sequence[RunSummary]) -> Figure:
    """Test accuracy of each model over the runs on the newest run's data, oldest first."""
    figure, axes = plain(6.4, 3.6)
    same = [row for row in rows if row.fingerprint == rows[-1].fingerprint][-TREND_RUNS:]
    for place, name in enumerate(dict.fromkeys(name for row in same for name in row.accuracies)):
        points = [(i, row.accuracies[name]) for i, row in enumerate(same, 1) if name in row.accuracies]
        axes.plot(*zip(*points, strict=True), label=name, **style(place))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlabel("Run, the newest last")
    _accuracy_axis(axes)
    axes.set_title(f"Runs on the same data\n{rows[-1].data}", fontsize=10)
    return figure


def _draw_trace(axes: Axes, c: Comparison, trace: Trace) -> None:
    axes.axhline(0.5, color="#767676", linewidth=0.8, linestyle=":")
    for name, line in trace.lines.items():
        axes.plot(range(1, len(line) + 1), line, label=name, **(_look(c, name) | {"marker": "", "linewidth": 1.4}))
    label = "positive" if trace.text.label else "negative"
    axes.set_title("\n".join(textwrap.wrap(f"{trace.text.reason} ({label})", 52)), fontsize=8.5)
    axes.set(ylim=(-0.02, 1.02), xlabel="Words read", ylabel="P(positive)")
    axes.tick_params(labelsize=8)
    axes.xaxis.label.set_fontsize(8)
    axes.yaxis.label.set_fontsize(8)
    frame(axes)


def _errorbars(axes: Axes, c: Comparison, name: str, x: Sequence[float], estimates: Sequence[Estimate]) -> None:
    values = [e.value for e in estimates]
    down = [max(e.value - e.low, 0) for e in estimates]
    up = [max(e.high - e.value, 0) for e in estimates]
    axes.errorbar(x, values, yerr=[down, up], label=name, capsize=2.5, elinewidth=1, **_look(c, name))


def _accuracy_axis(axes: Axes) -> None:
    axes.set_ylabel("Test accuracy")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.legend(frameon=False, fontsize=9)
    frame(axes)


def _title(axes: Axes, c: Comparison, text: str) -> None:
    axes.set_title(f"{text}\n{c.dataset.title}", fontsize=10)


def _look(c: Comparison, name: str) -> dict[str, Any]:
    return style(c.models().index(name))


def _first(c: Comparison) -> dict[str, Explanation]:
    """Each model's explanation with the first seed."""
    return {e.name: e for e in c.explanations if e.seed == c.branches[0].seed}


def _scores(c: Comparison) -> dict[str, Scores]:
    """Each model's scores with the first seed, last epoch."""
    return {e.name: e.last for e in c.evaluations if e.seed == c.branches[0].seed}


def _mean(estimates: Sequence[Estimate]) -> Estimate:
    count = len(estimates)
    return Estimate(
        sum(e.value for e in estimates) / count, sum(e.low for e in estimates) / count,
        sum(e.high for e in estimates) / count,
    )  # fmt: skip
