"""The tokenizer: texts to word ranks, and ranks to texts.

There are two sets of word rules. `unicode` suits any language; `tasks.data.unicode_words` describes it. `imdb` are the
rules of Keras's IMDB data set, for its reviews and for texts that are read with its word index. The data set does not
document them. They were derived from the official word index and checked on 1,000 raw reviews, each of which gives
exactly its ranks in `imdb.npz`:

- only ASCII letters become lower-case: 21 words of the index contain upper-case letters outside ASCII, and `str.lower`
  gets some reviews wrong;
- the characters !"#$%&()*+,-./:;<=>?@[\\]^_`{|}~, tab and newline become spaces: an apostrophe stays part of its
  word, and `<br />` leaves the word `br`;
- words end at U+0020 only: other Unicode spaces, including U+0085, are part of 515 words of the index;
- empty words are dropped, and so are words missing from the index. The latter leave no trace in the tokens, so they are
  counted here.

`tasks.data.tokens` does the rest: 3 is added to ranks, those beyond the vocabulary become 2, a 1 is prepended, and
reviews are truncated and padded at the start.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.data.tokens import Reviews, Tokens, to_tokens
from tasks.data.unicode_words import as_simple_texts, has_word_pattern
from tasks.data.vocabulary import UNKNOWN_WORD, read_word_index
from tasks.errors import DataError
from tasks.results.data import WordRules, WordRulesName
from tasks.storage.compiled import compiled

SEPARATORS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
SPACE = ord(" ")
_HAS_IMDB_WORD = "[^ " + "".join(f"\\x{ord(separator):02x}" for separator in SEPARATORS) + "]"


def _byte_table(separators: Iterable[int]) -> NDArray[np.uint8]:
    """Map each byte to its replacement. Bytes from 128 on encode non-ASCII characters in UTF-8 and do not change."""
    table = np.arange(256, dtype=np.uint8)
    table[ord("A") : ord("Z") + 1] += ord("a") - ord("A")
    table[list(separators)] = SPACE
    return table


# With the rules `unicode`, apostrophes and hyphens separate only where they are not between letters.
_JOINERS = ord("'"), ord("-")
BYTE_TABLES: dict[WordRulesName, NDArray[np.uint8]] = {
    "imdb": _byte_table(map(ord, SEPARATORS)),
    "unicode": _byte_table(byte for byte in range(128) if not chr(byte).isalnum() and byte not in _JOINERS),
}


class Words(NamedTuple):
    """The concatenated words of texts: text i is `words[offsets[i]:offsets[i + 1]]`; offsets: int64, (texts + 1,)."""

    words: pa.LargeStringArray
    offsets: NDArray[np.int64]


class Encoded(NamedTuple):
    """Texts as word ranks.

    Attributes:
        ranks: int32, the concatenated ranks of all texts' known words.
        offsets: int64, shape (texts + 1,); text i is `ranks[offsets[i]:offsets[i + 1]]`.
        skipped: int64, shape (texts,); the number of words in each text that were skipped because the index lacks them.
    """

    ranks: NDArray[np.int32]
    offsets: NDArray[np.int64]
    skipped: NDArray[np.int64]

    def tokens(self, vocabulary_size: int, max_length: int) -> Tokens:
        """Return a network's input; see `to_tokens`."""
        count = len(self.skipped)
        reviews = Reviews(self.ranks, self.offsets, np.zeros(count, np.uint8))
        return to_tokens(reviews, np.arange(count), vocabulary_size, max_length)


def string_array(texts: "pa.Array | Iterable[str]") -> pa.LargeStringArray:
    """Convert texts to an Arrow array; null counts as empty."""
    array = texts if isinstance(texts, pa.Array) else pa.array(list(texts), pa.large_string())
    return array.cast(pa.large_string()).fill_null("")


def split_words(texts: "pa.Array | Iterable[str]", rules: WordRules) -> Words:
    """Split each text into words; no index is needed."""
    return split_simplified(simplified(texts, rules), rules)


