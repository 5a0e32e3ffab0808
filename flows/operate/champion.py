"""What the commands around the champion print: the champion, the ledger, verdicts, drift."""

from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from artifacts.wording import drift as wording
from artifacts.wording.promotion import gate_rows, sentence
from flows.operate.tables import folding_table
from tasks.results.drift import Drift
from tasks.results.promotion import Entry
from tasks.storage.registry import Registry


def show_champion(outputs: Path) -> int:
    """Print the present champion with its files' folder, then all entries, the newest last.

    Raises:
        DataError: a file of the registry is damaged or missing.
    """
    registry = Registry(outputs.resolve())
    champion, entries = registry.champion(), registry.entries()
    if not entries:
        print(f"{outputs}: no promotions yet; promote the newest run by `uv run flows/main.py promote latest`")
        return 0
    if champion is not None:
        print(describe(entries[champion.entry - 1], registry))
    elif any(entry.moves for entry in entries):
        print("No champion: champion.json is missing; the next promotion restores it.")
    else:
        print("No champion.")
    for entry in entries:
        print(
            f"{entry.number:>4}  {datetime.fromtimestamp(entry.time):%Y-%m-%d %H:%M:%S}  {entry.who}  {sentence(entry)}"
        )
    if champion is not None:
        registry.verify(champion.network)
    return 0


def show_entry(entry: Entry) -> None:
    """Print an entry's sentence and its numbers."""
    print(sentence(entry))
    if entry.gate is not None:
        table = folding_table("figure", "value")
        for name, value in gate_rows(entry.gate):
            table.add_row(escape(name), escape(value))
        Console().print(table)


def show_drift(drift: Drift) -> None:
    """Print how far new texts are from the training reviews."""
    print(wording.sentence(drift))
    for rows in (wording.rows(drift), wording.telling_rows(drift)):
        if rows:
            table = folding_table(*rows[0])
            for row in rows:
                table.add_row(*("" if value is None else escape(str(value)) for value in row.values()))
            Console().print(table)
    for name, value in wording.summary(drift):
        print(f"{name}: {value}")


def describe(entry: Entry, registry: Registry) -> str:
    """The champion and the folder of its files."""
    return f"Champion: {entry.label}, by entry {entry.number}, in {registry.folder(entry.network)}"
