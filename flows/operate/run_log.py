"""`python flows/main.py history` and `… compare RUN RUN`: earlier runs in the terminal."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tasks.storage.run_log import differences, find_run, read_history

SHOWN = 30


def show_history(outputs: Path) -> int:
    """Print the newest runs, newest last."""
    rows = read_history(outputs.resolve())
    if not rows:
        print(f"{outputs}: no runs yet; `python flows/main.py --smoke` makes one")
        return 0
    models = list(dict.fromkeys(name for row in rows[-SHOWN:] for name in row.accuracies))
    table = Table(title="Test accuracy, last epoch, mean over seeds")
    table.add_column("run", no_wrap=True, overflow="fold")  # Its name, which starts with the time, is what to copy.
    for head in ("data", "seeds", *models, "seconds"):
        table.add_column(head)
    for row in rows[-SHOWN:]:
        scores = [f"{row.accuracies[name]:.4f}" if name in row.accuracies else "" for name in models]
        table.add_row(row.run, escape(row.data), str(row.seeds), *scores, f"{row.seconds:.0f}")
    Console().print(table)
    return 0


def show_differences(outputs: Path, first: str, second: str) -> int:
    """Print what differs between two runs in settings, data and versions, and their results side by side."""
    one, other = (find_run(outputs.resolve(), name) for name in (first, second))
    causes, results = differences(one, other)
    told = Table("", one.name, other.name, title="What differs")
    for name, *values in causes:
        told.add_row(name, *map(_text, values))
    came = Table("", one.name, other.name, "difference", title="Results")
    for name, mine, theirs in results:
        change = f"{theirs - mine:+.4f}" if mine is not None and theirs is not None else ""
        came.add_row(name, _text(mine), _text(theirs), change)
    Console().print(told if causes else "Settings, data and versions are the same.", came)
    return 0


def _text(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else "" if value is None else escape(str(value))