def split_simplified(array: pa.LargeStringArray, rules: WordRules) -> Words:
    """Split texts that `simplified` returned into words."""
    _, offset_buffer, text_buffer = array.buffers()
    ends = np.frombuffer(offset_buffer, np.int64)[array.offset : array.offset + len(array) + 1]
    text = BYTE_TABLES[rules.name][np.frombuffer(text_buffer or b"", np.uint8)[ends[0] : ends[-1]]]
    ends = ends - ends[0]
    if rules.name == "unicode":
        _drop_joiners(text, ends)
    return _cut(text, ends)


def has_word(texts: pa.LargeStringArray, rules: WordRules) -> NDArray[np.bool_]:
    """Whether each text has a word; null has none."""
    pattern = _HAS_IMDB_WORD if rules.name == "imdb" else has_word_pattern()
    found = pc.match_substring_regex(texts, pattern).fill_null(False)
    has_one: NDArray[np.bool_] = found.to_numpy(zero_copy_only=False)
    return has_one


def simplified(texts: "pa.Array | Iterable[str]", rules: WordRules) -> pa.LargeStringArray:
    """Convert texts so that words can be found by their bytes: with the rules `unicode`, those that are not ASCII."""
    texts = string_array(texts)
    if rules.name == "imdb":
        return texts
    is_other = pc.invert(pc.string_is_ascii(texts))
    others = texts.filter(is_other)
    return pc.replace_with_mask(texts, is_other, as_simple_texts(others)) if len(others) else texts


def _drop_joiners(text: NDArray[np.uint8], ends: NDArray[np.int64]) -> None:
    """Replace apostrophes and hyphens that are not between letters by spaces."""
    places = np.flatnonzero((text == _JOINERS[0]) | (text == _JOINERS[1]))
    # After the table, bytes from "a" on are letters or parts of other characters. `as_simple_texts` left no apostrophe
    # or hyphen beside such a character unless it is a letter.
    last = max(len(text) - 1, 0)
    are_letters = (text[places - 1] >= ord("a")) & (text[np.minimum(places + 1, last)] >= ord("a"))
    at_edge = (ends[np.searchsorted(ends, places)] == places) | (ends[np.searchsorted(ends, places + 1)] == places + 1)
    text[places[~are_letters | at_edge]] = SPACE


def _cut(text: NDArray[np.uint8], ends: NDArray[np.int64]) -> Words:
    """Split text into words at spaces and at the ends of texts; text i is `text[ends[i]:ends[i + 1]]`."""
    in_word = text != SPACE
    first, last = in_word.copy(), in_word.copy()
    first[1:] &= ~in_word[:-1]
    last[:-1] &= ~in_word[1:]
    inner = ends[(ends > 0) & (ends < len(text))]
    first[inner] = in_word[inner]
    last[inner - 1] = in_word[inner - 1]
    starts = np.flatnonzero(first)
    word_offsets = np.zeros(len(starts) + 1, np.int64)
    np.cumsum(np.flatnonzero(last) + 1 - starts, out=word_offsets[1:])
    words = pa.LargeStringArray.from_buffers(len(starts), pa.py_buffer(word_offsets), pa.py_buffer(text[in_word]))
    return Words(words, np.searchsorted(starts, ends))


def letter_digests(array: pa.LargeStringArray, rules: WordRules) -> NDArray[np.uint64]:
    """Hash the letters and numbers of texts that `simplified` returned: case, spaces, signs and markup do not count.

    Equal hashes are used for counts only: one in 2**64 pairs of different texts has the same.
    """
    _, offset_buffer, text_buffer = array.buffers()
    ends = np.frombuffer(offset_buffer, np.int64)[array.offset : array.offset + len(array) + 1]
    digests = np.empty(len(array), np.uint64)
    _digest_letters(np.frombuffer(text_buffer or b"", np.uint8), ends, BYTE_TABLES[rules.name], digests)
    return digests


NO_LETTERS = np.uint64(0xCBF29CE484222325)  # The hash of a text without letters and numbers.
_MOST_MARKUP = 200  # Bytes between < and >.
_LESS, _GREATER, _FIRST_DIGIT = ord("<"), ord(">"), ord("0")


