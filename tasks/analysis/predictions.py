"""The predictions of all branches on the test reviews, side by side."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.results.evaluation import Evaluation, Point

Probabilities = NDArray[np.floating]


class Predictions(NamedTuple):
    """Test predictions at one epoch: `probabilities[model][seed]`, shape (reviews,), models best first."""

    review_ids: NDArray[np.integer]
    labels: NDArray[np.integer]
    lengths: NDArray[np.integer]
    probabilities: dict[str, dict[int, Probabilities]]

    @property
    def models(self) -> list[str]:
        """Names of the models, best mean accuracy first."""
        return list(self.probabilities)

    def right(self, model: str, seed: int) -> NDArray[np.bool_]:
        """Whether each review is on the right side of 0.5, shape (reviews,)."""
        flags: NDArray[np.bool_] = (self.probabilities[model][seed] > 0.5) == (self.labels == 1)
        return flags

    def first_seed(self) -> dict[str, Probabilities]:
        """Each model's probabilities with its first seed."""
        return {model: seeds[min(seeds)] for model, seeds in self.probabilities.items()}

    def confidence(self, model: str) -> Probabilities:
        """Distance of a model's first seed from 0.5 towards the label, shape (reviews,): above 0 is right."""
        sign = np.where(self.labels == 1, 1.0, -1.0)
        value: Probabilities = sign * (self.first_seed()[model] - 0.5)
        return value


def read_predictions(evaluations: Sequence[Evaluation], point: Point = "last") -> Predictions:
    """The predictions files of all branches at the last or the best epoch; their rows are those of the test split."""
    frames = [pd.read_parquet(evaluation.predictions) for evaluation in evaluations]
    probabilities: dict[str, dict[int, Probabilities]] = {name: {} for name in _best_first(evaluations, point)}
    for evaluation, frame in zip(evaluations, frames, strict=True):
        probabilities[evaluation.name][evaluation.seed] = frame[f"probability_{point}"].to_numpy()
    reviews = frames[0]
    return Predictions(
        reviews["review_id"].to_numpy(), reviews["label"].to_numpy(), reviews["length"].to_numpy(), probabilities
    )


def _best_first(evaluations: Sequence[Evaluation], point: Point) -> list[str]:
    """Names of the models by mean accuracy over their seeds."""
    accuracies: dict[str, list[float]] = {}
    for evaluation in evaluations:
        accuracies.setdefault(evaluation.name, []).append(evaluation.at(point).accuracy)
    return sorted(accuracies, key=lambda name: -float(np.mean(accuracies[name])))
