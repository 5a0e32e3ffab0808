"""Figures of a sweep: what matters, how it went, and how settings and validation go together."""

import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from artifacts.figures.scales import QualityScale, SettingScale, quality_scale, setting_scale
from artifacts.figures.style import GREY, MEDIUM, MODEL_COLOURS, SMALL, frame, grid, legend_below, single, style, title
from artifacts.wording.sweep import setting_name
from tasks.results.sweep import Sweep, Trial, best_first

VALIDATION = "Validation (balanced accuracy)"
BEST = 3  # Trials that are emphasized if there are no finalists yet.
PRESENT_MARKER = "D"
STRIP = -0.12  # Where trials are that are below the axis.
# Pale for the worst, dark for the best: what matters stands out, and prints.
COLOURS = LinearSegmentedColormap.from_list("validation", ["#d2d2d2", "#9ecae1", "#56B4E9", "#0072B2", "#08244a"])
LONGEST_TICK, SHORT_TICK, FEW = 14, 9, 6  # Characters; parallel axes are closer if there are more than a few.
WRAPPED, LABEL = 13, {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.8}


class Kind(NamedTuple):
    """Trials of a kind, and what they look like."""

    label: str
    trials: list[Trial]
    look: dict[str, Any]


def _kinds(s: Sweep) -> list[Kind]:
    """The trials by kind, the most remarkable last; kinds without trials are left out."""
    blue, orange, green = MODEL_COLOURS[0], MODEL_COLOURS[1], MODEL_COLOURS[2]
    finalists = {finalist.trial.number for finalist in s.finalists} - {0}
    special = {0} | finalists
    plain = [trial for trial in s.trials if trial.number not in special or trial.quality is None]
    marked = [trial for trial in s.trials if trial.quality is not None]
    by_state = {
        "complete": {"marker": "o", "facecolors": blue, "alpha": 0.75, "s": 22, "linewidths": 0},
        "stopped": {"marker": "s", "facecolors": "none", "edgecolors": blue, "s": 22},
        "pruned": {"marker": "o", "facecolors": "none", "edgecolors": GREY, "s": 22},
        "failed": {"marker": "x", "color": "black", "s": 22, "linewidths": 1.2},
    }
    dark = {"edgecolors": "black", "linewidths": 0.6, "zorder": 4}
    kinds = [Kind(state, [trial for trial in plain if trial.state == state], look) for state, look in by_state.items()]
    kinds += [
        Kind(
            "finalists", [t for t in marked if t.number in finalists], {"marker": "^", "color": green, "s": 60, **dark}
        ),
        Kind(
            "present settings",
            [t for t in marked if t.number == 0],
            {"marker": PRESENT_MARKER, "color": orange, "s": 45, **dark},
        ),
    ]
    return [kind for kind in kinds if kind.trials]


def _draw_kinds(axes: Axes, s: Sweep, scale: QualityScale, places: dict[int, float]) -> None:
    """Draw each trial at its place and its validation."""
    for kind in _kinds(s):
        shown = [trial for trial in kind.trials if trial.number in places]
        heights = [_height(scale, trial) for trial in shown]
        axes.scatter([places[trial.number] for trial in shown], heights, label=kind.label, **kind.look)


def _height(scale: QualityScale, trial: Trial) -> float:
    return STRIP if scale.is_below(trial) or trial.quality is None else scale.place(trial.quality)


def _quality_axis(axes: Axes, s: Sweep, scale: QualityScale, is_labelled: bool = True) -> None:
    """The y axis of validation; a strip below it has the trials with less, or with none."""
    ticks = [(tick.place, tick.text) for tick in scale.ticks()]
    if any(scale.is_below(trial) for trial in s.trials):
        ticks.insert(0, (STRIP, "lower\nor failed"))
        axes.axhline(STRIP / 2, color=GREY, linewidth=0.8, linestyle=":")
        axes.set_ylim(STRIP - 0.07, 1.03)
    else:
        axes.set_ylim(-0.03, 1.03)
    axes.set_yticks([place for place, _ in ticks], [text if is_labelled else "" for _, text in ticks], fontsize=SMALL)
    if is_labelled:
        axes.set_ylabel(VALIDATION)


