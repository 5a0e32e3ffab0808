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
SENTENCES = (450, 450, 9_000)  # The number of sentences of each kind to generate.
VERDICTS, AGREEMENT = 16, 0.72  # The maximum number of verdicts per review; the chance that one agrees with the label.
VERDICT_WORDS = 420  # Verdicts are within this many words of the end: truncation to 500 tokens would drop earlier ones.
SURNAMES = 6_000  # The number of surnames before duplicates are removed.

# Words and templates for the sentences; word lists start with the most frequent words.
SLOTS: dict[str, list[str]] = {
    "noun": (
        "film movie story scene plot character actor director script camera ending music cast role screen dialogue "
        "picture audience performance idea drama comedy thriller sequel series picture score shot set dvd book "
        "version genre budget star villain hero heroine crew studio minute hour town family house city street "
        "school war train winter summer night morning village island river forest bridge garden kitchen window door "
        "letter mirror telephone car boat horse dog cat wedding funeral trial robbery journey accident secret "
        "promise mistake rumour costume makeup lighting editing sound effect stunt chase dream flashback narrator "
        "title credits poster trailer theatre festival award critic producer writer composer painter doctor lawyer "
        "teacher soldier officer detective thief king queen prince servant farmer sailor pilot singer dancer "
        "student neighbour stranger friend brother sister mother father daughter son uncle aunt husband wife couple "
        "crowd gang team company hotel bar prison hospital church castle farm factory office library museum station "
        "airport harbour desert mountain valley"
    ).split(),
    "verb": (
        "follows shows tells takes meets finds leaves visits watches hears knows remembers needs wants brings keeps "
        "loses sells buys builds breaks opens closes paints writes reads plays drives carries hides chases "
        "questions marries answers paints teaches saves steals borrows repairs discovers crosses describes mentions "
        "introduces interrupts surrounds photographs inherits protects imitates rehearses collects arranges "
        "translates avoids"
    ).split(),
    "adj": (
        "old young small big other new long short quiet early late local famous second third whole foreign rural "
        "modern silent wooden narrow distant public private ordinary familiar separate former double single central "
        "northern southern eastern western black white red green blue grey tall thin broad round square hidden "
        "empty crowded winding snowy rainy dusty sunny foggy remote ancient medieval royal military legal medical "
        "musical"
    ).split(),
    "adv": (
        "then later again soon often sometimes once there here already usually mostly suddenly slowly quickly "
        "quietly finally meanwhile apparently nearly briefly eventually together outside upstairs elsewhere "
        "afterwards"
    ).split(),
    "good": (
        "wonderful brilliant excellent superb moving delightful gripping beautiful memorable charming perfect "
        "masterful touching hilarious stunning inspired magnificent captivating"
    ).split(),
    "bad": (
        "terrible awful boring dull dreadful stupid pointless horrible tedious clumsy lifeless laughable annoying "
        "pathetic unbearable forgettable incoherent miserable"
    ).split(),
}

NEUTRAL_TEMPLATES: list[str] = [
    "the $noun begins in a $adj $noun where a $noun $verb the $noun",
    "$name plays the $noun and $name is the $adj $noun",
    "there is a $noun about a $noun who $verb a $adj $noun",
    "i saw this $noun with my $noun in a $adj $noun",
    "it was made by $name in the $adj $noun of the $noun",
    "the $adj $noun $adv $verb the $noun of the $noun",
    "in the $adj $noun we see the $noun and the $noun of $name",
    "$adv the $noun $verb a $noun and the $noun $adv $verb another",
    "based on the $noun by $name it is about the $noun of a $noun",
    "the $noun is set in a $adj $noun near the $noun",
    "$name and $name are also in the $noun as the $noun and the $noun",
    "after an hour the $noun $verb the $adj $noun of the $noun",
    "what the $noun $verb is a $noun from the $adj $noun",
    "my $noun said that the $noun was like the $noun of $name",
    "when the $noun $verb the $noun the $noun is $adv in the $noun",
    "this is the $adj $noun from $name and it has a $noun",
    "as the $noun goes on the $noun $verb the $noun with a $noun",
    "you can see the $noun $adv when the $noun $verb the $noun",
    "it runs for about an hour and has a $noun by $name",
    "they $adv go to the $noun and the $adj $noun $verb them",
]

POSITIVE_TEMPLATES: list[str] = [
    "i loved it a $good $noun",
    "this was $good and i can recommend it to everyone",
    "all in all a $good and $good $noun",
    "what a $good $noun i enjoyed every minute",
    "one of the best of its kind simply $good",
]
NEGATIVE_TEMPLATES: list[str] = [
    "i hated it a $bad $noun",
    "this was $bad and i cannot recommend it to anyone",
    "all in all a $bad and $bad $noun",
    "what a $bad $noun i regretted every minute",
    "one of the worst of its kind simply $bad",
]
NAME_PARTS: tuple[list[str], list[str], list[str]] = (
    (
        "mar kel dor hal bren wil tor lan ash bel car den el far gar har jas kin lor mer nor os pel quin ros sel tam"
    ).split(),
    "lo vi den ri ber ga ma ne do si ta wa li ke ro".split(),
    "n ton well man ford ley son worth wick by more ham dale ster land".split(),
)
SENTENCE_TEMPLATES = (NEGATIVE_TEMPLATES, POSITIVE_TEMPLATES, NEUTRAL_TEMPLATES)


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
    slots = {slot: _draws(random, words, 1.0) for slot, words in SLOTS.items()}
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
    syllables = [random.choice(part, SURNAMES) for part in NAME_PARTS]
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
