"""The output of the commands: summaries, tables, scores, the champion, drift."""

import io
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape as markup_escape
from rich.table import Column, Table
from rich.text import Text

from artifacts import tables
from artifacts.blocks import Table as ReportTable
from artifacts.formats import network_name, plural, setting
from artifacts.markup import one_line
from artifacts.wording import drift as drift_wording
from artifacts.wording import scoring as scoring_wording
from artifacts.wording import verdict
from artifacts.wording.promotion import gate_rows, sentence
from artifacts.wording.report import title, warnings
from artifacts.wording.sizes import answer
from artifacts.wording.yardstick import yardstick
from tasks.errors import printable
from tasks.results.comparison import Comparison
from tasks.results.drift import Drift
from tasks.results.promotion import Entry
from tasks.results.run_summary import RunComparison, RunSummary, column_title, differing, flat
from tasks.results.scoring import ReadText, ReadWord, Scoring, ScoringNetwork, Written
from tasks.results.training import THRESHOLD, Estimate

# A terminal has 80 columns or more; the summary is written once, for all of them.
BAR_WIDTH, HISTORY_RUNS, SUMMARY_WIDTH, NARROWEST = 24, 30, 79, 40
UNEVEN_RUNS = (
    "Where labels are uneven, the test scores after the best epoch come first; “always” is what always giving the more "
    "frequent label gets."
)


def folding_table(*headers: str, title: str | None = None) -> Table:
    """A table that wraps long words, because a truncated path or address is useless."""
    return Table(*(Column(header, overflow="fold") for header in headers), title=title)


def print_line(text: str = "") -> None:
    """Print text unchanged, without markup, colours or wrapping."""
    Console(highlight=False, soft_wrap=True, markup=False, emoji=False).print(printable(text))


def escape(text: str) -> str:
    """Text for a cell of a table, without markup and without characters that control the terminal."""
    return markup_escape(one_line(text))


def show_promotions(outputs: Path, entries: Sequence[Entry], champion: Path | None) -> None:
    """Print the current champion, then all entries of the ledger, the newest last.

    Args:
        outputs: folder that contains the registry, as given by the user.
        entries: the ledger.
        champion: the folder of the champion's files.
    """
    if not entries:
        print_line(f"{outputs}: no promotions yet; promote the newest run by `uv run flows/main.py promote latest`")
        return
    made_by = [entry for entry in entries if entry.moves]
    if made_by and champion:
        print_line(f"Champion: {made_by[-1].label}, by entry {made_by[-1].number}, in {champion}")
    else:
        print_line("No champion.")
    for entry in entries:
        time = f"{datetime.fromtimestamp(entry.time):%Y-%m-%d %H:%M:%S}"
        print_line(f"{entry.number:>4}  {time}  {entry.who}  {sentence(entry)}")


def show_entry(entry: Entry) -> None:
    """Print an entry's sentence and its numbers."""
    print_line(sentence(entry))
    if entry.gate is not None:
        table = folding_table("figure", "value")
        for name, value in gate_rows(entry.gate):
            table.add_row(escape(name), escape(value))
        Console().print(table)


def show_drift(drift: Drift) -> None:
    """Print how far the new texts are from the training reviews."""
    print_line(drift_wording.sentence(drift))
    for rows in (drift_wording.rows(drift), drift_wording.distinguishing_rows(drift)):
        if rows:
            table = folding_table(*rows[0])
            for row in rows:
                table.add_row(*("" if value is None else escape(str(value)) for value in row.values()))
            Console().print(table)
    for name, value in drift_wording.summary(drift):
        print_line(f"{name}: {value}")


def show_checks(checks: Iterable[tuple[str, str, str, str]]) -> None:
    """Print a row for each of `doctor`'s checks: state ("ok", "note" or "fix"), check, result and advice."""
    colours = {"ok": "green", "note": "yellow", "fix": "red"}
    table = folding_table("", "check", "result", "fix", title="What a run needs")
    for state, *cells in checks:
        table.add_row(f"[{colours[state]}]{state}", *map(escape, cells))
    Console().print(table)


