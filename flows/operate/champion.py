"""`python flows/main.py champion`: the present champion and the ledger in the terminal."""

from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from artifacts.wording.promotion import gate_rows, sentence
from tasks.results.promotion import Entry
from tasks.storage.registry import Registry


def show_champion(outputs: Path) -> int:
    """Print the present champion with its files' folder, then all entries, the newest last."""
    registry = Registry(outputs.resolve())
    entries = registry.entries()
    if not entries:
        print(f"{outputs}: no promotions yet; train with `--promote`, or promote a run with `promote RUN`")
        return 0
    champion = registry.champion()
    print("No champion." if champion is None else describe(entries[champion.entry - 1], registry))
    for entry in entries:
        print(
            f"{entry.number:>4}  {datetime.fromtimestamp(entry.time):%Y-%m-%d %H:%M:%S}  {entry.who}  {sentence(entry)}"
        )
    return 0


def show_entry(entry: Entry) -> None:
    """Print an entry's sentence and its numbers."""
    print(sentence(entry))
    if entry.gate is not None:
        table = Table("figure", "value")
        for name, value in gate_rows(entry.gate):
            table.add_row(escape(name), escape(value))
        Console().print(table)


def describe(entry: Entry, registry: Registry) -> str:
    """The champion and the folder of its files."""
    return f"Champion: {entry.label}, by entry {entry.number}, in {registry.folder(entry.network)}"
