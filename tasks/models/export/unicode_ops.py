"""The word rules `unicode` of `tasks.data.unicode_words` in TensorFlow's own operators, for a SavedModel.

TensorFlow cannot compose characters. So it decomposes them, and so are the words in the model's table. That gives the
same words unless a text has marks in another order than Unicode's, or pieces of kana, Hangul or Burmese letters that
would have to be composed. The model refuses such texts. In form NFC, vocalised Arabic and Yoruba have marks in another
order; in form NFD, no text has.
"""

import unicodedata
from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.data.unicode_words import CHARACTER, JOINER, LETTER, MARK, NUMBER, REMOVED, SPACE, tables

REFUSAL = (
    "TensorFlow cannot compose or order the accents of a text; convert the text to Unicode form NFC first or, if it "
    "has that form, to NFD, in Python by unicodedata.normalize"
)
# Marks of kana, and vowels and final consonants of Hangul: they may have to be composed.
_PIECES = ((0x3099, 0x309A), (0x1161, 0x1175), (0x11A8, 0x11C2))
_BURMESE_U, _BURMESE_II = 0x1025, 0x102E  # Together another letter.
_DOT_ABOVE = 0x307


class _Properties(NamedTuple):
    """What the model looks up for a code point.

    Attributes:
        starts, kinds: the first code point of each range of characters of one class, and the class.
        replaced, replacements: code points, and the lower-case, decomposed characters that replace them.
        marked, first, last: code points that are or contain marks; the combining classes of their first and last parts.
    """

    starts: NDArray[np.int32]
    kinds: NDArray[np.int32]
    replaced: list[int]
    replacements: list[str]
    marked: list[int]
    first: list[int]
    last: list[int]


def decomposed(text: str) -> str:
    """The text decomposed, with its marks in Unicode's order, but for Hangul and characters that are words."""
    classes = tables().classes

    def is_whole(character: str) -> bool:
        return bool(classes[ord(character)] == CHARACTER) or 0xAC00 <= ord(character) < 0xD7A4

    runs = ((whole, "".join(run)) for whole, run in groupby(text, is_whole))
    return "".join(run if whole else unicodedata.normalize("NFD", run) for whole, run in runs)


def _properties() -> _Properties:
    classes, lower, _ = tables()
    starts = np.flatnonzero(np.diff(classes, prepend=np.uint8(255)))
    found = _Properties(starts.astype(np.int32), classes[starts].astype(np.int32), [], [], [], [], [])
    for code in np.flatnonzero((classes != SPACE) & (classes != REMOVED)).tolist():
        # Form NFC first: some characters are other characters' doubles.
        replacement = decomposed(unicodedata.normalize("NFC", chr(lower[code])))
        if replacement != chr(code):
            found.replaced.append(code)
            found.replacements.append(replacement)
        parts = unicodedata.normalize("NFD", chr(code))
        ends = unicodedata.combining(parts[0]), unicodedata.combining(parts[-1])
        if any(ends):
            found.marked.append(code)
            found.first.append(ends[0])
            found.last.append(ends[1])
    return found


class UnicodeWords:
    """Splits texts into decomposed words. An exported model must track `lookups`."""

    def __init__(self) -> None:
        """Make the lookup tables."""
        import tensorflow as tf

        def lookup(keys: Sequence[int], values: Sequence[Any], kind: Any, default: Any) -> Any:
            entries = tf.lookup.KeyValueTensorInitializer(tf.constant(keys, tf.int64), tf.constant(values, kind))
            return tf.lookup.StaticHashTable(entries, default)

        properties = _properties()
        self._starts, self._kinds = properties.starts, properties.kinds
        self._replacement = lookup(properties.replaced, properties.replacements, tf.string, "")
        self._first = lookup(properties.marked, properties.first, tf.int64, 0)
        self._last = lookup(properties.marked, properties.last, tf.int64, 0)
        self.lookups = [self._replacement, self._first, self._last]

    def __call__(self, texts: Any) -> Any:
        """Return the words of UTF-8 strings, shape (texts,), as a ragged tensor; some are empty.

        The model fails with `REFUSAL` for texts that TensorFlow cannot split as the rules say.
        """
        import tensorflow as tf

        # With a space on either side, no character has a neighbour in another text.
        codes = tf.strings.unicode_decode(tf.strings.join([" ", texts, " "]), "UTF-8")
        codes = tf.ragged.boolean_mask(codes, codes.with_flat_values(self._kind(codes.flat_values) != REMOVED))
        flat = codes.flat_values
        kind = self._kind(flat)
        with tf.control_dependencies([tf.debugging.Assert(self._are_composed(flat, kind), [REFUSAL])]):
            characters = tf.strings.unicode_encode(flat[:, tf.newaxis], "UTF-8")
        replacement = self._replacement.lookup(tf.cast(flat, tf.int64))
        lower = tf.where(replacement == "", characters, replacement)
        lower = tf.where((flat == _DOT_ABOVE) & (_before(lower, " ") == "i"), "", lower)
        base = _without_marks(kind)
        is_stray = (kind == MARK) & (base != LETTER) & (base != NUMBER)
        kind = tf.where(is_stray, SPACE, kind)
        base = _without_marks(kind)
        joins = (_before(base, SPACE) == LETTER) & (_after(kind, SPACE) == LETTER)
        kind = tf.where((kind == JOINER) & ~joins, SPACE, kind)
        pieces = tf.where(kind == SPACE, " ", tf.where(kind == CHARACTER, " " + lower + " ", lower))
        spaced = tf.strings.reduce_join(codes.with_flat_values(pieces), axis=-1)
        words = tf.strings.split(spaced, sep=" ")
        return words.with_flat_values(tf.strings.regex_replace(words.flat_values, "^(.+)σ$", r"\1ς"))

    def _kind(self, codes: Any) -> Any:
        import tensorflow as tf

        return tf.gather(self._kinds, tf.searchsorted(self._starts, codes, side="right") - 1)

    def _are_composed(self, codes: Any, kind: Any) -> Any:
        """Whether TensorFlow can split the texts: see the module's description."""
        import tensorflow as tf

        wide = tf.cast(codes, tf.int64)
        first, last = self._first.lookup(wide), self._last.lookup(wide)
        is_refused = (first > 0) & (_before(last, 0) > first)
        # A mark after one of a script without spaces may belong to the letter before both.
        is_refused |= (kind == MARK) & (_before(kind, SPACE) == CHARACTER) & (_before(last, 0) > 0)
        is_refused |= (codes == _DOT_ABOVE) & (_before(last, 0) > 0)  # It may belong to an i.
        for start, end in _PIECES:
            is_refused |= (codes >= start) & (codes <= end)
        is_refused |= (codes == _BURMESE_II) & (_before(codes, 0) == _BURMESE_U)
        return ~tf.reduce_any(is_refused)


def _before(values: Any, default: Any) -> Any:
    """The value before each value."""
    import tensorflow as tf

    return tf.concat([tf.constant([default], values.dtype), values[:-1]], axis=0)[: tf.size(values)]


def _after(values: Any, default: Any) -> Any:
    """The value after each value."""
    import tensorflow as tf

    return tf.concat([values[1:], tf.constant([default], values.dtype)], axis=0)[: tf.size(values)]


def _without_marks(kind: Any) -> Any:
    """The class of each character or, for a mark, of the last character before it that is no mark."""
    import tensorflow as tf

    places = tf.where(kind != MARK)[:, 0]
    return tf.gather(kind, tf.gather(places, tf.cumsum(tf.cast(kind != MARK, tf.int32)) - 1))
