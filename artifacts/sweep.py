"""The page of a sweep from top to bottom, its files and its summary; HTML and markdown render the same list."""

import math
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from artifacts import report
from artifacts.blocks import (
    Block,
    Bullets,
    Code,
    Column,
    Details,
    Drawing,
    Paragraph,
    Section,
    Table,
    every_block,
    unfolded,
)
from artifacts.figures import sweep as figures
from artifacts.figures.render import Picture
from artifacts.formats import COUNT, P_VALUE, POINTS, TEXT, Format, PlainValue, capitalized, decimals, interval, plural
from artifacts.markup import one_line
from artifacts.sections import Part, made, paragraph, sentence, topic
from artifacts.terminal import SUMMARY_WIDTH, plain_table
from artifacts.wording import report as of_report
from artifacts.wording import sweep as wording
from tasks.results.sweep import Dimension, Finalist, Sweep, Trial, Value, best_first
from tasks.results.training import best_epoch
from tasks.storage.layout import METRICS, REPORT, REPORT_MARKDOWN, SUMMARY

BEST_TRIALS = 5  # Rows of the table of the best trials, until they are trained again.


def overview(s: Sweep) -> tuple[Block, ...]:
    """The first screen: warnings, the answer, the best settings."""
    return made(
        s,
        lambda s: [paragraph(text, "warning") for text in of_report.warnings(s)],
        lambda s: paragraph(text, "warning") if (text := wording.caution(s)) else None,
        lambda s: paragraph(wording.answer(s)[0], "answer"),
        lambda s: Bullets(tuple((text,) for text in wording.answer(s)[1:])),
        scores,
        best_settings,
        best_trials,
        paragraph(wording.ABOUT_VALIDATION),
        sentence(wording.about_tests),
        lambda s: [paragraph(text) for text in s.notes],
        _command,
    )


def _command(s: Sweep) -> list[Block]:
    found = wording.winner_command(s)
    return [paragraph(found[0]), Paragraph((Code(found[1]),))] if found else []


def sections(s: Sweep) -> list[Section]:
    """The sections below the overview."""
    parts: list[tuple[str, str, list[Part]]] = [
        ("matters", "Which settings matter?", _what_matters(s)),
        ("went", "How did the sweep go?", _how_it_went(s)),
        ("trials", "All trials", [sentence(wording.counts), paragraph(wording.ABOUT_STATES), all_trials]),
        ("made", "How was it made?", _how_made(s)),
    ]
    return [Section(anchor, title, made(s, *part)) for anchor, title, part in parts]


def _has_validation(s: Sweep) -> bool:
    return any(trial.quality is not None for trial in s.trials)


def _what_matters(s: Sweep) -> list[Part]:
    if not _has_validation(s):
        return [paragraph(wording.NO_IMPORTANCE)]
    slices = Drawing("slices", "Validation over each setting", figures.slices, "wide")
    if s.end == "running":
        return [paragraph(wording.IMPORTANCE_AT_THE_END), slices]
    shares: list[Part] = [
        sentence(wording.most_important),
        Drawing("importance", "Importance of each setting", figures.importance),
        Details("What importance is", (paragraph(wording.ABOUT_IMPORTANCE),)),
    ]
    return [
        *(shares if s.importances else [paragraph(wording.NO_IMPORTANCE)]),
        slices,
        Drawing("parallel", "Settings and validation of each trial", figures.parallel, "wide"),
        paragraph(wording.ABOUT_PARALLEL),
    ]


def _how_it_went(s: Sweep) -> list[Part]:
    drawn: list[Part] = [
        Drawing("best-so-far", "Validation of each trial, and the best so far", figures.best_so_far, "wide"),
        Drawing("learning-curves", "Learning curves of all trials", figures.learning_curves, "wide"),
    ]
    return [sentence(wording.ended), *(drawn if _has_validation(s) else [])]


def _how_made(s: Sweep) -> list[Part]:
    return [
        lambda s: Bullets(tuple(wording.how_made(s))),
        topic("What was searched", lambda s: Bullets(tuple(wording.searched(s)))),
        topic("Time", durations) if s.durations else None,
    ]


def drawings(s: Sweep) -> list[Drawing]:
    """Every drawing of the page."""
    blocks = [block for section in sections(s) for block in every_block(section.blocks)]
    return [block for block in blocks if isinstance(block, Drawing)]


def _setting_format(dimension: Dimension) -> Format:
    """How a table shows the values of a setting; numbers are sorted as numbers."""

    def text(value: Value) -> str:
        return wording.setting_value(dimension.name, value)

    def plain(value: Value) -> dict[str, PlainValue]:
        return {"": value if dimension.is_numeric else text(value)}

    return Format(text, plain, is_number=dimension.is_numeric)


def _setting_columns(s: Sweep, trial_of: Callable[[Any], Trial]) -> list[Column[Any]]:
    def value(name: str, row: Any) -> Value | None:
        return trial_of(row).settings.get(name)

    return [
        Column(capitalized(wording.setting_name(each.name)), partial(value, each.name), _setting_format(each))
        for each in s.dimensions
    ]


def _title(s: Sweep, finalist: Finalist) -> str:
    name = f"Trial {finalist.trial.number}" if finalist.trial.number else "Present settings"
    return f"{name} (winner)" if finalist is s.winner else name


