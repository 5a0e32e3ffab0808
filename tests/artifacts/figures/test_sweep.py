from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from artifacts.figures import scales, sweep
from artifacts.figures.style import MODEL_COLOURS
from tasks.results.sweep import Dimension, Sweep
from tests.fixtures import sweeps

LONG = Dimension(
    "an_unusually_long_name_of_a_setting", ("a long name of a category", "another one that is longer", "c")
)
MANY = (*sweeps.DIMENSIONS, LONG, *(Dimension(f"share_{n}", low=0.0, high=0.5) for n in range(4)))
FAILED = [sweeps.trial(n, None, "failed", "the loss is not a number") for n in range(1, 4)]
FIGURES = (sweep.slices, sweep.best_so_far, sweep.learning_curves, sweep.parallel)
ODD: dict[str, Callable[[], Sweep]] = {
    "one trial": lambda: sweeps.sweep([sweeps.trial(0)]),
    "one setting": lambda: sweeps.searched(12, dimensions=sweeps.DIMENSIONS[3:4]),
    "all failed but one": lambda: sweeps.sweep([sweeps.trial(0), *FAILED]),
    "all equal": lambda: sweeps.sweep([sweeps.trial(n) for n in range(4)]),
    "many": lambda: sweeps.searched(200),
    "ten settings": lambda: sweeps.searched(20, dimensions=MANY),
}


def texts(axes: Axes) -> list[str]:
    """The texts inside the axes."""
    return [text.get_text() for text in axes.texts]


def labels(axes: Axes) -> dict[str, list[tuple[float, float]]]:
    """The points of each labelled kind of trial."""
    points = {str(drawn.get_label()): np.asarray(drawn.get_offsets()) for drawn in axes.collections}
    return {label: [(float(x), float(y)) for x, y in offsets] for label, offsets in points.items()}


@pytest.mark.parametrize("name", ODD)
def test_every_sweep_can_be_drawn(name: str) -> None:
    s = ODD[name]()
    for draw in (*FIGURES, *([sweep.importance] if s.importances else [])):
        figure: Figure = draw(s)
        figure.draw_without_rendering()
        assert figure.axes


def test_trials_are_marked_by_how_they_ended() -> None:
    trials = [
        sweeps.trial(0, 0.8),
        sweeps.trial(1, 0.82),
        sweeps.trial(2, 0.7, "pruned"),
        sweeps.trial(3, 0.81, "stopped"),
    ]
    s = sweeps.sweep([*trials, *FAILED[2:]], [sweeps.finalist(trials[1], 0.82, 0.01)])
    found = labels(sweep.best_so_far(s).axes[0])
    assert {label: [x for x, _ in points] for label, points in found.items()} == {
        "stopped": [3.0],
        "pruned": [2.0],
        "failed": [3.0],
        "finalists": [1.0],
        "present settings": [0.0],
    }
    assert found["failed"][0][1] == sweep.STRIP


def test_the_best_so_far_never_falls_and_does_not_count_pruned_trials() -> None:
    trials = [sweeps.trial(n, quality) for n, quality in enumerate((0.8, 0.82, 0.81))]
    s = sweeps.sweep([*trials, sweeps.trial(3, 0.9, "pruned"), sweeps.trial(4, 0.85)])
    assert s.best_so_far == ((0, 0.8), (1, 0.82), (4, 0.85))
    (line,) = [line for line in sweep.best_so_far(s).axes[0].lines if line.get_label() == "best so far"]
    assert np.asarray(line.get_xdata()).tolist() == [0, 1, 4, 4]


def test_a_trial_that_learned_nothing_does_not_squeeze_the_others() -> None:
    trials = [sweeps.trial(n, quality) for n, quality in enumerate((0.86, 0.87, 0.88, 0.87, 0.5))]
    scale = scales.quality_scale(sweeps.sweep(trials))
    assert [scale.is_below(trial) for trial in trials] == [False] * 4 + [True]
    assert scale.place(0.86) < 0.5 < scale.place(0.88) < 1
    assert scale.place(0.5) == 0


def test_the_present_settings_are_always_on_the_axis() -> None:
    trials = [sweeps.trial(n, quality) for n, quality in enumerate((0.5, 0.87, 0.88, 0.87))]
    assert not scales.quality_scale(sweeps.sweep(trials)).is_below(trials[0])


def test_settings_have_their_real_values_as_ticks() -> None:
    s = sweeps.searched()
    shown = {each.name: [tick.text for tick in scales.setting_scale(each, s.trials).ticks(14)] for each in s.dimensions}
    assert shown == {
        "cell": ["SimpleRNN", "LSTM", "GRU"],
        "units": ["16", "32", "64", "128"],
        "embedding": ["20", "40", "60"],
        "learning_rate": ["0.0001", "0.001", "0.01"],
        "batch_size": ["32", "64", "128"],
    }
    axes = sweep.parallel(s).axes[0]
    assert {"LSTM", "0.001", "learning rate\n(log scale)", "validation"} <= set(texts(axes))


def test_a_log_scale_is_logarithmic_and_categories_have_equal_room() -> None:
    rate = scales.setting_scale(sweeps.DIMENSIONS[3], ())
    assert rate.place(sweeps.trial(0, settings={"learning_rate": 0.001})) == pytest.approx(0.5)
    assert rate.place(sweeps.trial(0, settings={})) is None
    cell = scales.setting_scale(sweeps.DIMENSIONS[0], ())
    places = [cell.place(sweeps.trial(n, settings={"cell": "lstm"})) for n in range(20)]
    assert all(place and 1 / 3 < place < 2 / 3 for place in places)
    assert len(set(places)) == 20


def test_a_present_value_outside_the_search_has_a_place() -> None:
    present = sweeps.trial(0, settings={"units": 48, "learning_rate": 0.1})
    units, rate = (scales.setting_scale(sweeps.DIMENSIONS[n], (present,)) for n in (1, 3))
    assert [tick.text for tick in units.ticks(14)] == ["16", "32", "48", "64", "128"]
    assert rate.place(present) == 1.0


def test_long_names_are_shortened() -> None:
    ticks = scales.setting_scale(LONG, ()).ticks(9)
    assert [tick.text for tick in ticks] == ["a long n…", "another …", "c"]


def test_finalists_have_colours_and_the_others_are_grey() -> None:
    axes = sweep.learning_curves(sweeps.confirmed()).axes[0]
    colours = {line.get_label(): line.get_color() for line in axes.lines}
    assert colours == {
        "trial 2": MODEL_COLOURS[2],
        "trial 3": MODEL_COLOURS[0],
        "present settings (trial 0)": MODEL_COLOURS[1],
    }


def test_pruned_curves_are_dashed() -> None:
    trials = [sweeps.trial(n, 0.8 + n / 100) for n in range(5)]
    s = sweeps.sweep([*trials, sweeps.trial(5, 0.6, "pruned")])
    lines = {line.get_label(): line.get_linestyle() for line in sweep.learning_curves(s).axes[0].lines}
    assert lines["pruned"] == "--"
    assert lines["other trials"] == "-"


def test_the_best_lines_are_thick_and_drawn_last() -> None:
    s = sweeps.searched()
    lines = [line for line in sweep.parallel(s).axes[0].lines if np.size(line.get_xdata()) == 6]
    assert [line.get_linewidth() for line in lines[-4:]] == [1.0, 2.6, 2.6, 2.6]
