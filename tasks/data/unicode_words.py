"""The word rules `unicode`: texts of any language become words by the properties of Unicode 14.

1. Characters without a word's meaning, such as soft hyphens and variation selectors, are removed. Characters that
   Unicode 14 lacks become spaces, so that every release of Python gives the same words.
2. The text is composed (form NFC), lower-cased character by character, and composed again. A dot above an i is removed:
   the Turkish "İyi" is "iyi".
3. A word is a run of letters and numbers with their marks. Everything else separates words, but for an apostrophe or a
   hyphen between two letters.
4. In scripts that put no spaces between words (`UNSPACED`), each character is a word.
5. A Greek small sigma at the end of a word of several characters is written as ς.

ASCII texts need none of this but steps 2 and 3, which `tasks.data.tokenizer` does for bytes. Here, other texts are
converted to texts that give the same words under these two steps.
"""

import unicodedata
from functools import cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.storage.compiled import compiled

SPACE, LETTER, NUMBER, MARK, JOINER, CHARACTER, REMOVED = range(7)
APOSTROPHES, HYPHENS = "'’＇", "-‐‑"
# The blocks of scripts without spaces: Thai, Lao, Burmese, Khmer, kana, Han.
UNSPACED = (
    *((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x19E0, 0x19FF), (0x2E80, 0x2FDF), (0x3005, 0x3007)),
    *((0x3021, 0x3029), (0x3038, 0x303B), (0x3041, 0x30FF), (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF)),
    *((0xA9E0, 0xA9FF), (0xAA60, 0xAA7F), (0xF900, 0xFAFF), (0xFF66, 0xFF9F), (0x1AFF0, 0x1B16F), (0x20000, 0x3134F)),
)
# A zero-width space separates words; other invisible characters do not.
SEPARATING = {0x200B}
VARIATION_SELECTORS = ((0x034F, 0x034F), (0x180B, 0x180F), (0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
# Letters, marks and numbers that Unicode 15.0 and 15.1 added: Python 3.12 and 3.13 know them, 3.11 does not.
AFTER_UNICODE_14 = (
    *((0x0CF3, 0x0CF3), (0x0ECE, 0x0ECE), (0x10EFD, 0x10EFF), (0x1123F, 0x11241), (0x11F00, 0x11F59)),
    *((0x1342F, 0x1342F), (0x13439, 0x13455), (0x1B132, 0x1B132), (0x1B155, 0x1B155), (0x1D2C0, 0x1D2D3)),
    *((0x1DF25, 0x1DF2A), (0x1E030, 0x1E08F), (0x1E4D0, 0x1E4F9), (0x2B739, 0x2B739), (0x2EBF0, 0x2EE5D)),
    (0x31350, 0x323AF),
)
CODE_POINTS = 0x110000
_ASSIGNED = (range(0x40000), range(0xE0000, 0xE1000))  # Unicode 14 assigns no letter beyond.
_BOUNDARY = "\uffff"  # Separates texts. Unicode guarantees that it is no character.
_SPACE_CODE = np.uint32(0x20)
_KEPT = np.uint32(0xFFFF), np.uint32(ord("<")), np.uint32(ord(">"))  # What marks the ends of texts, and of markup.
_SIGMA, _FINAL_SIGMA = np.uint32(0x3C3), np.uint32(0x3C2)


class Tables(NamedTuple):
    """The properties of each code point.

    Attributes:
        classes: uint8, shape (0x110000,); SPACE, LETTER, and so on.
        lower: uint32, shape (0x110000,); the lower-case code point, with one form of apostrophe and of hyphen.
        may_change: bool, shape (0x110000,); whether form NFC may change or move the character.
    """

    classes: NDArray[np.uint8]
    lower: NDArray[np.uint32]
    may_change: NDArray[np.bool_]


@cache
def tables() -> Tables:
    """Return the tables, which take about 0.2 s to make."""
    classes, lower = np.full(CODE_POINTS, SPACE, np.uint8), np.arange(CODE_POINTS, dtype=np.uint32)
    may_change = np.zeros(CODE_POINTS, np.bool_)
    kinds = {"L": LETTER, "N": NUMBER, "M": MARK}
    later = {code for first, last in AFTER_UNICODE_14 for code in range(first, last + 1)}
    for code in (code for codes in _ASSIGNED for code in codes if code not in later):
        character = chr(code)
        category = unicodedata.category(character)
        if category == "Cf":
            classes[code] = REMOVED
        elif kind := kinds.get(category[0]):
            classes[code] = kind
            lower[code] = ord(character.lower()[0])  # Only İ has two: i and a dot above.
            may_change[code] = unicodedata.combining(character) > 0
    classes[list(SEPARATING)] = SPACE
    for first, last in VARIATION_SELECTORS:
        classes[first : last + 1] = REMOVED
    for first, last in UNSPACED:
        block = classes[first : last + 1]
        block[np.isin(block, (LETTER, NUMBER, MARK))] = CHARACTER
    for joiners in (APOSTROPHES, HYPHENS):
        classes[[ord(joiner) for joiner in joiners]] = JOINER
        lower[[ord(joiner) for joiner in joiners]] = ord(joiners[0])
    may_change[_composed_or_composing()] = True
    return Tables(classes, lower, may_change)


def _composed_or_composing() -> list[int]:
    """The code points that form NFC replaces, and those that it may compose with the character before."""
    found = [*range(0x1161, 0x1176), *range(0x11A8, 0x11C3)]  # Hangul vowels and final consonants.
    for code in (code for codes in _ASSIGNED for code in codes if not 0xAC00 <= code < 0xE000):
        if parts := unicodedata.decomposition(chr(code)):
            if unicodedata.normalize("NFC", chr(code)) != chr(code):
                found.append(code)
            elif not parts.startswith("<"):
                found.append(int(parts.split()[-1], 16))
    return found


@cache
def has_word_pattern() -> str:
    """A regular expression (RE2) for a character that is part of a word by itself."""
    ranges = (f"\\x{{{first:x}}}-\\x{{{last:x}}}" for first, last in ranges_of(LETTER, NUMBER, CHARACTER))
    return f"[{''.join(ranges)}]"


def ranges_of(*kinds: int) -> list[tuple[int, int]]:
    """The first and last code points of each range of characters of these classes."""
    edges = np.flatnonzero(np.diff(np.isin(tables().classes, kinds), prepend=False, append=False))
    return [(first, after - 1) for first, after in edges.reshape(-1, 2).tolist()]


def portable_tables() -> dict[str, str]:
    """The tables as texts, for other programs.

    Returns:
        `letters`, `numbers`, `marks`, `characters` (each a word) and `removed`: characters and ranges of characters, as
        between the brackets of a regular expression; `upper` and `lower`: characters, and what replaces them.
    """
    kinds = {"letters": LETTER, "numbers": NUMBER, "marks": MARK, "characters": CHARACTER, "removed": REMOVED}
    found = {
        name: "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges_of(kind)) for name, kind in kinds.items()
    }
    lower = tables().lower
    upper = np.flatnonzero(lower != np.arange(CODE_POINTS))
    return {**found, "upper": "".join(map(chr, upper)), "lower": "".join(map(chr, lower[upper]))}


def as_simple_texts(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    """Convert texts so that each word follows a space or the start, and is followed by a space or the end.

    Words are in lower case, apostrophes and hyphens within them are ASCII, and all else is spaces, but for < and >.
    """
    classes, lower, may_change = tables()
    # The boundary is no character: a text that contains it anyway has a space there.
    codes = _codes(_BOUNDARY.join(text.replace(_BOUNDARY, " ") for text in texts.to_pylist()))
    kinds = classes[codes]
    is_space = (kinds == SPACE) & (codes != ord(_BOUNDARY)) & (codes != ord("<")) & (codes != ord(">"))
    codes = np.where(is_space, ord(" "), codes)[kinds != REMOVED]
    if may_change[codes].any():
        codes = _codes(unicodedata.normalize("NFC", _text(codes)))
    codes = lower[codes]
    if may_change[codes].any():
        codes = _codes(unicodedata.normalize("NFC", _text(codes).replace("i\u0307", "i")))
    result = np.empty(3 * len(codes), np.uint32)  # A character that is a word gets two spaces.
    return pa.array(_text(result[: _write_words(codes, classes, result)]).split(_BOUNDARY), pa.large_string())


def _codes(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le"), "<u4")


def _text(codes: NDArray[np.uint32]) -> str:
    return codes.astype("<u4").tobytes().decode("utf-32-le")


@compiled
def _write_words(codes: NDArray[np.uint32], classes: NDArray[np.uint8], result: NDArray[np.uint32]) -> int:
    """Write the words to `result`, with spaces for all else; return how many characters were written."""
    length = 0
    start = 0  # Where the current word begins in `result`; `length` outside of words.
    base = SPACE  # The class of the last letter or number of the current word, SPACE outside of words.
    for place in range(len(codes) + 1):
        code = codes[place] if place < len(codes) else np.uint32(ord(" "))
        kind = classes[code]
        follows = classes[codes[place + 1]] if place + 1 < len(codes) else SPACE
        continues = kind == MARK or (kind == JOINER and base == LETTER and follows == LETTER)
        if kind in (LETTER, NUMBER):
            base = kind
        elif base == SPACE or not continues:
            if length - start > 1 and result[length - 1] == _SIGMA:
                result[length - 1] = _FINAL_SIGMA
            if kind == CHARACTER:
                result[length], result[length + 1] = _SPACE_CODE, code
                length += 2
            base = SPACE
            code = code if code in _KEPT else _SPACE_CODE
            start = length + 1
        if place < len(codes):
            result[length] = code
            length += 1
    return length