def scores(s: Sweep) -> Table[Finalist]:
    """What the winner, the other finalists and the present settings achieve; no rows until they are trained again."""
    seeds = len(s.winner.branches) if s.winner else 0
    columns: list[Column[Finalist]] = [
        Column("Settings", lambda f: _title(s, f)),
        *_scores(f"Mean of {plural(seeds, 're-run')}"),
        Column(f"{capitalized(wording.accuracy(s))} ({_bounds(s)})", lambda f: f.accuracy, interval(4)),
        Column(f"Difference to the present (points, {_bounds(s)})", lambda f: f.test and f.test.difference, POINTS),
        Column("p (Holm)", lambda f: f.test and f.test.p_holm, P_VALUE),
    ]
    return Table("", columns, s.finalists)


def best_settings(s: Sweep) -> Table[Finalist]:
    """The searched settings of the same; another table, because both in one are wider than a screen."""
    columns = [Column("Settings", partial(_title, s)), *_setting_columns(s, lambda f: f.trial)]
    return Table("", columns, s.finalists)


def _bounds(s: Sweep) -> str:
    return "lowest to highest seed" if s.winner and s.winner.basis == "range" else "95%"


def _scores(mean: str) -> list[Column[Finalist]]:
    return [
        Column("Validation in the sweep", lambda f: f.trial.quality, decimals(4)),
        Column(mean, lambda f: f.validation, decimals(4)),
    ]


def best_trials(s: Sweep) -> Table[Trial]:
    """The best trials; no rows once they are trained again."""
    columns: list[Column[Trial]] = [
        Column("Trial", lambda trial: trial.number, COUNT),
        *_setting_columns(s, lambda trial: trial),
        Column("Validation", lambda trial: trial.quality, decimals(4)),
    ]
    return Table("", columns, [] if s.finalists else best_first(s.trials)[:BEST_TRIALS])


def all_trials(s: Sweep) -> Table[Trial]:
    """Every trial, with its settings, how it ended and what it cost."""
    columns: list[Column[Trial]] = [
        Column("Trial", lambda trial: trial.number, COUNT),
        *_setting_columns(s, lambda trial: trial),
        Column("State", lambda trial: trial.state),
        Column("Validation", lambda trial: trial.quality, decimals(4)),
        Column("Best epoch", lambda trial: best_epoch(trial.history).epoch if trial.history else None, COUNT),
        Column("Epochs", lambda trial: len(trial.history), COUNT),
        Column("Processor s", lambda trial: trial.cpu_seconds, decimals(1)),
        Column("Reason", lambda trial: one_line(trial.reason)),
    ]
    return Table("All trials", columns, s.trials)


def durations(s: Sweep) -> Table[tuple[str, float]]:
    """How long each step took."""
    columns: list[Column[tuple[str, float]]] = [
        Column("Step", lambda item: item[0], TEXT),
        Column("Wall time (s)", lambda item: item[1], decimals(1)),
    ]
    return Table("", columns, list(s.durations.items()))


def files(s: Sweep, drawn: Mapping[str, Picture]) -> dict[str, report.Content]:
    """The report of a sweep: for each file in its folder, how to make its content."""
    return report.figure_files(drawn) | {
        METRICS: lambda: report.json_bytes(metrics(s)),
        SUMMARY: lambda: summary(s).encode(),
        REPORT_MARKDOWN: lambda: markdown(s, lambda stem: f"{stem}.png" if stem in drawn else "").encode(),
        REPORT: lambda: html(s, drawn).encode(),
    }


def html(s: Sweep, drawn: Mapping[str, Picture]) -> str:
    """The page as one HTML file with embedded figures."""
    return report.html_page(
        drawn, title=wording.title(s), overview=overview(s), introduction=[], sections=sections(s), has_pixels=False
    )


def markdown(s: Sweep, address: Callable[[str], str | None]) -> str:
    """The page as markdown; `address` is that of `report.markdown`."""
    text = report.markdown_template(address, unfolded, wording.left_out).render(
        title=wording.title(s), overview=overview(s), introduction=[], more_in_html="", sections=sections(s)
    )
    return report.tidy(text)


def metrics(s: Sweep) -> dict[str, Any]:
    """Everything on the page, as plain values; what is not a number, such as a diverged loss, is null."""
    value: dict[str, Any] = _finite(report.plain(asdict(s)))
    for finalist in value["finalists"]:
        for evaluation in finalist["evaluations"]:
            for point in ("last", "best"):
                del evaluation[point]["roc"], evaluation[point]["precision_recall"]
    for trial, of in zip(value["trials"], s.trials, strict=True):
        trial["validation"] = _finite(of.quality)
    for finalist, its in zip(value["finalists"], s.finalists, strict=True):
        finalist["luck"] = _finite(its.luck)
    return value | {"answer": wording.answer(s)}


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def summary(s: Sweep) -> str:
    """The main result as plain text, at most `SUMMARY_WIDTH` columns wide but for commands, which stay whole."""
    columns: list[Column[Finalist]] = [
        Column("Settings", lambda f: _title(s, f)),
        *_scores("Re-runs"),
        Column("Test", lambda f: f.accuracy.value, decimals(4)),
        Column("Difference (points)", lambda f: f.test and f.test.difference, POINTS),
        Column("p", lambda f: f.test and f.test.p_holm, P_VALUE),
    ]
    table = [plain_table(Table("", columns, s.finalists))] if s.finalists else []
    caution = wording.caution(s)
    sentences = [
        *of_report.warnings(s),
        *([caution] if caution else []),
        *wording.answer(s),
        wording.counts(s),
        wording.ended(s),
        *s.notes,
    ]
    about, *command = wording.winner_command(s) or ("",)
    text = "\n".join(map(_filled, [*sentences, *([about] if about else [])]))
    return "\n\n".join([_filled(wording.title(s)), *table, text, *map(one_line, command)]) + "\n"


def _filled(text: str) -> str:
    return textwrap.fill(one_line(text), SUMMARY_WIDTH, break_long_words=False, break_on_hyphens=False)
