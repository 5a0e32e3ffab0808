"""The bundled sample: film reviews that the project makes up itself, so that a first run needs no network.

Sentences are drawn from templates with Zipf-distributed words and strung together to reviews with IMDB's distribution
of lengths. Verdicts stand in some sentences, most of them long before the end, and they disagree: a network must weigh
all of them, and one that forgets the beginning of a review errs. Everything follows from one seed.
"""

from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.data import sample_words as lists
from tasks.data.imdb_npz import write_imdb_npz
from tasks.data.reviews import Reviews
from tasks.storage.files import write_json

TRAIN, TEST, SEED, VERSION = 3_000, 1_000, 1, 3
MEDIAN_WORDS, SIGMA = 212.0, 0.72  # lognormal; verdicts are shorter than other sentences: median 178, mean 239 result
SHORTEST, LONGEST = 12, 2_000
POOL = 9_000
VERDICTS, AGREEMENT = 16, 0.72
REACH = 420  # Words from the end within which verdicts stand: farther ones would be cut at 500 steps.


def write_sample(npz: Path, word_index: Path, train: int = TRAIN, test: int = TEST, seed: int = SEED) -> None:
    """Make `train` + `test` reviews and write them as an `imdb.npz` with its word index.

    The word index is written first, so that whoever sees the reviews finds the words too.
    """
    random = np.random.default_rng(seed)
    pools, words = _sentences(random)
    splits = [_reviews(random, pools, count) for count in (train, test)]
    counts = np.bincount(np.concatenate([split.tokens for split in splits]), minlength=len(words))
    order = np.argsort(-counts, kind="stable")
    ranks = np.empty(len(words), np.int32)
    ranks[order] = np.arange(1, len(words) + 1)
    write_json(word_index, {words[place]: int(ranks[place]) for place in order})
    write_imdb_npz(npz, *(Reviews(ranks[split.tokens], split.offsets, split.labels) for split in splits))


class _Pool:
    """Sentences of one kind, laid end to end as word numbers."""

    def __init__(self, sentences: list[list[int]]) -> None:
        self.sizes = np.array([len(sentence) for sentence in sentences])
        self.starts = np.cumsum(self.sizes) - self.sizes
        self.tokens = np.array([token for sentence in sentences for token in sentence], np.int32)


def _sentences(random: np.random.Generator) -> tuple[list[_Pool], list[str]]:
    """Pools of negative, positive and neutral sentences, and the words that their numbers stand for."""
    numbers: dict[str, int] = {}
    slots = {name: _draws(random, words, 1.0) for name, words in lists.SLOTS.items()}
    slots["name"] = _draws(random, _names(random), 0.6)
    pools = []
    for templates, size in ((lists.NEGATIVE, POOL // 20), (lists.POSITIVE, POOL // 20), (lists.NEUTRAL, POOL)):
        sentences = []
        for template in random.choice(templates, size):
            filled = (next(slots[word[1:]]) if word[0] == "$" else word for word in str(template).split())
            sentences.append([numbers.setdefault(word, len(numbers)) for word in filled])
        pools.append(_Pool(sentences))
    return pools, list(numbers)


def _draws(random: np.random.Generator, words: list[str], exponent: float) -> Iterator[str]:
    """Words without end, the n-th as often as n to the power of -exponent (Zipf 1935)."""
    weights = 1.0 / np.arange(1, len(words) + 1) ** exponent
    places = random.choice(len(words), 8 * POOL, p=weights / weights.sum())
    return cycle([words[place] for place in places])


def _names(random: np.random.Generator) -> list[str]:
    """Invented surnames: the long tail of a vocabulary of reviews."""
    parts = [random.choice(list_, 6_000) for list_ in lists.NAME_PARTS]
    return sorted({"".join(three) for three in zip(*parts, strict=True)})


def _reviews(random: np.random.Generator, pools: list[_Pool], count: int) -> Reviews:
    labels = random.integers(0, 2, count).astype(np.uint8)
    sentences, kinds = _plan(random, labels, float(pools[-1].sizes.mean()))
    which, sizes = np.empty(len(kinds), np.int64), np.empty(len(kinds), np.int64)
    for kind, pool in enumerate(pools):
        chosen = np.flatnonzero(kinds == kind)
        which[chosen] = random.integers(0, len(pool.sizes), len(chosen))
        sizes[chosen] = pool.sizes[which[chosen]]
    ends = np.cumsum(sizes)
    tokens = np.empty(ends[-1], np.int32)
    for kind, pool in enumerate(pools):
        chosen = np.flatnonzero(kinds == kind)
        within = np.arange(sizes[chosen].sum()) - np.repeat(np.cumsum(sizes[chosen]) - sizes[chosen], sizes[chosen])
        target = np.repeat(ends[chosen] - sizes[chosen], sizes[chosen]) + within
        tokens[target] = pool.tokens[np.repeat(pool.starts[which[chosen]], sizes[chosen]) + within]
    offsets = np.concatenate([[0], ends[np.cumsum(sentences) - 1]])
    return Reviews(tokens, offsets.astype(np.int64), labels)


def _plan(
    random: np.random.Generator, labels: NDArray[np.uint8], mean: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many sentences each review has, and the kind of each sentence: 0 negative, 1 positive, 2 neutral.

    `mean` is the length of a neutral sentence in words. A verdict agrees with the label more often than not.
    """
    count = len(labels)
    wanted = np.exp(random.normal(np.log(MEDIAN_WORDS), SIGMA, count)).clip(SHORTEST, LONGEST)
    sentences = np.maximum(np.rint(wanted / mean), 1).astype(np.int64)
    last = np.cumsum(sentences) - 1
    reach = np.minimum(sentences, int(REACH / mean))
    kinds = np.full(last[-1] + 1, 2)
    for _ in range(VERDICTS):
        place = last - (random.random(count) * reach).astype(np.int64)
        kinds[place] = np.where(random.random(count) < AGREEMENT, labels, 1 - labels)
    return sentences, kinds
