"""Batches to train on."""

import numpy as np

from tasks.data.training_reviews import Batch
from tests.conftest import ragged_tokens


def random_batches(count: int, size: int, vocabulary_size: int, seed: int = 0) -> list[Batch]:
    """Batches of ragged reviews of up to 60 tokens, with label 1 where token 3 occurs."""
    random = np.random.default_rng(seed)
    batches = []
    for number in range(count):
        tokens = ragged_tokens(random.integers(5, 60, size).tolist(), 60, vocabulary_size, seed + number)
        batches.append(Batch(tokens, (tokens.padded() == 3).any(axis=1).astype(int)))
    return batches
