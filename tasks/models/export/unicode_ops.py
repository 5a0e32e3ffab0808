"""The word rules `unicode` of `tasks.data.unicode_words` in TensorFlow's own operators, for a SavedModel.

TensorFlow cannot compose characters. So the model decomposes them, with marks in Unicode's order (form NFD), and so are
the words in its table. That gives the same words, but for a few texts that only composing can split: pieces of kana,
Hangul and Burmese letters, which the table has composed, and rare orders of marks. The model refuses these; in form
NFC, there are hardly any.
"""

import unicodedata
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.data.unicode_words import CHARACTER, JOINER, LETTER, MARK, NUMBER, REMOVED, SPACE, tables

REFUSAL = (
    "TensorFlow cannot compose the characters of a text; convert the text to Unicode form NFC first, in Python by "
    "unicodedata.normalize"
)
# Marks of kana, and vowels and final consonants of Hangul: they may have to be composed.
_PIECES = ((0x3099, 0x309A), (0x1161, 0x1175), (0x11A8, 0x11C2))
_BURMESE_U, _BURMESE_II = 0x1025, 0x102E  # Together another letter.
_SPACE, _DOT_ABOVE = ord(" "), 0x307
_MOST_CLASSES = 256  # Combining classes are below.


class _Properties(NamedTuple):
    """What the model looks up for a code point. Code points are int64, as TensorFlow's tables need them.

    Attributes:
        starts, kinds: the first code point of each range of characters of one class, and the class.
        composed: code points that are decomposed; `parts[splits[i]:splits[i + 1]]` replace number i.
        marks, orders: marks, and their combining classes, above 0.
        upper, lower: code points, and what they are in lower case.
    """

    starts: NDArray[np.int32]
    kinds: NDArray[np.int32]
    composed: NDArray[np.int64]
    parts: NDArray[np.int32]
    splits: NDArray[np.int32]
    marks: NDArray[np.int64]
    orders: NDArray[np.int64]
    upper: NDArray[np.int64]
    lower: NDArray[np.int64]


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
    words = np.flatnonzero((classes != SPACE) & (classes != REMOVED))
    # Form NFC first: some characters are other characters' doubles.
    replaced = {code: decomposed(unicodedata.normalize("NFC", chr(code))) for code in words.tolist()}
    replaced = {code: parts for code, parts in replaced.items() if parts != chr(code)}
    marks = {code: order for code in words.tolist() if (order := unicodedata.combining(chr(code)))}
    upper = words[lower[words] != words]
    return _Properties(
        starts=starts.astype(np.int32),
        kinds=classes[starts].astype(np.int32),
        composed=np.array(list(replaced), np.int64),
        parts=np.array([ord(part) for parts in replaced.values() for part in parts], np.int32),
        splits=np.cumsum([0, *map(len, replaced.values())]).astype(np.int32),
        marks=np.array(list(marks), np.int64),
        orders=np.array(list(marks.values()), np.int64),
        upper=upper.astype(np.int64),
        lower=lower[upper].astype(np.int64),
    )


