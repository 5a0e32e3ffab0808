"""Texts with which every reader of the word rules `unicode` is tested: Python, TensorFlow, the reader page, ONNX."""

import itertools
import random
import unicodedata

from tasks.data.tokenizer import split_words
from tasks.results.data import UNICODE_RULES

# A few letters of each script, with its marks and numbers, capitals and small letters where it has both.
SCRIPTS = {
    "latin": "abcéÉüÜßñİIiıŁłǰ0129",
    "vietnamese": "ệểốứạĂăƯư",
    "greek": "ΑΒΣσςάΰΐΌ",
    "cyrillic": "ЖжЙйЁёЄє",
    "georgian": "აბგᲐᲑᲒ",
    "armenian": "ԱաԲբև",
    "hebrew": "אבגשׁ",
    "arabic": "ابتةٱ٣٤ّ",
    "devanagari": "कखडड़िाी्०१",
    "tamil": "கஙொா்",
    "hangul": "한국어",
    "han": "電影好豈々〇",
    "kana": "がぱカヴーｶ",
    "thai": "กขาิ่๑",
    "burmese": "ကဥါိ်၁",
}
BETWEEN = [
    " ",
    " ",
    "'",
    "’",
    "-",
    "‑",
    ".",
    "—",
    "\t",
    "\r\n",
    "\u00a0",
    "\u00ad",
    "\u200c",
    "👍",
    "❤\ufe0f",
    "_",
    "3",
]


def mixed(count: int = 300, seed: int = 24) -> list[str]:
    """Strings of several scripts, separators, joiners, emoji and accents, in form NFC."""
    random_ = random.Random(seed)
    accented = ["", "", "e\u0301", "n\u0308", "O\u0323", "I\u0307", "x\u030c", "и\u0306"]
    texts = []
    for number in range(count):
        text = ""
        for _ in range(random_.randint(1, 8)):
            letters = SCRIPTS[random_.choice(list(SCRIPTS))]  # The first is no mark.
            text += letters[0] + "".join(random_.choices(letters, k=random_.randint(0, 4)))
            text += random_.choice(accented) + random_.choice(BETWEEN)
        texts.append(unicodedata.normalize("NFC", text) + str(number))
    return texts


# Each code point between spaces. Surrogates are no characters.
ALONE = " ".join(chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000)
MIXED = mixed()
DECOMPOSED = [unicodedata.normalize("NFD", text) for text in MIXED]


def words(texts: list[str]) -> list[list[str]]:
    """The words of each text."""
    found, offsets = split_words(texts, UNICODE_RULES)
    flat = found.to_pylist()
    return [flat[first:last] for first, last in itertools.pairwise(offsets)]
