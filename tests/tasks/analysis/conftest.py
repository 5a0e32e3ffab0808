"""Evaluations of two models on made-up predictions."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.analysis.comparison import Predictions, read_predictions
from tasks.analysis.scores import score
from tasks.results.training import Evaluation, Threshold

REVIEWS = 400


@pytest.fixture
def evaluations(tmp_path: Path) -> list[Evaluation]:
    """Two models with three seeds each: the second is better."""
    random = np.random.default_rng(0)
    labels, lengths = np.arange(REVIEWS) % 2, random.integers(5, 600, REVIEWS)
    evaluations = []
    for name, skill in (("simple_rnn", 0.6), ("lstm", 1.4)):
        for seed in (1, 2, 3):
            probability = 1 / (1 + np.exp(-random.normal(skill * (2 * labels - 1), 1.0)))
            path = tmp_path / f"{name}{seed}.parquet"
            columns = {"review_id": np.arange(REVIEWS)[::-1], "label": labels, "length": lengths}
            columns |= {"probability_last": probability, "probability_best": probability}
            pd.DataFrame(columns).to_parquet(path)
            last = score(labels, probability, 2)
            evaluations.append(Evaluation(name, seed, path, "", last, last, Threshold(0.5, 0, 0, 0), 0, 0.0, 0.0))
    return evaluations


@pytest.fixture
def predictions(evaluations: list[Evaluation]) -> Predictions:
    """Their predictions."""
    return read_predictions(evaluations)
