"""The figures of a report, and when they are drawn again."""

from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from artifacts.figures.render import Picture
from flows.draw import Figures, draw, figures_record
from tasks.storage.reuse import LOGGER, Logger
from tests.artifacts.examples import comparison


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Figures:
    """All figures, drawn once for all tests here."""
    return draw.keep(comparison(), tmp_path_factory.mktemp("figures"), logger=LOGGER)


def test_figures_are_kept_whole_and_read_again(drawn: Figures) -> None:
    kept = figures_record(comparison(), drawn.folder.parent).read()
    assert kept == drawn
    pictures = drawn.pictures()
    assert {"curves", "roc"} <= set(pictures)
    assert all(picture.png.startswith(b"\x89PNG") and picture.svg.startswith("<svg") for picture in pictures.values())


class IdleProcesses:
    """Processes that draw at once, all figures but one."""

    has_idle = True

    def do(self, work: Callable[..., Picture], *arguments: Any, logger: Logger, seconds: float | None) -> Picture:
        assert (logger, seconds) == (LOGGER, None)
        if arguments[1] == "roc":
            raise BrokenProcessPool("killed")
        return work(*arguments)


def test_idle_processes_draw_the_same_figures_and_a_failed_one_is_left_out(drawn: Figures, tmp_path: Path) -> None:
    elsewhere = draw(comparison(), tmp_path, IdleProcesses())
    assert set(elsewhere.digests) == set(drawn.digests) - {"roc.png", "roc.svg"}
    assert all(drawn.digests[name] == digest for name, digest in elsewhere.digests.items() if name.endswith(".png"))


def test_a_damaged_figure_is_drawn_again(drawn: Figures) -> None:
    figure = drawn.folder / "roc.svg"
    whole = figure.read_text()
    figure.write_text("<svg/>")
    assert figures_record(comparison(), drawn.folder.parent).read() is None
    figure.write_text(whole)
    assert figures_record(comparison(), drawn.folder.parent).read() == drawn


def test_the_name_of_the_run_draws_nothing_anew_but_other_numbers_do(tmp_path: Path) -> None:
    c = comparison()
    key = figures_record(c, tmp_path).key
    assert figures_record(replace(c, run="another", durations={"fetch": 9.0}), tmp_path).key == key
    evaluation = c.evaluations[0]
    scores = replace(evaluation.last, accuracy=evaluation.last.accuracy + 1e-6)
    changed = replace(c, evaluations=(replace(evaluation, last=scores), *c.evaluations[1:]))
    assert figures_record(changed, tmp_path).key != key
