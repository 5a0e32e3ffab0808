"""Types of settings that may be given in several ways: on the command line, in the environment, in YAML, in the UI."""

import json
import shlex
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from pydantic import BeforeValidator, WithJsonSchema

PATH = {"type": "string", "format": "path"}


def _as_list(value: Any) -> Any:
    """Wrap a single path in a list: the UI's run form submits it without one."""
    if value is None:
        return []
    return [value] if isinstance(value, str | Path) else value


def _words_of(_: Any, value: str, **__: Any) -> list[str]:
    """The values in an environment variable, which are separated and quoted as in a shell."""
    try:
        return shlex.split(value)
    except ValueError:  # A quote is not closed.
        return [value]


Paths = Annotated[
    list[Path],
    BeforeValidator(_as_list),
    WithJsonSchema({"anyOf": [{"type": "array", "items": PATH}, PATH, {"type": "null"}]}),
]


def _as_labels(value: Any) -> Any:
    """Labels as texts: YAML and JSON have numbers and booleans, too, and the run form submits one without a list."""
    values = [] if value is None else value if isinstance(value, list) else [value]
    return [each if isinstance(each, str) else json.dumps(each, ensure_ascii=False) for each in values]


LABEL = {"type": ["string", "number", "boolean"]}
LabelValues = Annotated[
    list[str],
    BeforeValidator(_as_labels),
    WithJsonSchema({"anyOf": [{"type": "array", "items": LABEL}, LABEL, {"type": "null"}]}),
    Parameter(env_var_split=_words_of),
]
