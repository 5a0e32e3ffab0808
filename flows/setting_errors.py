"""Setting errors in the user's terms: the option or variable as it was written, and what is wrong."""

import re
from collections.abc import Iterator

from cyclopts import CycloptsError, UnusedCliTokensError
from cyclopts.argument import Argument
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from flows.settings import masked
from tasks.errors import shortened


def setting_error(error: CycloptsError) -> str:
    """One line for each wrong setting: its option or environment variable as the user wrote it, and the fault."""
    if isinstance(error, UnusedCliTokensError):
        extra = " ".join(map(repr, error.unused_tokens or ()))
        return f"found {extra}, which is not an option; --help lists commands and options"
    cause = error.__cause__
    if not isinstance(cause, ValidationError):
        return str(error)
    keywords = dict(_keywords(error.argument)) if error.argument else {}
    return "\n".join(_fault(fault, keywords) for fault in cause.errors())


def _keywords(argument: Argument) -> Iterator[tuple[tuple[str, ...], str]]:
    """For each given setting, its path in the settings tree and the option or environment variable that set it."""
    if argument.tokens and argument.tokens[0].keyword:
        yield argument.keys, argument.tokens[0].keyword
    for child in argument.children:
        yield from _keywords(child)


def _fault(fault: ErrorDetails, keywords: dict[tuple[str, ...], str]) -> str:
    message = fault["msg"].removeprefix("Value error, ")
    path = tuple(str(part) for part in fault["loc"])
    keyword = keywords.get(path[:2])
    if keyword is None:
        return message
    field = next((part for part in path[2:] if not part.isdigit()), None)
    name = f"{keyword}, {field}" if field else keyword
    expected = re.sub("^(Input|String) should", "it should", message)
    value = fault["input"]
    found = repr(masked(value)) if isinstance(value, str) else masked(repr(value))
    return f"{name}: found {shortened(found)}; {expected}"
