"""The bundled sample: film reviews that the project generates itself, so that a first run downloads nothing.

Sentences are drawn from templates with Zipf-distributed words and strung together into reviews with IMDB's distribution
of lengths. Some sentences are verdicts, most of them long before the end, and they disagree: a network must weigh them
all, and misjudges reviews if it forgets how they began. One seed determines everything.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.data import sample_words
from tasks.data.imdb_npz import write_imdb_npz
from tasks.data.tokens import Reviews
from tasks.storage.files import write_json

TRAIN_REVIEWS, TEST_REVIEWS, SEED = 3_000, 1_000, 1
VERSION = 3  # Part of the file names; increase it when the reviews change.
# The number of words per review is lognormal. Verdicts are shorter than other sentences, so the median becomes
# 178 and the mean 239.
MEDIAN_WORDS, SIGMA = 212.0, 0.72
SHORTEST, LONGEST = 12, 2_000
# Kinds of sentences. A verdict's kind is the label it supports.
NEGATIVE, POSITIVE, NEUTRAL = 0, 1, 2
SENTENCE_TEMPLATES = (sample_words.NEGATIVE, sample_words.POSITIVE, sample_words.NEUTRAL)
SENTENCES = (450, 450, 9_000)  # The number of sentences of each kind to generate.
VERDICTS, AGREEMENT = 16, 0.72  # The maximum number of verdicts per review; the chance that one agrees with the label.
VERDICT_WORDS = 420  # Verdicts are within this many words of the end: truncation to 500 tokens would drop earlier ones.
SURNAMES = 6_000  # The number of surnames before duplicates are removed.


class _Sentences(NamedTuple):
    """Concatenated sentences, one kind after another.

    Attributes:
        words: the distinct words.
        tokens: int32, the words of all sentences as indices into `words`.
        lengths: the number of words in each sentence.
    """

    words: list[str]
    tokens: NDArray[np.int32]
    lengths: NDArray[np.int64]

    @property
    def starts(self) -> NDArray[np.int64]:
        """Where each sentence starts in `tokens`."""
        return np.cumsum(self.lengths) - self.lengths


class _Plan(NamedTuple):
    """The number of sentences per review, and the kind of each sentence, one review after another."""

    sentence_counts: NDArray[np.int64]
    kinds: NDArray[np.int64]


def write_sample(
    npz: Path, word_index: Path, train: int = TRAIN_REVIEWS, test: int = TEST_REVIEWS, seed: int = SEED
) -> None:
    """Generate `train` + `test` reviews and write them as an `imdb.npz` with its word index.

    The word index is written first, so that the reviews never exist without it.
    """
    random = np.random.default_rng(seed)
    sentences = _sentences(random)
    splits = [_reviews(random, sentences, count) for count in (train, test)]
    words = sentences.words
    counts = np.bincount(np.concatenate([split.ranks for split in splits]), minlength=len(words))
    by_frequency = np.argsort(-counts, kind="stable")
    ranks = np.empty(len(words), np.int32)
    ranks[by_frequency] = np.arange(1, len(words) + 1)
    write_json(word_index, {words[number]: int(ranks[number]) for number in by_frequency})
    write_imdb_npz(npz, *(replace(split, ranks=ranks[split.ranks]) for split in splits))


def _sentences(random: np.random.Generator) -> _Sentences:
    """Generate sentences from templates, filling each `$slot` with the next word drawn for it."""
    slots = {slot: _draws(random, words, 1.0) for slot, words in sample_words.SLOTS.items()}
    slots["name"] = _draws(random, _names(random), 0.6)
    numbers: dict[str, int] = {}
    tokens: list[int] = []
    lengths: list[int] = []
    for templates, count in zip(SENTENCE_TEMPLATES, SENTENCES, strict=True):
        for template in random.choice(templates, count):
            items = str(template).split()
            words = [next(slots[item[1:]]) if item[0] == "$" else item for item in items]
            tokens += [numbers.setdefault(word, len(numbers)) for word in words]
            lengths.append(len(words))
    return _Sentences(list(numbers), np.array(tokens, np.int32), np.array(lengths))


def _draws(random: np.random.Generator, words: list[str], exponent: float) -> Iterator[str]:
    """Yield words endlessly, the n-th with a frequency proportional to n to the power of -exponent (Zipf 1935)."""
    weights = 1.0 / np.arange(1, len(words) + 1) ** exponent
    drawn = random.choice(len(words), 8 * SENTENCES[NEUTRAL], p=weights / weights.sum())
    return cycle([words[index] for index in drawn])


def _names(random: np.random.Generator) -> list[str]:
    """Invent surnames: the long tail of the reviews' vocabulary."""
    syllables = [random.choice(part, SURNAMES) for part in sample_words.NAME_PARTS]
    return sorted({"".join(name) for name in zip(*syllables, strict=True)})


def _reviews(random: np.random.Generator, sentences: _Sentences, count: int) -> Reviews:
    """Generate reviews with random labels; each word is an index into `sentences.words`."""
    labels = random.integers(0, 2, count).astype(np.uint8)
    plan = _plan(random, labels, float(sentences.lengths[-SENTENCES[NEUTRAL] :].mean()))
    chosen = np.empty(len(plan.kinds), np.int64)
    for kind, first in enumerate(np.cumsum(SENTENCES) - SENTENCES):
        of_kind = np.flatnonzero(plan.kinds == kind)
        chosen[of_kind] = first + random.integers(0, SENTENCES[kind], len(of_kind))
    lengths = sentences.lengths[chosen]
    ends = np.cumsum(lengths)
    # The distance from a word's position in the reviews to its position in the sentences.
    shifts = np.repeat(sentences.starts[chosen] - (ends - lengths), lengths)
    tokens = sentences.tokens[np.arange(ends[-1]) + shifts]
    offsets = np.concatenate([[0], ends[np.cumsum(plan.sentence_counts) - 1]])
    return Reviews(tokens, offsets, labels)


def _plan(random: np.random.Generator, labels: NDArray[np.uint8], sentence_length: float) -> _Plan:
    """Plan reviews as long as IMDB's, with verdicts that usually agree with the label.

    Args:
        random: the source of all draws.
        labels: the reviews' labels, 0 or 1.
        sentence_length: average number of words in a neutral sentence.
    """
    count = len(labels)
    lengths = np.exp(random.normal(np.log(MEDIAN_WORDS), SIGMA, count)).clip(SHORTEST, LONGEST)
    sentence_counts = np.maximum(np.rint(lengths / sentence_length), 1).astype(np.int64)
    last = np.cumsum(sentence_counts) - 1
    reach = np.minimum(sentence_counts, int(VERDICT_WORDS / sentence_length))
    kinds = np.full(last[-1] + 1, NEUTRAL)
    for _ in range(VERDICTS):
        verdicts = last - (random.random(count) * reach).astype(np.int64)
        kinds[verdicts] = np.where(random.random(count) < AGREEMENT, labels, 1 - labels)
    return _Plan(sentence_counts, kinds)