@compiled
def _digest_letters(
    text: NDArray[np.uint8], ends: NDArray[np.int64], table: NDArray[np.uint8], digests: NDArray[np.uint64]
) -> None:
    """The hash FNV-1a (Fowler, Noll and Vo 1991) of each text's letters and numbers."""
    for row in range(len(digests)):
        digest = NO_LETTERS
        place, end = ends[row], ends[row + 1]
        while place < end:
            byte = text[place]
            place += 1
            if byte == _LESS:
                closing = place
                while closing < min(end, place + _MOST_MARKUP) and text[closing] != _GREATER:
                    closing += 1
                if closing < end and text[closing] == _GREATER:
                    place = closing + 1
            letter = table[byte]
            if letter >= _FIRST_DIGIT:  # Spaces, apostrophes and hyphens are below.
                digest = (digest ^ np.uint64(letter)) * np.uint64(0x100000001B3)
        digests[row] = digest


class Tokenizer:
    """Converts texts to word ranks and back, using a word index. It can be sent to other processes."""

    def __init__(self, index: Mapping[str, int], rules: WordRules) -> None:
        """Create a tokenizer from a word index: word -> rank (1 = most frequent).

        Raises:
            DataError: a word is not valid Unicode.
        """
        self._rules = rules
        try:
            self._words = pa.array(list(index), pa.large_string())
        except UnicodeEncodeError as error:
            raise DataError(f"the word index contains {error.object!r}, half a character; expected words") from None
        self._ranks = np.fromiter(index.values(), np.int32, len(index))
        # The word of each rank, for decoding; ranks may have gaps.
        places = np.full(self._ranks.max(initial=0) + 1, len(index), np.int64)
        places[self._ranks] = np.arange(len(index))
        self._place_of_rank = places

    @classmethod
    def read(cls, word_index: Path, rules: WordRules) -> "Tokenizer":
        """Read a tokenizer from a JSON file in the format of Keras's `imdb_word_index.json`.

        Raises:
            DataError: see `read_word_index`.
        """
        return cls(read_word_index(word_index), rules)

    def encode(self, texts: "pa.Array | Iterable[str]", missing: int | None = None) -> Encoded:
        """Convert each text to word ranks.

        Args:
            texts: the texts.
            missing: the rank for words missing from the index, if the index is limited to a vocabulary; None to skip
                such words.
        """
        words, offsets = split_words(texts, self._rules)
        places = pc.index_in(words, value_set=self._words)
        if missing is not None:
            ranks = np.append(self._ranks, np.int32(missing))[places.fill_null(len(self._words)).to_numpy()]
            return Encoded(ranks, offsets, np.zeros(len(offsets) - 1, np.int64))
        is_known = places.is_valid().to_numpy(zero_copy_only=False)
        known_before = np.zeros(len(words) + 1, np.int64)
        np.cumsum(is_known, out=known_before[1:])
        known_offsets = known_before[offsets]
        ranks = self._ranks[places.drop_null().to_numpy()]
        return Encoded(ranks, known_offsets, np.diff(offsets) - np.diff(known_offsets))

    def decode(self, ranks: NDArray[np.integer], offsets: NDArray[np.integer]) -> pa.LargeStringArray:
        """Convert ranks to texts of words separated by spaces; a rank without a word becomes "⟨unknown⟩".

        Args:
            ranks: as in `Encoded`.
            offsets: as in `Encoded`.
        """
        inside = np.where(ranks < len(self._place_of_rank), ranks, 0)
        places = np.where(inside > 0, self._place_of_rank[inside], len(self._words))
        words = pa.concat_arrays([self._words, pa.array([UNKNOWN_WORD], pa.large_string())]).take(pa.array(places))
        lists = pa.ListArray.from_arrays(pa.array(np.asarray(offsets, np.int32)), words)
        return pc.binary_join(lists, pa.scalar(" ", pa.large_string()))
