"""The reader: one self-contained page in which a run's networks read what a person types."""

import base64
import json
from typing import Any

import numpy as np
from markupsafe import Markup

from artifacts.page import own_source, policy_hash, template_environment
from artifacts.wording import reader as wording
from tasks.results.reader import Reader, ReaderNetwork

_SCRIPTS = ("reader_tokens.js", "reader_network.js", "reader.js")


def html(reader: Reader) -> str:
    """The page. Its content policy lets the browser run our script and load nothing, whatever the data hold."""
    script, style = own_source(*_SCRIPTS), own_source("reader.css")
    return (
        template_environment()
        .get_template("reader.html.j2")
        .render(
            r=reader,
            limit=wording.MAX_MEGABYTES,
            described=wording.network,
            data=Markup(_json(_plain(reader))),  # noqa: S704 -- holds no <, so it cannot end its element
            script=script,
            script_hash=policy_hash(script),
            style=style,
            style_hash=policy_hash(style),
        )
    )


def _json(value: Any) -> str:
    """JSON that may stand inside a script element: nothing in it is markup."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _plain(reader: Reader) -> dict[str, Any]:
    return {
        "vocabulary_size": reader.vocabulary_size,
        "max_length": reader.max_length,
        "ranks": reader.ranks,
        "networks": [_plain_network(network) for network in reader.networks],
    }


def _plain_network(network: ReaderNetwork) -> dict[str, Any]:
    # Little-endian, as a browser's Float32Array on every machine that people have.
    weights = {
        name: base64.b64encode(np.asarray(array, "<f4").tobytes()).decode() for name, array in network.weights.items()
    }
    return {
        "cell": network.cell,
        "units": network.units,
        "bidirectional": network.bidirectional,
        "weights": weights,
    }