def show_scores(scoring: Scoring, network: ScoringNetwork, written: Written) -> None:
    """Print how a file was scored, and where the scores are."""
    print_line(f"\n{scoring_wording.sentence(scoring, network)}\n{scoring_wording.caution(scoring)}")
    _show_warning(network)
    rows = scoring_wording.distribution_rows(scoring)
    table = Table(*map(escape, rows[0]), "", box=None, pad_edge=False)
    largest = max(*scoring.histogram, 1)
    for row, count in zip(rows, scoring.histogram, strict=True):
        bar = "█" * round(BAR_WIDTH * count / largest)
        table.add_row(row[scoring_wording.probability_column(scoring)], f"{count:,}", row["share"], bar)
    Console(highlight=False).print(table)
    if written.renamed:
        print_line(scoring_wording.renamed(written.renamed))
    print_line(f"Scores: {written.output}")
    if written.rejects:
        print_line(f"Rows without scores: {written.rejects}")


def _show_warning(network: ScoringNetwork) -> None:
    if warning := scoring_wording.warning(network):
        print_line(warning)


def show_text(read: ReadText, network: ScoringNetwork) -> None:
    """Print a sentence word by word, with the probability after each; coloured on a terminal, otherwise plain."""
    console = Console(highlight=False, soft_wrap=True)
    for word in read.words:
        console.print(_word_line(word))
    console.print(Text(scoring_wording.answer(read, network), style="bold"))
    _show_warning(network)


def _word_line(word: ReadWord) -> Text:
    number = "     " if word.probability is None else f"{word.probability:.3f}"
    mark = "" if word.is_known else "  (unknown)"
    style = "dim" if word.probability is None or not word.is_known else _probability_colour(word.probability)
    return Text.assemble((f"{number}  {one_line(word.word)}", style), (mark, "dim italic"))


def _probability_colour(probability: float) -> str:
    """Orange for negative, blue for positive, stronger with distance from the threshold."""
    strength = abs(2 * probability - 1)
    colour = "color(33)" if probability > THRESHOLD else "color(208)"
    return f"bold {colour}" if strength > 0.5 else colour if strength > 0.1 else "default"


def show_history(outputs: Path, runs: Sequence[RunSummary]) -> None:
    """Print the newest runs, the newest first, with the settings that differ between them.

    Args:
        outputs: the output folder, as given by the user.
        runs: all runs, oldest first.
    """
    shown = runs[-HISTORY_RUNS:][::-1]
    if not shown:
        print_line(f"{outputs}: no runs yet; start one with `uv run flows/main.py --smoke`")
        return
    print_line("Runs, the newest first; test accuracy after the last epoch, mean over seeds")
    if any(run.measures() for run in shown):
        print_line(wrapped(UNEVEN_RUNS))
    settings = differing(shown)
    for run in shown:
        measures = run.measures()
        scores = [f"{each.name}: {_named(each.values)}; always {each.always:.4f}" for each in measures]
        accuracies = f"{'accuracy, last epoch: ' if measures else ''}{_named(run.accuracies)}"
        more = ", ".join([plural(run.seeds, "seed"), f"{run.seconds:.0f} s", *_given_settings(run, settings)])
        print_line(f"\n{run.run}  {one_line(run.data)}")  # The name must be easy to copy for `diff`.
        for line in (*scores, accuracies, more):
            print_line(wrapped(one_line(line), indent="  "))


def _named(values: Mapping[str, float]) -> str:
    return ", ".join(f"{network_name(name)} {value:.4f}" for name, value in values.items())


