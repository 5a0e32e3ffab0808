"""Drift: compares new texts with the reviews that a network was trained on."""

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.analysis.drift import MIN_TEXTS, Reference, Texts, distinguishing_tokens, read_training_texts, unseen_share
from tasks.data.tokens import Tokens
from tasks.data.vocabulary import words_by_token
from tasks.errors import DataError
from tasks.models.saved import SavedNetwork
from tasks.results.drift import DistinguishingWord, Drift
from tasks.storage.layout import VOCABULARY
from tasks.storage.reuse import LOGGER, Logger


def check_drift(
    network: Path,
    train: Path,
    tokens: Tokens,
    lengths: NDArray[np.integer],
    *,
    logger: Logger = LOGGER,
) -> Drift:
    """Measure how far new texts are from the training reviews, and whether chance alone could explain that.

    Args:
        network: folder of a trained network.
        train: the prepared training reviews, in the network's tokens.
        tokens: tokens of the new texts, in the network's vocabulary and length.
        lengths: lengths of the new texts before truncation, in words, shape (texts,).
        logger: gets one line about the result.

    Raises:
        DataError: there are fewer than 20 texts or training reviews.
    """
    started = time.perf_counter()
    saved = SavedNetwork.read(network)
    reference = read_training_texts(saved, train)
    if len(tokens) < MIN_TEXTS:
        raise DataError(f"drift: found {len(tokens)} texts, expected at least {MIN_TEXTS}; chance would decide")
    new = Texts(tokens, lengths, saved.predict(tokens).probabilities, saved.vocabulary_size)
    figures = Reference(reference).figures(new)
    drift = Drift(
        texts=len(new),
        compared=min(len(new), len(reference) // 2),
        training=len(reference),
        figures=figures,
        distinguishing=_distinguishing_words(network, new, reference),
        unseen=(unseen_share(new.counts()), unseen_share(reference.counts())),
        median_length=(float(np.median(lengths)), float(np.median(reference.lengths))),
        seconds=time.perf_counter() - started,
    )
    logger.info("Drift: %d texts, %s", len(new), "alarm" if drift.alarms else "no alarm")
    return drift


def _distinguishing_words(network: Path, new: Texts, reference: Texts) -> tuple[DistinguishingWord, ...]:
    by_token = words_by_token(network / VOCABULARY)
    tokens = distinguishing_tokens(new, reference)
    return tuple(DistinguishingWord(by_token.get(token, f"⟨{token}⟩"), *shares) for token, *shares in tokens)
