"""The answer of a run for the terminal: its networks in a table, the verdict in sentences."""

import io
import textwrap

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from artifacts import tables
from artifacts.wording import verdict
from artifacts.wording.report import title, warnings
from tasks.results.comparison import Comparison

WIDTH = 100


def summary(c: Comparison) -> str:
    """The answer as plain text of at most 100 columns."""
    content = tables.answer(c)
    table = RichTable(title=Text(title(c)), title_justify="left", box=None, pad_edge=False)
    for column in content.columns:
        table.add_column(Text(column.head), justify="right" if column.format.is_number else "left")
    for row in content.cells():
        table.add_row(*(Text(cell.text) for cell in row))
    written = io.StringIO()
    console = Console(file=written, width=WIDTH, color_system=None, force_terminal=False)
    console.print(table)
    paragraphs = [*warnings(c), *verdict.verdicts(c)]
    text = "\n".join(textwrap.fill(paragraph, WIDTH) for paragraph in paragraphs)
    return f"{written.getvalue().rstrip()}\n\n{text}\n"
