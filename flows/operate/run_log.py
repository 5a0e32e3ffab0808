"""`python flows/main.py history` and `… diff RUN RUN`: earlier runs in the terminal."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from artifacts.formats import plural, setting
from flows.operate.tables import folding_table
from tasks.results.evaluation import Estimate
from tasks.results.run_log import RunSummary, differing, flat, heading
from tasks.storage.run_log import Difference, compare_runs, find_run, read_run_log, second_minus_first

SHOWN = 30


def show_history(outputs: Path) -> int:
    """Print the newest runs, the newest first, with the settings that differ between them."""
    runs = read_run_log(outputs.resolve())[-SHOWN:][::-1]
    if not runs:
        print(f"{outputs}: no runs yet; start one with `uv run flows/main.py --smoke`")
        return 0
    table = Table(title="Test accuracy after the last epoch, mean over seeds")
    table.add_column("run", no_wrap=True, overflow="fold")  # `diff` takes this name: it must be easy to copy.
    table.add_column("data, seeds, settings that differ", min_width=12, overflow="fold")
    table.add_column("test accuracy", overflow="fold")
    table.add_column("s", justify="right", no_wrap=True)
    settings = differing(runs)
    for run in runs:
        inputs = ", ".join([run.data, plural(run.seeds, "seed"), *_values(run, settings)])
        table.add_row(run.run, escape(inputs), _accuracies(run), f"{run.seconds:.0f}")
    Console().print(table)
    return 0


def show_differences(outputs: Path, first: str, second: str) -> int:
    """Print the settings, data and versions in which two runs differ, and their results side by side.

    Raises:
        DataError: no run or more than one has that name.
    """
    runs = [find_run(outputs.resolve(), name) for name in (first, second)]
    comparison = compare_runs(*runs)
    inputs = folding_table("", *(run.name for run in runs), title="What differs")
    for difference in comparison.inputs:
        inputs.add_row(escape(difference.name), _text(difference.first), _text(difference.second))
    results = folding_table(
        "", *(run.name for run in runs), "second minus first", title="Results, accuracies with 95% intervals"
    )
    for result in comparison.results:
        results.add_row(escape(result.name), _text(result.first), _text(result.second), _change(result))
    Console().print(inputs if comparison.inputs else "Settings, data and versions are the same.", results)
    return 0


def _change(result: Difference) -> str:
    change = second_minus_first(result)
    if isinstance(change, Estimate):
        return f"{change.value:+.4f} ({change.low:+.4f} to {change.high:+.4f})"
    return "" if change is None else f"{change:+.4f}"


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Estimate):
        return f"{value.value:.4f} ({value.low:.4f} to {value.high:.4f})"
    return f"{value:.4f}" if isinstance(value, float) else escape(str(value))


def _accuracies(run: RunSummary) -> str:
    """A line for each network, however many there are."""
    return "\n".join(f"{value:.4f} {name}" for name, value in run.accuracies.items())


def _values(run: RunSummary, settings: Sequence[str]) -> list[str]:
    """The given settings of a run, each with its name; those without a value are left out."""
    values = flat(run.settings)
    given = [name for name in settings if values.get(name) not in (None, [], "")]
    return [f"{heading(name)} {setting(values[name])}" for name in given]
