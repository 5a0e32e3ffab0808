"""Draws the figures of a report, unless the same figures are already stored."""

from dataclasses import dataclass, replace
from pathlib import Path

from pydantic_core import to_jsonable_python

from artifacts.chapter import all_drawings
from artifacts.figures.render import Picture, picture
from tasks.errors import shortened
from tasks.results.comparison import Comparison
from tasks.results.training import check_names
from tasks.storage.code_version import code_version
from tasks.storage.files import fingerprint, sha256_of_file, write_bytes
from tasks.storage.layout import RECORD
from tasks.storage.reuse import LOGGER, Logger, Record, step


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


def figures_record(comparison: Comparison, root: Path) -> Record[Figures]:
    """Where the figures are stored; they are valid until the numbers, the drawing code or matplotlib change."""
    shown = replace(
        comparison, run="", settings={}, command="", durations={}, notes=(), made_in={}, suspects=None
    )  # No figure shows these.
    key = fingerprint(to_jsonable_python(shown), code_version(__name__))
    return Record(root / key / RECORD, key, Figures)


@step(title="draw figures", record=figures_record)
def draw(comparison: Comparison, root: Path, *, logger: Logger = LOGGER) -> Figures:
    """Draw every figure of the report as PNG and SVG in a folder under `root`; those that fail are left out."""
    folder = figures_record(comparison, root).path.parent
    digests = {}
    for drawing in all_drawings(comparison):
        try:
            drawn = picture(drawing.draw(comparison))
        except Exception as error:  # The report is worth having without it.
            logger.error("%s: not drawn (%s: %s)", drawing.stem, type(error).__name__, shortened(error))
            continue
        for name, content in ((f"{drawing.stem}.png", drawn.png), (f"{drawing.stem}.svg", drawn.svg.encode())):
            write_bytes(folder / name, content)
            digests[name] = sha256_of_file(folder / name)
    figures = Figures(folder, digests)
    logger.info("Drawn: %s", figures.title)
    return figures
