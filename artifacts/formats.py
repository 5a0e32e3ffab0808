"""Values as text: numbers (digits, sign, unit), names and settings."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tasks.results.training import Estimate

PlainValue = str | int | float


@dataclass(frozen=True)
class Format:
    """How a table shows the values of a column.

    Attributes:
        text: formats a value for display.
        plain: the rounded value for tables of plain values; an interval has three parts, keyed by a suffix for the
            column's head. Tables are sorted by the first part.
        is_number: numbers are aligned right, text left.
    """

    text: Callable[[Any], str]
    plain: Callable[[Any], dict[str, PlainValue]]
    is_number: bool = True


def decimals(digits: int) -> Format:
    """A number with `digits` decimals."""
    return Format(lambda value: f"{value:,.{digits}f}", lambda value: {"": _rounded(value, digits)})


def percent(digits: int) -> Format:
    """A share from 0 to 1, in percent."""
    return Format(lambda value: f"{value:.{digits}%}", lambda value: {"": _rounded(100 * value, digits)})


def interval(digits: int) -> Format:
    """An estimate with its interval, such as 0.8387 (0.8341 to 0.8432); one without uncertainty is its value."""

    def text(estimate: Estimate) -> str:
        if estimate.low == estimate.high:
            return f"{estimate.value:.{digits}f}"
        value, low, high = (f"{number:.{digits}f}" for number in (estimate.value, estimate.low, estimate.high))
        return f"{value} ({low} to {high})"

    return Format(text, lambda estimate: _plain_interval(estimate, 1, digits))


def points(estimate: Estimate) -> str:
    """A difference of accuracies in percentage points: +3.20 (+2.71 to +3.69)."""
    value, low, high = (f"{100 * number:+.2f}" for number in (estimate.value, estimate.low, estimate.high))
    return f"{value} ({low} to {high})"


def p_value(p: float) -> str:
    """A p-value with three decimals, never 0."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def change_text(before: float, after: float, form: str) -> str:
    """The change between two numbers as displayed: "rises from 0.36 to 0.63", or "stays at 0.44"."""
    start, end = format(before, form), format(after, form)
    if start == end:
        return f"stays at {end}"
    return f"{'rises' if after > before else 'falls'} from {start} to {end}"


def plural(count: int, noun: str) -> str:
    """A count and its noun: "1 epoch", "2 epochs"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def join_names(names: list[str]) -> str:
    """Names as a list: "a"; "a and b"; "a, b and c"."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


NETWORK_NAMES = {
    "simple_rnn": "SimpleRNN",
    "lstm": "LSTM",
    "gru": "GRU",
    "bidirectional_lstm": "bidirectional LSTM",
    "stacked_simple_rnn": "stack of four SimpleRNN layers",
}


def network_name(name: str) -> str:
    """A network's name as the field writes it; networks of the user's own keep theirs."""
    return NETWORK_NAMES.get(name, name)


def capitalized(text: str) -> str:
    """Text as the start of a line: its first letter in upper case."""
    return f"{text[0].upper()}{text[1:]}"


def possessive(name: str) -> str:
    """A name with the sign of the possessive: "LSTM's", "stack of four SimpleRNN layers'"."""
    return f"{name}'" if name.endswith("s") else f"{name}'s"


def network_names(names: Iterable[str]) -> str:
    """Names of networks as a list: "SimpleRNN and LSTM"."""
    return join_names([network_name(name) for name in names])


def setting(value: Any) -> str:
    """A setting for display: the parts of a list, the fields of a specification, "yes" or "no", or a number."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {setting(part)}" for name, part in value.items())
    if isinstance(value, (list, tuple)):
        has_fields = any(isinstance(part, Mapping) for part in value)
        return ("; " if has_fields else ", ").join(map(setting, value))
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


TEXT = Format(str, lambda value: {"": str(value)}, is_number=False)
# For settings.
VALUE = Format(setting, lambda value: {"": _plain_setting(value)}, is_number=False)
COUNT = Format(lambda value: f"{value:,.0f}", lambda value: {"": round(value)})
POINTS = Format(points, lambda estimate: _plain_interval(estimate, 100, 2))
P_VALUE = Format(p_value, lambda value: {"": p_value(value)})


def _plain_interval(estimate: Estimate, factor: int, digits: int) -> dict[str, PlainValue]:
    parts = {"": estimate.value, ", 95% low": estimate.low, ", 95% high": estimate.high}
    return {name: _rounded(factor * value, digits) for name, value in parts.items()}


def _plain_setting(value: Any) -> PlainValue:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if is_number else setting(value)


def _rounded(value: float, digits: int) -> float:
    """The value, rounded, as a Python float, because table artifacts reject NumPy's floats."""
    return round(float(value), digits)
