"""Paths that are read from files: what a record, a share or a copied folder names stays below its own folder."""

import dataclasses
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any, TypeVar

from tasks.errors import DataError, shortened
from tasks.results.data import Source, TextData
from tasks.results.scoring import Written
from tasks.storage.layout import CACHE, DATA, FIGURES, MODELS, REGISTRY, RUNS, SCORES

T = TypeVar("T")
Change = Callable[[Path], Path]
# These records may name the user's own files, which are anywhere.
OF_THE_USER = (Source, TextData, Written)
FOLDERS = {DATA, MODELS, RUNS, REGISTRY, CACHE, FIGURES, SCORES}


def below(folder: Path, name: str | PurePath) -> Path:
    """Return the path of a name that was read from a file.

    A folder of `outputs` may be a link, such as `outputs/data` to a larger disk; what is below it must stay there.

    Args:
        folder: the folder that the name belongs to.
        name: a relative path without `..`.

    Raises:
        DataError: the name, or a link on the way to it, leads out of the folder.
    """
    relative = PurePath(name)
    if relative.parts and not relative.is_absolute() and ".." not in relative.parts and "\0" not in str(name):
        anchor = folder / relative.parts[0] if relative.parts[0] in FOLDERS and len(relative.parts) > 1 else folder
        if resolved(folder / relative).is_relative_to(resolved(anchor)):
            return folder / relative
    raise DataError(f"{folder}: a record names {str(name)!r}, which leads out of this folder; make it again")


def resolved(path: Path) -> Path:
    """Return a path without links.

    Raises:
        DataError: its links form a loop, or the name is none that a file can have.
    """
    try:
        return path.resolve()
    except RuntimeError:
        raise DataError(f"{path}: a link leads to itself; remove it") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{shortened(ascii(str(path)))}: no usable path ({shortened(error)})") from error


def relative_to(root: Path, record: T) -> T:
    """Return a record whose paths below `root` are relative to it, so that the folder may be moved.

    Paths of the user's are relative to the working folder, which later commands need not share: they become absolute.
    """

    def shortened(path: Path) -> Path:
        return path.relative_to(root) if path.is_relative_to(root) else path

    shorter: T = _changed(record, shortened, lambda path: shortened(path.absolute()))
    return shorter


def located_in(root: Path, record: T) -> T:
    """Return a record from a file, with its relative paths below `root`.

    Raises:
        DataError: a path, other than that of a file of the user's, leads out of `root`.
    """

    def located(path: Path) -> Path:
        relative = path.relative_to(root) if path.is_absolute() and path.is_relative_to(root) else path
        return root if relative == Path() else below(root, relative)

    found: T = _changed(record, located, lambda path: path if path.is_absolute() else located(path))
    return found


def _changed(value: Any, change: Change, change_of_user: Change) -> Any:
    """A value with all its paths changed, also those in nested records and tuples."""
    if isinstance(value, Path):
        return change(value)
    if type(value) is tuple:
        return tuple(_changed(item, change, change_of_user) for item in value)
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return value
    chosen = change_of_user if isinstance(value, OF_THE_USER) else change
    names = [field.name for field in dataclasses.fields(value)]
    return dataclasses.replace(
        value, **{name: _changed(getattr(value, name), chosen, change_of_user) for name in names}
    )
