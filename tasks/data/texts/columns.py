"""The two columns that matter."""

from collections.abc import Sequence
from pathlib import Path

from tasks.results.errors import DataError


def check_columns(path: Path, names: Sequence[str], text_column: str, label_column: str) -> None:
    """Check the columns of a file against the two that are wanted.

    Raises:
        DataError: the file has no columns, lacks one of the two, or has two of that name.
    """
    if not names:
        raise DataError(f"{path}: the file is empty; expected the columns {text_column!r} and {label_column!r}")
    for option, name in (("--text-column", text_column), ("--label-column", label_column)):
        if name not in names:
            raise DataError(f"{path}: no column {name!r}, found {_listed(names)}; name the right one with {option}")
        if names.count(name) > 1:
            raise DataError(f"{path}: {names.count(name)} columns are called {name!r}; expected one")


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name[:40]) for name in names[:8])
    return shown + (f" and {len(names) - 8} more" if len(names) > 8 else "")
