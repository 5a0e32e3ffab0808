"""What the command `score` prints: the distribution of scores, or a sentence word by word."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from artifacts.lines import one_line
from artifacts.wording import scoring as wording
from flows.operate.environment import say
from tasks.results.scoring import ReadText, ReadWord, Scoring, Written

BAR = 24


def show_scores(scoring: Scoring, written: Written) -> None:
    """Print what came of a scoring, and where it is."""
    say(f"\n{wording.sentence(scoring)}\n{wording.caution(scoring)}")
    table = Table(*wording.distribution_rows(scoring)[0], "", box=None, pad_edge=False)
    largest = max(*scoring.histogram, 1)
    for row, count in zip(wording.distribution_rows(scoring), scoring.histogram, strict=True):
        table.add_row(row["probability of positive"], f"{count:,}", row["share"], "█" * round(BAR * count / largest))
    Console(highlight=False).print(table)
    if written.renamed:
        say(wording.renamed(written.renamed))
    say(f"Scores: {written.output}")
    if written.rejects:
        say(f"Rows without scores: {written.rejects}")


def show_text(read: ReadText) -> None:
    """Print a sentence word by word, with the probability after each; coloured on a terminal, else plain."""
    console = Console(highlight=False, soft_wrap=True)
    for word in read.words:
        console.print(_line(word))
    console.print(Text(wording.answer(read), style="bold"))


def _line(word: ReadWord) -> Text:
    number = "     " if word.probability is None else f"{word.probability:.3f}"
    mark = "" if word.is_known else "  (unknown)"
    style = "dim" if word.probability is None or not word.is_known else _colour(word.probability)
    return Text.assemble((f"{number}  {one_line(word.word)}", style), (mark, "dim italic"))


def _colour(probability: float) -> str:
    """Orange for negative, blue for positive, stronger with distance from 0.5."""
    strength = abs(2 * probability - 1)
    colour = "color(33)" if probability > 0.5 else "color(208)"
    return f"bold {colour}" if strength > 0.5 else colour if strength > 0.1 else "default"
