"""The report as files: figures, `report.md`, a self-contained `report.html` and `metrics.json`."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from artifacts.figures import Picture
from tasks.results import Comparison

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


def markdown(comparison: Comparison, address: Callable[[str], str]) -> str:
    """The report as markdown; `address` gives for a figure's stem what its image link points to."""
    environment = Environment(
        loader=PackageLoader("artifacts"), undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 -- the result is markdown: the filters below escape what is data
    )  # fmt: skip
    environment.filters |= {"md": escape_markdown, "code": lambda text: str(text).replace("`", "'").replace("\n", " ")}
    template = environment.get_template("report.md.j2")
    return template.render(c=comparison, image=lambda stem, alt: f"![{escape_markdown(alt)}]({address(stem)})")


def html(comparison: Comparison, drawn: Mapping[str, Picture]) -> str:
    """The report as one HTML file with its figures inside."""
    environment = Environment(
        loader=PackageLoader("artifacts"), undefined=StrictUndefined, autoescape=True, trim_blocks=True
    )

    def image(stem: str, alt: str) -> Markup:
        # Ids are made unique: all figures share one document.
        text = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{stem}-", drawn[stem].svg)
        return Markup(text.replace("<svg", f'<svg role="img" aria-label="{escape(alt)}"', 1))  # noqa: S704 -- made by matplotlib, which escapes text

    return environment.get_template("report.html.j2").render(c=comparison, image=image)


def metrics(comparison: Comparison) -> dict[str, Any]:
    """Everything that the report says, as plain values; curves of ROC are left to the predictions file."""
    value: dict[str, Any] = _plain(asdict(comparison))
    for evaluation in value["evaluations"]:
        for point in ("last", "best"):
            del evaluation[point]["roc"]
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
            "parameters": branch.parameters,
            "seconds an epoch": round(branch.train_seconds / len(branch.history), 3),
            "total seconds": round(branch.ended - branch.started, 1),
            "words a second": round(branch.tokens_per_second),
            "peak memory (MB)": round(branch.peak_memory_mb),
            "accuracy a CPU-minute": round(branch.accuracy_per_cpu_minute(e), 3),
        }
        for branch, e in comparison.pairs()
    ]


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
