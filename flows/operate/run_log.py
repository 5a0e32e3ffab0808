"""`python flows/main.py history` and `… diff RUN RUN`: earlier runs in the terminal."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tasks.storage.run_log import Difference, compare_runs, find_run, read_run_log

SHOWN = 30


def show_history(outputs: Path) -> int:
    """Print the newest runs, the newest last."""
    runs = read_run_log(outputs.resolve())[-SHOWN:]
    if not runs:
        print(f"{outputs}: no runs yet; start one with `uv run flows/main.py --smoke`")
        return 0
    models = list(dict.fromkeys(name for run in runs for name in run.accuracies))
    table = Table(title="Test accuracy after the last epoch, mean over seeds")
    table.add_column("run", no_wrap=True, overflow="fold")  # `diff` takes this name: it must be easy to copy.
    for heading in ("data", "seeds", *models, "seconds"):
        table.add_column(heading)
    for run in runs:
        accuracies = [f"{run.accuracies[name]:.4f}" if name in run.accuracies else "" for name in models]
        table.add_row(run.run, escape(run.data), str(run.seeds), *accuracies, f"{run.seconds:.0f}")
    Console().print(table)
    return 0


def show_differences(outputs: Path, first: str, second: str) -> int:
    """Print the settings, data and versions in which two runs differ, and their results side by side.

    Raises:
        DataError: no run or more than one has that name.
    """
    runs = [find_run(outputs.resolve(), name) for name in (first, second)]
    comparison = compare_runs(*runs)
    inputs = Table("", *(run.name for run in runs), title="What differs")
    for difference in comparison.inputs:
        inputs.add_row(escape(difference.name), _text(difference.first), _text(difference.second))
    results = Table("", *(run.name for run in runs), "change", title="Results")
    for result in comparison.results:
        results.add_row(escape(result.name), _text(result.first), _text(result.second), _change(result))
    Console().print(inputs if comparison.inputs else "Settings, data and versions are the same.", results)
    return 0


def _change(result: Difference) -> str:
    if result.first is None or result.second is None:
        return ""
    return f"{result.second - result.first:+.4f}"


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else escape(str(value))
