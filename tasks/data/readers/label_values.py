"""Labels as people write them: which spellings are the same label, and what `--positive` and `--drop` name."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

_NEGATIVE, _POSITIVE = "0", "1"
_WORDS = {
    "false": _NEGATIVE, "neg": _NEGATIVE, "negative": _NEGATIVE,
    "true": _POSITIVE, "pos": _POSITIVE, "positive": _POSITIVE,
}  # fmt: skip
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,14}(?:\.[0-9]{0,14})?|\.[0-9]{1,14})(?:e[+-]?[0-9]{1,3})?")
_DECIMAL_COMMA = re.compile(r"([+-]?[0-9]{1,14}),([0-9]{1,2})")  # As in Excel's European CSV; `1,000` is none.
_BOUND = re.compile(r"(>=|<=|>|<)\s*(\S+)")
_FITS: dict[str, Callable[[Decimal, Decimal], bool]] = {
    ">=": Decimal.__ge__, "<=": Decimal.__le__, ">": Decimal.__gt__, "<": Decimal.__lt__,
}  # fmt: skip
_OPPOSITE = {">=": "<", "<=": ">", ">": "<=", "<": ">="}


def label_key(value: str) -> str:
    """What is equal for all spellings of a label: `1`, ` 1.0 `, `TRUE`, `pos` and `Positive` have the key `1`.

    White space around it and case do not matter, nor does how a number is written: `1,0` is 1, too. A missing label has
    the key "".
    """
    text = value.strip().lower()
    number = label_number(text)
    if number is None:
        return _WORDS.get(text, text)
    return str(number.normalize()) if number else _NEGATIVE


def label_number(value: str) -> Decimal | None:
    """The number that a label is; None if it is none."""
    text = value.strip().lower()
    if found := _DECIMAL_COMMA.fullmatch(text):
        text = f"{found[1]}.{found[2]}"
    return Decimal(text) if _NUMBER.fullmatch(text) else None


class Bound(NamedTuple):
    """A bound on numbers, such as `>=7`."""

    sign: str
    number: Decimal

    def fits(self, number: Decimal) -> bool:
        """Whether a number is on this side of the bound."""
        return _FITS[self.sign](number, self.number)

    def opposite(self) -> str:
        """The bound that all other numbers fit."""
        return f"{_OPPOSITE[self.sign]}{self.number}"


def bound_of(value: str) -> Bound | None:
    """The bound that a value of `--positive` means; None if it means a label."""
    found = _BOUND.fullmatch(value.strip())
    number = label_number(found[2]) if found else None
    return Bound(found[1], number) if found and number is not None else None
