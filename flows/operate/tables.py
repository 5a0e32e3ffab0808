"""Tables in the terminal."""

from rich.table import Column, Table


def folding_table(*headers: str, title: str | None = None) -> Table:
    """A table that folds words that are too long for it: a path or an address cut short helps nobody."""
    return Table(*(Column(header, overflow="fold") for header in headers), title=title)
