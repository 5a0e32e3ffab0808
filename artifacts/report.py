"""The report as files: figures, `report.md`, a self-contained `report.html` and `metrics.json`."""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from artifacts.figures.training import Picture
from tasks.results.comparison import Comparison, Text
from tasks.results.evaluation import Estimate
from tasks.results.run_log import RunSummary

_MARKDOWN_SIGNS = re.compile(r"[\\`*_\[\]#|~:]|(?<=www)\.")
_HTML_SIGNS = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def files(comparison: Comparison, drawn: Mapping[str, Picture]) -> dict[str, bytes]:
    """The whole report: for each file of the run's folder its content."""
    content = {f"{stem}.png": picture.png for stem, picture in drawn.items()}
    content |= {f"{stem}.svg": picture.svg.encode() for stem, picture in drawn.items()}
    content["report.md"] = markdown(comparison, lambda stem: f"{stem}.png").encode()
    content["report.html"] = html(comparison, drawn).encode()
    numbers = json.dumps(metrics(comparison), indent=2, ensure_ascii=False, allow_nan=False)
    return content | {"metrics.json": f"{numbers}\n".encode()}


def markdown(comparison: Comparison, address: Callable[[str], str | None]) -> str:
    """The main part of the report as markdown.

    `address` gives for a figure's stem what its image link points to; None leaves the figure out.
    """
    environment = _environment(autoescape=False, keep_trailing_newline=True)
    environment.filters |= {"md": escape_markdown, "code": lambda text: str(text).replace("`", "'").replace("\n", " ")}

    def image(stem: str, alt: str) -> str:
        place = address(stem)
        return f"![{escape_markdown(alt)}]({place})" if place else f"(The figure {stem}.png is in the run's folder.)"

    more = f"Mistakes, reviews read word by word and all settings are in outputs/runs/{comparison.run}/report.html."
    return environment.get_template("report.md.j2").render(image=image, more=more, **_values(comparison))


def html(comparison: Comparison, drawn: Mapping[str, Picture]) -> str:
    """The whole report as one HTML file with its figures inside.

    Its content policy lets the browser run nothing but our script for sorting tables, whatever the data hold.
    """
    environment = _environment(autoescape=True, keep_trailing_newline=False)
    script = environment.loader.get_source(environment, "sort.js")[0].strip()  # type: ignore[union-attr]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()

    def image(stem: str, alt: str) -> Markup:
        # Ids are made unique: all figures share one document.
        text = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{stem}-", drawn[stem].svg)
        return Markup(text.replace("<svg", f'<svg role="img" aria-label="{escape(alt)}"', 1))  # noqa: S704 -- made by matplotlib, which escapes text

    return environment.get_template("report.html.j2").render(
        image=image, script=Markup(script), script_hash=f"sha256-{digest}", coloured=coloured, review=_review,  # noqa: S704 -- our own file
        first_explanations=[e for e in comparison.explanations if e.seed == comparison.branches[0].seed],
        settings=_flat(comparison.settings), **_values(comparison),
    )  # fmt: skip


def _environment(autoescape: bool, keep_trailing_newline: bool) -> Environment:
    environment = Environment(
        loader=PackageLoader("artifacts"), undefined=StrictUndefined, trim_blocks=True,
        keep_trailing_newline=keep_trailing_newline, autoescape=autoescape,  # noqa: S701 -- off for markdown: its filters escape what is data
    )  # fmt: skip
    environment.filters |= {"f": format, "points": _points}
    return environment


def _values(comparison: Comparison) -> dict[str, Any]:
    return {"c": comparison, "several": len(comparison.branches) > len(comparison.models())}


def _points(estimate: Estimate) -> str:
    low, high = 100 * estimate.low, 100 * estimate.high
    return f"{100 * estimate.value:+.2f} ({low:+.2f} to {high:+.2f})"


def coloured(words: Sequence[str], probabilities: Sequence[float]) -> list[tuple[int, str]]:
    """Neighbouring words of the same colour together, with the colour's level: 0 negative, 5 undecided, 10 positive."""
    pairs = zip((round(10 * p) for p in probabilities), words, strict=True)
    return [(level, " ".join(word for _, word in run)) for level, run in groupby(pairs, key=lambda pair: pair[0])]


def _review(text: Text, model: str | None) -> Markup:
    """A review that can be opened; its summary says what it is and what the models, or one of them, say."""
    said = {model: text.probabilities[model]} if model else text.probabilities
    says = ", ".join(f"{name} {probability:.3f} positive" for name, probability in said.items())
    truth = "positive" if text.label else "negative"
    summary = f"Review {text.review_id}, truly {truth}: {says}"
    return Markup("<details><summary>{}</summary><p>{}</p></details>").format(summary, " ".join(text.words))


def _flat(settings: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows = []
    for name, value in settings.items():
        rows += _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else [(f"{prefix}{name}", str(value))]
    return rows


def metrics(comparison: Comparison) -> dict[str, Any]:
    """Everything that the report says, as plain values; long curves are left to the predictions file."""
    value: dict[str, Any] = _plain(asdict(comparison))
    for evaluation in value["evaluations"]:
        for point in ("last", "best"):
            del evaluation[point]["roc"], evaluation[point]["precision_recall"]
    for place, r in enumerate(comparison.reproduction):
        value["reproduction"][place]["reproduced"] = r.reproduced
    return value


def table(comparison: Comparison) -> list[dict[str, Any]]:
    """The comparison's rows, rounded, for a table artifact."""
    return [
        {
            "model": branch.name,
            "seed": branch.seed,
            "test accuracy (last epoch)": round(e.last.accuracy, 4),
            "95 % low": round(e.last.low, 4),
            "95 % high": round(e.last.high, 4),
            "test accuracy (best epoch)": round(e.best.accuracy, 4),
            "best epoch": e.best.epoch,
            "AUC": round(e.last.auc, 4),
            "calibration error": round(e.last.calibration_error, 4),
            "parameters": branch.parameters,
            "seconds an epoch": round(branch.train_seconds / len(branch.history), 3),
            "total seconds": round(branch.ended - branch.started, 1),
            "words a second": round(branch.tokens_per_second),
            "peak memory (MB)": round(branch.peak_memory_mb),
            "accuracy a CPU-minute": round(branch.accuracy_per_cpu_minute(e), 3),
        }
        for branch, e in comparison.pairs()
    ]


def history_row(row: RunSummary) -> dict[str, Any]:
    """A run of the history as a row of a table artifact."""
    ended = f"{datetime.fromtimestamp(row.ended):%Y-%m-%d %H:%M}"
    scores = {f"{name}: test accuracy": round(value, 4) for name, value in row.accuracies.items()}
    return {"run": row.run, "ended": ended, "data": row.data, "seeds": row.seeds} | scores | {
        "seconds": round(row.seconds, 1), "command": row.command
    }  # fmt: skip


def escape_markdown(text: object) -> str:
    """Text that markdown shows as it is: no markup, no HTML, no table cell, on one line."""
    line = "".join(_HTML_SIGNS.get(sign, sign) for sign in " ".join(str(text).split()))
    return _MARKDOWN_SIGNS.sub(r"\\\g<0>", line)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
