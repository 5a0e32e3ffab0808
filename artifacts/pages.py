"""HTML pages: templates, our own scripts and styles with their content-policy hashes, and the reader page."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from artifacts.markup import label_names
from artifacts.wording import report as wording
from tasks.results.export import ReaderNetwork, ReaderPage

TEMPLATES = Path(__file__).parent / "templates"


def template_environment(autoescape: bool = True) -> Environment:
    """Jinja with our templates; an undefined name in a template is an error."""
    return Environment(
        loader=PackageLoader("artifacts"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=autoescape,  # noqa: S701 -- off for markdown: its filters escape data
    )


def own_source(*names: str) -> Markup:
    """Our own scripts or styles, joined for a page."""
    texts = [(TEMPLATES / name).read_text(encoding="utf-8").strip() for name in names]
    return Markup("\n".join(texts))  # noqa: S704 -- our own files


def policy_hash(source: str) -> str:
    """The hash by which a content policy allows an inline script or style."""
    return f"sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}"


_SCRIPTS = ("reader_tokens.js", "reader_network.js", "reader.js")


def reader_html(reader: ReaderPage) -> str:
    """The reader page. Its content policy lets only our script run and blocks loading of anything else."""
    script, style = own_source(*_SCRIPTS), own_source("reader.css")
    return (
        template_environment()
        .get_template("reader.html.j2")
        .render(
            r=reader,
            labels=label_names(reader.labels),
            limit=wording.MAX_MEGABYTES,
            described=wording.network_summary,
            data=Markup(_script_json(_reader_data(reader))),  # noqa: S704 -- has no <, so it cannot end its element
            script=script,
            script_hash=policy_hash(script),
            style=style,
            style_hash=policy_hash(style),
        )
    )


def _script_json(value: Any) -> str:
    """JSON that is safe inside a script element: it contains no markup."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _reader_data(reader: ReaderPage) -> dict[str, Any]:
    return {
        "vocabulary_size": reader.vocabulary_size,
        "max_length": reader.max_length,
        "ranks": reader.ranks,
        "word_tables": reader.word_tables,
        "labels": label_names(reader.labels),
        "networks": [_network_data(network) for network in reader.networks],
    }


def _network_data(network: ReaderNetwork) -> dict[str, Any]:
    # Little-endian, like a browser's Float32Array on every common machine.
    weights = {
        name: base64.b64encode(np.asarray(array, "<f4").tobytes()).decode() for name, array in network.weights.items()
    }
    return {
        "cell": network.cell,
        "units": network.units,
        "bidirectional": network.bidirectional,
        "weights": weights,
    }
