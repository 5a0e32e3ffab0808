"""The reviews that a network learned from, as drift needs them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from tasks.analysis.drift import Reference, Texts, joint_limits
from tasks.data.parquet import read_column, read_tokens
from tasks.models.saved import SavedNetwork
from tasks.results.errors import DataError

FEWEST = 20
USUAL_SIZE = 1_000


class DriftLimits(NamedTuple):
    """By figure, what that many new texts may show by chance."""

    texts: int
    limits: dict[str, float]


def drift_limits(network: SavedNetwork, train: Path) -> DriftLimits:
    """The limits of 1,000 new texts, or of half as many as there are training reviews.

    Raises:
        DataError: as `read_training_texts`.
    """
    reference = Reference(read_training_texts(network, train))
    size = reference.compared(USUAL_SIZE)
    return DriftLimits(size, {str(name): limit for name, limit in joint_limits(reference.draws(size)).items()})


def read_training_texts(network: SavedNetwork, train: Path) -> Texts:
    """The training reviews; only those that training held out have scores, the others were fitted.

    Raises:
        DataError: there are fewer than 20 reviews.
    """
    tokens = read_tokens(train)
    held_out = int(network.description["dataset"]["training_reviews"])
    if len(tokens) < FEWEST or held_out >= len(tokens):
        raise DataError(f"{train}: found {len(tokens)} training reviews, expected at least {FEWEST}")
    scores = np.full(len(tokens), np.nan, np.float32)
    scores[held_out:] = network.predict(tokens[held_out:]).probabilities
    return Texts(tokens, read_column(train, "length"), scores, network.vocabulary_size)