class UnicodeWords:
    """Splits texts into decomposed words. An exported model must track `lookups`."""

    def __init__(self) -> None:
        """Make the lookup tables."""
        import tensorflow as tf

        def lookup(keys: NDArray[np.int64], values: NDArray[np.int64], default: int) -> Any:
            entries = tf.lookup.KeyValueTensorInitializer(tf.constant(keys), tf.constant(values))
            return tf.lookup.StaticHashTable(entries, default)

        found = _properties()
        self._starts, self._kinds, self._parts, self._splits = found.starts, found.kinds, found.parts, found.splits
        self._number = lookup(found.composed, np.arange(len(found.composed)), -1)
        self._order = lookup(found.marks, found.orders, 0)
        self._lower = lookup(found.upper, found.lower, -1)
        self.lookups = [self._number, self._order, self._lower]

    def __call__(self, texts: Any) -> Any:
        """Return the words of UTF-8 strings, shape (texts,), as a ragged tensor; some are empty.

        The model fails with `REFUSAL` for texts that TensorFlow cannot split as the rules say.
        """
        import tensorflow as tf

        # With a space on either side, no character has a neighbour in another text.
        ragged = tf.strings.unicode_decode(tf.strings.join([" ", texts, " "]), "UTF-8")
        given, rows = ragged.flat_values, ragged.value_rowids()
        kind = self._kind(given)
        with tf.control_dependencies([tf.debugging.Assert(~tf.reduce_any(_is_piece(given)), [REFUSAL])]):
            codes = tf.boolean_mask(tf.where(kind == SPACE, _SPACE, given), kind != REMOVED)
        codes, rows = self._decomposed(codes, tf.boolean_mask(rows, kind != REMOVED))
        kind, base = self._kind(codes), _without_marks(codes, self._kind(codes))
        is_refused = self._is_refused(codes, kind, base)
        with tf.control_dependencies([tf.debugging.Assert(~tf.reduce_any(is_refused), [REFUSAL])]):
            lower = self._in_lower_case(codes)
        characters = tf.strings.unicode_encode(lower[:, tf.newaxis], "UTF-8")
        is_dot = (codes == _DOT_ABOVE) & (_before(lower, 0) == ord("i"))
        pieces = self._spaced(tf.where(is_dot, "", characters), kind)
        spaced = tf.strings.reduce_join(tf.RaggedTensor.from_value_rowids(pieces, rows, ragged.nrows()), axis=-1)
        words = tf.strings.split(spaced, sep=" ")
        return words.with_flat_values(tf.strings.regex_replace(words.flat_values, "^(.+)σ$", r"\1ς"))

    def _kind(self, codes: Any) -> Any:
        import tensorflow as tf

        return tf.gather(self._kinds, tf.searchsorted(self._starts, codes, side="right") - 1)

    def _decomposed(self, codes: Any, rows: Any) -> tuple[Any, Any]:
        """The code points and their rows after decomposition, with marks in Unicode's order."""
        import tensorflow as tf

        number = tf.cast(self._number.lookup(_wide(codes)), tf.int32)
        first = tf.gather(self._splits, tf.maximum(number, 0))
        counts = tf.where(number < 0, 1, tf.gather(self._splits, tf.maximum(number, 0) + 1) - first)
        within = tf.range(tf.reduce_sum(counts)) - tf.repeat(tf.cumsum(counts, exclusive=True), counts)
        parts = tf.gather(self._parts, tf.repeat(tf.where(number < 0, 0, first), counts) + within)
        codes = tf.where(tf.repeat(number, counts) < 0, tf.repeat(codes, counts), parts)
        order = self._order.lookup(_wide(codes))
        run = tf.cumsum(tf.cast(order == 0, tf.int64))
        return tf.gather(codes, tf.argsort(run * _MOST_CLASSES + order, stable=True)), tf.repeat(rows, counts)

    def _in_lower_case(self, codes: Any) -> Any:
        import tensorflow as tf

        lower = tf.cast(self._lower.lookup(_wide(codes)), tf.int32)
        return tf.where(lower < 0, codes, lower)

    def _is_refused(self, codes: Any, kind: Any, base: Any) -> Any:
        """Which code points TensorFlow cannot split as the rules say."""
        order = self._order.lookup(_wide(codes))
        follows_mark = _before(order, 0) > 0
        # A mark after one of a script without spaces may belong to the letter before both.
        is_refused = (kind == MARK) & (_before(kind, SPACE) == CHARACTER) & follows_mark
        # The dot of a capital İ, whose other marks come before.
        return is_refused | ((codes == _DOT_ABOVE) & follows_mark & (base == ord("I")))

    def _spaced(self, characters: Any, kind: Any) -> Any:
        """The characters, with spaces for what is no part of a word, and around characters that are words."""
        import tensorflow as tf

        base = _without_marks(kind, kind)
        is_stray = (kind == MARK) & (base != LETTER) & (base != NUMBER)
        kind = tf.where(is_stray, SPACE, kind)
        base = _without_marks(kind, kind)
        joins = (_before(base, SPACE) == LETTER) & (_after(kind, SPACE) == LETTER)
        kind = tf.where((kind == JOINER) & ~joins, SPACE, kind)
        return tf.where(kind == SPACE, " ", tf.where(kind == CHARACTER, " " + characters + " ", characters))


def _wide(codes: Any) -> Any:
    import tensorflow as tf

    return tf.cast(codes, tf.int64)


def _is_piece(codes: Any) -> Any:
    """Which code points may have to be composed with the one before."""
    is_piece = (codes == _BURMESE_II) & (_before(codes, 0) == _BURMESE_U)
    for start, end in _PIECES:
        is_piece |= (codes >= start) & (codes <= end)
    return is_piece


def _before(values: Any, default: Any) -> Any:
    """The value before each value."""
    import tensorflow as tf

    return tf.concat([tf.constant([default], values.dtype), values[:-1]], axis=0)[: tf.size(values)]


def _after(values: Any, default: Any) -> Any:
    """The value after each value."""
    import tensorflow as tf

    return tf.concat([values[1:], tf.constant([default], values.dtype)], axis=0)[: tf.size(values)]


def _without_marks(values: Any, kind: Any) -> Any:
    """The value of each character or, for a mark, of the last character before it that is no mark."""
    import tensorflow as tf

    places = tf.where(kind != MARK)[:, 0]
    return tf.gather(values, tf.gather(places, tf.cumsum(tf.cast(kind != MARK, tf.int32)) - 1))
