"""Text on one line."""

import re

_CONTROLS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]+")


def one_line(text: str) -> str:
    """Runs of white space and of control characters become one space; a space at an end stays."""
    return _CONTROLS.sub(" ", text)
