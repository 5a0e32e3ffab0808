"""Scores texts with a saved network."""

import threading
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.data.tokenizer import Tokenizer, split_words
from tasks.data.tokens import OFFSET, Tokens
from tasks.data.vocabulary import read_vocabulary
from tasks.errors import DataError
from tasks.models.compiled_network import CompiledNetwork
from tasks.models.saved import SavedNetwork
from tasks.results.scoring import ReadText, ReadWord, ScoringNetwork
from tasks.storage.layout import VOCABULARY


class EncodedTexts(NamedTuple):
    """Texts as a network reads them.

    Attributes:
        tokens: what the network reads.
        lengths: int32, shape (texts,); number of tokens before truncation, including the start token.
        words: int64, shape (texts,); number of words in each text.
        unknown: int64, shape (texts,); number of words missing from the vocabulary.
    """

    tokens: Tokens
    lengths: NDArray[np.int32]
    words: NDArray[np.int64]
    unknown: NDArray[np.int64]


class Scorer:
    """A saved network that reads texts."""

    def __init__(self, folder: Path, words: Path) -> None:
        """Load the network in a folder, and the words that the network reads.

        Args:
            folder: contains `best.keras` and `network.json`.
            words: JSON file of words with their ranks: all ranked words, or only the network's vocabulary.

        Raises:
            DataError: a file cannot be read, the network has no words, or its word rules are unknown.
        """
        self.saved = SavedNetwork.read(folder)
        self.rules = self.saved.word_rules
        index = read_vocabulary(words)
        if not index:
            raise DataError(f"{words}: contains no words, so texts cannot be read; train on data with a word index")
        self._tokenizer = Tokenizer(index, self.rules)
        self._known = pa.array([word for word, rank in index.items() if rank < self._beyond], pa.large_string())
        # A full vocabulary omits rarer words; most words missing from it had a rank beyond it.
        is_cut = words.name == VOCABULARY and len(index) >= self._beyond - 1
        self._missing = self._beyond if is_cut else None
        self._weights = self.saved.weights()
        self._networks = threading.local()  # A network has buffers, so each thread needs a separate network.

    @property
    def _beyond(self) -> int:
        """The first rank beyond the vocabulary."""
        return self.saved.vocabulary_size - OFFSET

    def encode(self, texts: pa.LargeStringArray) -> EncodedTexts:
        """Tokenize texts. Thread-safe."""
        encoded = self._tokenizer.encode(texts, self._missing)
        lengths = np.diff(encoded.offsets)
        unknown_before = np.concatenate([[0], np.cumsum(encoded.ranks >= self._beyond)])
        unknown = np.diff(unknown_before[encoded.offsets]) + encoded.skipped
        tokens = encoded.tokens(self.saved.vocabulary_size, self.saved.max_length)
        return EncodedTexts(tokens, (lengths + 1).astype(np.int32), lengths + encoded.skipped, unknown)

    def predict(self, tokens: Tokens) -> NDArray[np.float32]:
        """Probabilities of "positive", float32, shape (texts,). Thread-safe."""
        if not hasattr(self._networks, "own"):
            self._networks.own = CompiledNetwork(self.saved.spec, self._weights, threads=1)
        probabilities: NDArray[np.float32] = self._networks.own.predict(tokens)
        return probabilities

    def read(self, text: str) -> tuple[ReadWord, ...]:
        """Read a text word by word, with the probability after each word that the network reads.

        A skipped word leaves the probability unchanged.
        """
        words, _ = split_words([text], self.rules)
        known = pc.is_in(words, value_set=self._known).to_pylist()
        lengths = self._tokenizer.encode(words, self._missing).offsets  # Each word, as a text, gives one token or none.
        tokens = self.encode(pa.array([text], pa.large_string())).tokens
        after = self.predict(tokens.prefixes(0)).tolist()
        total = int(lengths[-1]) + 1
        read = []
        for word, is_known, token in zip(words.to_pylist(), known, lengths[1:].tolist(), strict=True):
            index = token - (total - len(after))
            read.append(ReadWord(word, after[index] if index >= 0 else None, is_known))
        return tuple(read)


def read_text(text: str, network: ScoringNetwork) -> ReadText:
    """Read a text word by word.

    Raises:
        DataError: the text contains no words, or the network cannot read texts.
    """
    scorer = Scorer(network.folder, network.words)
    words = scorer.read(text)
    if not words:
        raise DataError(f"--text {text[:40]!r}: found no words, expected a sentence")
    skipped = sum(word.probability is None for word in words)
    probability = words[-1].probability or 0.0
    return ReadText(scorer.saved.label, network.model, words, skipped, probability, scorer.saved.labels)
