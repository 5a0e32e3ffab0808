"""Draws the figures of a report, unless the same figures are already stored."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from pydantic_core import to_jsonable_python

from artifacts.chapter import all_drawings
from artifacts.figures.render import Picture, picture
from tasks.errors import shortened
from tasks.machine import available_cores
from tasks.results.comparison import Comparison
from tasks.results.training import check_names
from tasks.storage.code_version import code_version
from tasks.storage.files import fingerprint, sha256_of_file, write_bytes
from tasks.storage.layout import RECORD
from tasks.storage.reuse import LOGGER, Logger, Record, step


class Processes(Protocol):
    """What draws figures side by side: `flows.branch_process.BranchProcesses`."""

    @property
    def has_idle(self) -> bool:
        """Whether a process is idle."""

    def do(self, work: Callable[..., Picture], *arguments: Any, logger: Logger, seconds: float | None) -> Picture:
        """Do work in a process."""


@dataclass(frozen=True)
class Figures:
    """Figures in a folder; `digests` maps each `<stem>.png` and `<stem>.svg` to its SHA-256."""

    folder: Path
    digests: dict[str, str]

    def __post_init__(self) -> None:
        """Check the names of the files.

        Raises:
            ValueError: a name is a path.
        """
        check_names(self.digests)

    @property
    def title(self) -> str:
        """A short description for logs and the UI."""
        return f"{len(self.pictures())} figures"

    def files(self) -> dict[Path, str]:
        """Each file with its SHA-256."""
        return {self.folder / name: digest for name, digest in self.digests.items()}

    def pictures(self) -> dict[str, Picture]:
        """Each figure, by the stem of its file names."""
        stems = dict.fromkeys(Path(name).stem for name in self.digests)
        return {stem: self._picture(self.folder / stem) for stem in stems}

    def _picture(self, path: Path) -> Picture:
        return Picture(path.with_suffix(".png").read_bytes(), path.with_suffix(".svg").read_text(encoding="utf-8"))


def figures_record(comparison: Comparison, root: Path, _: Processes | None = None) -> Record[Figures]:
    """Where the figures are stored; they are valid until the numbers, the drawing code or matplotlib change."""
    shown = replace(
        comparison, run="", settings={}, command="", durations={}, notes=(), made_in={}, suspects=None
    )  # No figure shows these.
    key = fingerprint(to_jsonable_python(shown), code_version(__name__))
    return Record(root / key / RECORD, key, Figures)


@step(title="draw figures", record=figures_record)
def draw(comparison: Comparison, root: Path, processes: Processes | None = None, *, logger: Logger = LOGGER) -> Figures:
    """Draw every figure of the report as PNG and SVG in a folder under `root`; those that fail are left out.

    Args:
        comparison: what the figures show.
        root: the folder of all figures.
        processes: if some of them are idle, they draw side by side; otherwise the figures are drawn here.
        logger: gets a line about the result, and one for each figure that fails.
    """
    folder = figures_record(comparison, root).path.parent
    stems = [drawing.stem for drawing in all_drawings(comparison)]
    digests = {}
    for stem, drawn in zip(stems, _attempts(comparison, stems, processes, logger), strict=True):
        if isinstance(drawn, Exception):  # The report is worth having without it.
            logger.error("%s: not drawn (%s: %s)", stem, type(drawn).__name__, shortened(drawn))
            continue
        for name, content in ((f"{stem}.png", drawn.png), (f"{stem}.svg", drawn.svg.encode())):
            write_bytes(folder / name, content)
            digests[name] = sha256_of_file(folder / name)
    figures = Figures(folder, digests)
    logger.info("Drawn: %s", figures.title)
    return figures


def draw_one(comparison: Comparison, stem: str) -> Picture:
    """Draw one figure."""
    drawing = next(drawing for drawing in all_drawings(comparison) if drawing.stem == stem)
    return picture(drawing.draw(comparison))


def _attempts(
    comparison: Comparison, stems: Sequence[str], processes: Processes | None, logger: Logger
) -> Iterator[Picture | Exception]:
    """Each figure, or why it could not be drawn."""

    def attempt(draw: Callable[..., Picture], stem: str) -> Picture | Exception:
        try:
            return draw(comparison, stem)
        except Exception as error:
            return error

    if processes is None or not processes.has_idle:
        yield from (attempt(draw_one, stem) for stem in stems)
        return
    elsewhere = partial(processes.do, draw_one, logger=logger, seconds=None)
    with ThreadPoolExecutor(available_cores()) as threads:
        yield from threads.map(partial(attempt, elsewhere), stems)
