"""Figures of the chapter page: states over time, all outputs and the last one, lengths, gradients from other starts."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from artifacts.figures.style import DPI, GREY, LARGE, MEDIUM, MODEL_COLOURS, SMALL, frame, grid, log_axis, single, title
from artifacts.formats import network_name
from artifacts.wording.causes import START_NAMES
from tasks.results.chapter import Causes, Chapter, Loop, Matrix
from tasks.results.comparison import Comparison

LOWEST = 1e-6  # The lowest limit of the gradient's axis.


def states(_: Comparison, loop: Loop) -> Figure:
    """The states of a loop by hand over time: with the tutorial's weights, and with Keras's initial weights."""
    figure, axes = grid(9.0, 2.9, 1, 2, used=2)
    kinds = {"Weights drawn from 0 to 1, as in the tutorial": loop.uniform, "Keras's initial weights": loop.initial}
    for ax, (name, matrix) in zip(axes, kinds.items(), strict=True):
        image = _draw_states(ax, matrix, first=1)
        ax.set_title(name, fontsize=MEDIUM)
        ax.set_xlabel("Timestep")
    axes[0].set_ylabel("Unit")
    figure.colorbar(image, ax=axes, label="State")
    return figure


def sequences(c: Comparison) -> Figure:
    """What `return_sequences` returns for one review: all outputs, or the last one."""
    chapter = _chapter(c)
    reading = chapter.readings[0]
    figure = Figure(figsize=(9.0, 3.2), dpi=DPI, layout="constrained")
    whole, last = figure.subplots(1, 2, width_ratios=(20, 1))
    first = c.dataset.max_length - len(reading.states) + 1
    _draw_states(whole, reading.states, first)
    if reading.padding:
        whole.axvline(first + reading.padding - 0.5, color="black", linewidth=1, linestyle="--")
        whole.text(first + reading.padding / 2, -1.2, "padding", ha="center", va="bottom", fontsize=SMALL)
    whole.text(
        first + (reading.padding + len(reading.states)) / 2, -1.2, "words", ha="center", va="bottom", fontsize=SMALL
    )
    whole.set(xlabel="Timestep", ylabel="Unit")
    image = _draw_states(last, reading.states[-1:], c.dataset.max_length)
    last.set_xticks([c.dataset.max_length])
    last.set_yticks([])
    figure.colorbar(image, ax=last, label="Output", fraction=0.6)
    figure.suptitle(
        f"Outputs of {network_name(reading.name)} on one review: return_sequences=True (left) and False (right)",
        fontsize=LARGE,
    )
    return figure


def review_lengths(c: Comparison) -> Figure:
    """How many training reviews have which length, and where they are cut."""
    figure, axes = single(6.4, 3.2)
    lengths = _chapter(c).lengths
    axes.stairs(lengths.counts, lengths.edges, fill=True, color=MODEL_COLOURS[0], alpha=0.7)
    axes.axvline(c.dataset.max_length, color=GREY, linestyle="--", linewidth=1)
    axes.text(c.dataset.max_length, max(lengths.counts), " cut here", color=GREY, fontsize=SMALL, va="top")
    axes.set(xlabel="Length of the review (tokens; the last bar is all longer ones)", ylabel="Training reviews")
    title(axes, "Lengths before padding and cutting", c.dataset.title)
    frame(axes)
    return figure


def causes(c: Comparison) -> Figure:
    """How far back an untrained network's Jacobian reaches, as Keras starts it and from other starts."""
    measured = _chapter(c).causes
    figure, axes = grid(max(5.2, 4.6 * len(measured)), 4.0, 1, len(measured), used=len(measured))
    for ax, of_network in zip(axes, measured, strict=True):
        _draw_starts(ax, of_network)
    axes[0].set_ylabel("‖Jacobian‖, one step back = 1")
    figure.suptitle("Untrained networks, one change each", fontsize=LARGE)
    return figure


def _draw_starts(axes: Axes, of_network: Causes) -> None:
    axes.axhline(0.01, color=GREY, linewidth=0.8, linestyle=":")
    for number, start in enumerate(of_network.starts):
        steps = range(1, len(start.norms) + 1)
        norms = np.maximum(start.norms, LOWEST / 10)
        axes.plot(steps, norms, color=MODEL_COLOURS[number], label=START_NAMES[of_network.cell, start.start])
    log_axis(axes)
    axes.set_ylim(bottom=LOWEST)
    axes.set_xlabel("Steps back from the end")
    axes.set_title(network_name(of_network.name), fontsize=MEDIUM)
    frame(axes)
    axes.legend(frameon=False, fontsize=SMALL, loc="upper center", bbox_to_anchor=(0.5, -0.2))


def _draw_states(axes: Axes, matrix: Matrix, first: int) -> Any:
    """Draw states of shape (timesteps, units), from -1 to 1, as an image, because paths for all would be a megabyte."""
    values = np.array(matrix).T
    extent = (first - 0.5, first + values.shape[1] - 0.5, values.shape[0] + 0.5, 0.5)
    image = axes.imshow(values, cmap="PuOr", vmin=-1, vmax=1, aspect="auto", interpolation="nearest", extent=extent)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return image


def _chapter(c: Comparison) -> Chapter:
    if c.chapter is None:
        raise ValueError("the run has no numbers for the chapter page")
    return c.chapter