def importance(s: Sweep) -> Figure:
    """The share of the variance of validation that each setting explains, with its interval."""
    figure, axes = single(6.4, 1.3 + 0.42 * len(s.importances))
    for row, each in enumerate(s.importances):
        axes.barh(row, each.share.value, height=0.6, color=MODEL_COLOURS[0], alpha=0.75)
        axes.plot([each.share.low, each.share.high], [row, row], color="black", linewidth=1.2)
        axes.plot([each.share.low, each.share.high], [row, row], "|", color="black", markersize=7)
    axes.set_yticks(range(len(s.importances)), [_wrapped(each.name, 2 * WRAPPED) for each in s.importances])
    axes.set_ylim(len(s.importances) - 0.4, -0.6)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel("Share of the explained differences, with its 90% interval")
    title(axes, "Importance of each setting", s.dataset.title)
    frame(axes)
    return figure


def _wrapped(name: str, width: int = WRAPPED) -> str:
    return textwrap.fill(setting_name(name), width)


def slices(s: Sweep) -> Figure:
    """Validation over each searched setting."""
    count = len(s.dimensions)
    columns = min(count, 3)
    rows = -(-count // columns)
    figure, all_axes = grid(5.2 if count == 1 else 9.0, 2.7 * rows + 0.6, rows, columns, used=count)
    quality = quality_scale(s)
    for number, (dimension, axes) in enumerate(zip(s.dimensions, all_axes, strict=True)):
        scale = setting_scale(dimension, s.trials)
        places = {trial.number: place for trial in s.trials if (place := scale.place(trial)) is not None}
        _draw_kinds(axes, s, quality, places)
        _quality_axis(axes, s, quality, is_labelled=number % columns == 0)
        _setting_axis(axes, scale)
        frame(axes)
    figure.suptitle(f"Validation over each setting\n{s.dataset.title}", fontsize=MEDIUM)
    legend_below(figure, all_axes[0])
    return figure


def _setting_axis(axes: Axes, scale: SettingScale) -> None:
    ticks = scale.ticks(LONGEST_TICK)
    is_crowded = sum(len(tick.text) + 2 for tick in ticks) > 30
    axes.set_xticks([tick.place for tick in ticks], [tick.text for tick in ticks], fontsize=SMALL)
    if is_crowded:
        axes.tick_params(axis="x", labelrotation=30)
        for label in axes.get_xticklabels():
            label.set_horizontalalignment("right")
            label.set_rotation_mode("anchor")
    axes.set_xlim(-0.06, 1.06)
    axes.set_xlabel(_wrapped(scale.dimension.name, 30) + (" (log scale)" if scale.dimension.is_log else ""))


def best_so_far(s: Sweep) -> Figure:
    """Validation of each trial, in order, and the best so far."""
    figure, axes = single(9.0, 3.6)
    quality = quality_scale(s)
    _draw_kinds(axes, s, quality, {trial.number: float(trial.number) for trial in s.trials})
    steps = [(number, quality.place(value)) for number, value in s.best_so_far]
    if steps:
        last = s.trials[-1].number
        x, y = [*(number for number, _ in steps), last], [*(height for _, height in steps), steps[-1][1]]
        axes.step(x, y, where="post", color=MODEL_COLOURS[0], linewidth=1.8, label="best so far", zorder=2)
    _quality_axis(axes, s, quality)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlim(-0.6, max(s.trials[-1].number if s.trials else 0, 1) + 0.6)
    axes.set_xlabel("Trial")
    title(axes, "Each trial, and the best so far", s.dataset.title)
    frame(axes)
    legend_below(figure, axes)
    return figure


def learning_curves(s: Sweep) -> Figure:
    """Validation of every trial over its epochs; the finalists, or the best so far, in colour."""
    figure, axes = single(9.0, 4.2)
    coloured = _emphasized(s)
    numbers = {trial.number for trial in coloured}
    looks = [style(number) for number in (2, 0, 3, 4, 5, 6)]  # As in the other figures: the present settings have 1.
    for state, look in (("pruned", {"linestyle": "--"}), ("complete", {}), ("stopped", {})):
        curves = [trial for trial in s.trials if trial.state == state and trial.history and trial.number not in numbers]
        for number, trial in enumerate(curves):
            labels = {"label": "other trials" if state == "complete" else state} if number == 0 else {}
            _draw_curve(axes, trial, color=GREY, linewidth=0.9, alpha=_paler(s), **look, **labels)
    for trial in coloured:
        name = f"trial {trial.number}" if trial.number else "present settings (trial 0)"
        look = looks.pop(0) if trial.number else style(1) | {"marker": PRESENT_MARKER}
        _draw_curve(axes, trial, **look, label=name, zorder=3)
    axes.set_xlabel("Epoch")
    axes.set_ylabel(VALIDATION)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    title(axes, "Learning curves of all trials", s.dataset.title)
    frame(axes)
    legend_below(figure, axes)
    return figure


def _emphasized(s: Sweep) -> list[Trial]:
    """The finalists and the present settings or, before there are any, the best trials so far and the present ones."""
    chosen = [finalist.trial for finalist in s.finalists] or best_first(s.trials)[:BEST]
    others = [trial for trial in chosen if trial.number][: len(MODEL_COLOURS) - 1]
    present = [trial for trial in s.trials if trial.number == 0]
    return [trial for trial in [*others, *present] if trial.history]


def _draw_curve(axes: Axes, trial: Trial, **look: Any) -> None:
    look = {"marker": "." if len(trial.history) == 1 else "", **look}  # A line with one point is invisible.
    axes.plot([epoch.epoch for epoch in trial.history], [epoch.quality for epoch in trial.history], **look)


def parallel(s: Sweep) -> Figure:
    """Each trial as a line through its settings to its validation, which is its colour."""
    count = len(s.dimensions)
    figure, axes = single(min(max(2.0 + 1.25 * (count + 1), 6.4), 11.5), 4.8)
    scales = [setting_scale(dimension, s.trials) for dimension in s.dimensions]
    heads = [_wrapped(each.name) + ("\n(log scale)" if each.is_log else "") for each in s.dimensions]
    quality = quality_scale(s)
    ranked = [trial.number for trial in best_first(s.trials)[:BEST]]
    shown = sorted((trial for trial in s.trials if trial.quality is not None), key=lambda trial: trial.quality or 0.0)
    for trial in sorted(shown, key=lambda trial: trial.number in ranked):
        is_best = trial.number in ranked
        look = {"linewidth": 2.6, "zorder": 3} if is_best else {"linewidth": 1.0, "alpha": _paler(s)}
        _draw_line(axes, trial, scales, quality, **look)
    for number, scale in enumerate(scales):
        axes.plot([number, number], [0, 1], color="black", linewidth=0.8, zorder=4)
        for tick in scale.ticks(SHORT_TICK if count > FEW else LONGEST_TICK):
            axes.plot([number - 0.03, number], [tick.place] * 2, color="black", linewidth=0.8, zorder=4)
            axes.text(
                number - 0.05, tick.place, tick.text, ha="right", va="center", fontsize=SMALL, bbox=LABEL, zorder=5
            )
        axes.text(number, 1.07, heads[number], ha="center", va="bottom", fontsize=SMALL)
    _colour_bar(axes, count, quality, has_lower=any(quality.is_below(trial) for trial in shown))
    axes.set(xlim=(-0.75, count + 0.75), ylim=(-0.04, 1.05))
    axes.axis("off")
    title(
        axes,
        "Settings and validation of each trial",
        s.dataset.title + "\n" * (1 + max(head.count("\n") for head in heads)),
    )
    return figure


def _draw_line(axes: Axes, trial: Trial, scales: Sequence[SettingScale], quality: QualityScale, **look: Any) -> None:
    places = [scale.place(trial) for scale in scales]
    height = quality.place(trial.quality or 0.0)
    points = [(number, place) for number, place in enumerate(places) if place is not None] + [(len(scales), height)]
    x, y = zip(*points, strict=True)
    axes.plot(x, y, color=COLOURS(min(height, 1.0)), linestyle="--" if trial.state == "pruned" else "-", **look)


def _paler(s: Sweep) -> float:
    """The opacity of a line: many lines are paler, so that they do not become an area."""
    return min(0.8, max(0.25, 30 / max(len(s.trials), 1)))


def _colour_bar(axes: Axes, at: float, quality: QualityScale, has_lower: bool) -> None:
    """The axis of validation, which is also the key of the colours."""
    width = 0.12
    axes.pcolormesh([at, at + width], np.linspace(0, 1, 65), np.linspace(0, 1, 64)[:, None], cmap=COLOURS, zorder=4)
    if has_lower:
        axes.text(at + width + 0.05, 0.0, "lower", ha="left", va="center", fontsize=SMALL)
    for tick in (tick for tick in quality.ticks() if tick.place > 0.06 or not has_lower):
        axes.plot([at + width, at + width + 0.03], [tick.place] * 2, color="black", linewidth=0.8)
        axes.text(at + width + 0.05, tick.place, tick.text, ha="left", va="center", fontsize=SMALL)
    axes.text(at + width / 2, 1.07, "validation", ha="center", va="bottom", fontsize=SMALL)
