"""Made-up texts for the tests of drift."""

from dataclasses import replace

import numpy as np

from tasks.analysis.drift import Texts
from tasks.data.tokens import Tokens

VOCABULARY, LENGTH = 400, 60


def make_texts(count: int, seed: int, exponent: float = 1.0, mean: float = 30.0, shift: float = 0.0) -> Texts:
    """Texts of Zipf-distributed words; every tenth word or so is unseen."""
    random = np.random.default_rng(seed)
    weights = 1.0 / np.arange(1, VOCABULARY - 2) ** exponent
    lengths = np.clip(random.poisson(mean, count), 1, LENGTH)
    tokens = random.choice(np.arange(3, VOCABULARY), (count, LENGTH), p=weights / weights.sum())
    tokens[random.random(tokens.shape) < 0.1] = 2
    tokens[np.arange(LENGTH) < LENGTH - lengths[:, None]] = 0
    scores = random.beta(2, 2, count) * (1 - shift) + shift
    return Texts(Tokens.from_padded(tokens.astype(np.uint16)), lengths, scores, VOCABULARY)


def held_out_texts() -> Texts:
    """Training reviews, of which the last fifth was held out."""
    texts = make_texts(2_000, 0)
    return replace(texts, scores=np.where(np.arange(2_000) < 1_600, np.nan, texts.scores))