def wrapped(text: str, indent: str = "") -> str:
    """Text in lines of the terminal's width, each with an indent; no word is broken."""
    width = max(Console().width, NARROWEST)
    return textwrap.fill(
        text, width, initial_indent=indent, subsequent_indent=2 * indent, break_long_words=False, break_on_hyphens=False
    )


def show_differences(comparison: RunComparison) -> None:
    """Print the settings, data and versions that differ between two runs, and their results side by side."""
    runs = tuple(map(escape, comparison.runs))
    inputs = folding_table("", *runs, title="What differs")
    for name, first, second, _ in comparison.inputs:
        inputs.add_row(escape(name), _value_text(first), _value_text(second))
    results = folding_table("", *runs, "second minus first", title="Results, accuracies with 95% intervals")
    for name, first, second, change in comparison.results:
        results.add_row(escape(name), _value_text(first), _value_text(second), _change_text(change))
    Console().print(inputs if comparison.inputs else "Settings, data and versions are the same.", results)


def _change_text(change: float | Estimate | None) -> str:
    if isinstance(change, Estimate):
        return f"{change.value:+.4f} ({change.low:+.4f} to {change.high:+.4f})"
    return "" if change is None else f"{change:+.4f}"


def _value_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Estimate):
        return f"{value.value:.4f} ({value.low:.4f} to {value.high:.4f})"
    return f"{value:.4f}" if isinstance(value, float) else escape(str(value))


def _given_settings(run: RunSummary, settings: Sequence[str]) -> list[str]:
    """A run's values for some settings, each with its name; settings without a value are left out."""
    values = flat(run.settings)
    given = [name for name in settings if values.get(name) not in (None, [], "")]
    return [f"{column_title(name)} {setting(values[name])}" for name in given]


def summary(c: Comparison) -> str:
    """The main result as plain text, at most `SUMMARY_WIDTH` columns wide."""
    contents = [content for content in (tables.answer(c), tables.seeds(c)) if content.rows]
    shown = "\n\n".join([title(c), *map(plain_table, contents)])
    first, *further = verdict.verdicts(c)
    beside = [text for text in (yardstick(c), answer(c)) if text]
    paragraphs = [*warnings(c), first, *beside, *further, *c.notes]
    fill = partial(textwrap.fill, width=SUMMARY_WIDTH, break_long_words=False, break_on_hyphens=False)
    text = "\n".join(map(fill, paragraphs))
    return f"{shown}\n\n{text}\n"


def plain_table(content: ReportTable[Any]) -> str:
    """A table as plain text, at most `SUMMARY_WIDTH` columns wide."""
    table = Table(box=None, pad_edge=False)
    rows, apart = ([[cell.text for cell in row] for row in each] for each in (content.cells(), content.cells_apart()))
    widths = [max(map(cell_len, cells)) for cells in zip(*rows, *apart, strict=True)]
    heads = [column.head for column in content.columns]
    between = 2 * (len(heads) - 1)
    if sum(map(max, zip(widths, map(cell_len, heads), strict=True))) + between > SUMMARY_WIDTH:
        heads = [_narrow(head, width) for head, width in zip(heads, widths, strict=True)]
    for head, column in zip(heads, content.columns, strict=True):
        is_number = column.format.is_number  # A broken number is hard to read; names wrap between words.
        justify: Literal["left", "right"] = "right" if is_number else "left"
        table.add_column(Text(head), justify=justify, no_wrap=is_number, overflow="fold")
    for cells in [*rows, *([[]] if apart else []), *apart]:
        table.add_row(*map(Text, cells))
    written = io.StringIO()
    Console(file=written, width=SUMMARY_WIDTH, color_system=None, force_terminal=False).print(table)
    return "\n".join(line.rstrip() for line in written.getvalue().rstrip().splitlines())


def _narrow(head: str, width: int) -> str:
    """A head in lines as wide as its column's cells, or as its own longest word."""
    return textwrap.fill(head, max(width, *map(len, head.split())), break_on_hyphens=False)
