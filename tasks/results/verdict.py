"""Records of which model is better, and how sure that is."""

from dataclasses import dataclass
from typing import Literal

from tasks.results.evaluation import Estimate, Point

# What an interval covers: the test reviews that might have been; these and the seeds; or nothing but the values seen.
Basis = Literal["reviews", "seeds_and_reviews", "range"]


@dataclass(frozen=True)
class SeedTest:
    """Two networks with one seed on the same reviews: who alone is right how often, McNemar's exact test."""

    seed: int
    both_right: int
    only_first: int
    only_second: int
    both_wrong: int
    difference: Estimate
    p: float


@dataclass(frozen=True)
class Pair:
    """Two models compared at one epoch of each network: the first's test accuracy less the second's.

    Attributes:
        first, second: their names.
        seeds: McNemar's test of each seed that both were trained with.
        difference: mean over seeds; with two seeds, between the lower and the higher one.
        basis: what the interval covers.
        p: of no difference on that basis; None with two seeds.
        p_holm: p after Holm's correction for all pairs.
    """

    first: str
    second: str
    seeds: tuple[SeedTest, ...]
    difference: Estimate
    basis: Basis
    p: float | None
    p_holm: float | None

    @property
    def is_different(self) -> bool:
        """Whether the difference is significant at 5 %, corrected for the number of pairs."""
        return self.p_holm is not None and self.p_holm < 0.05

    @property
    def seeds_ahead(self) -> int:
        """With how many seeds the first model has the higher accuracy."""
        return sum(test.difference.value > 0 for test in self.seeds)


@dataclass(frozen=True)
class Verdict:
    """The models at the last epoch of each network, or at the best validation epoch of each.

    `ranking` holds groups of models, best first; a group's models cannot be told apart from its best one.
    """

    point: Point
    pairs: tuple[Pair, ...]
    ranking: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Overfitting:
    """A model at its best validation epoch and at the last one, mean over seeds; losses in nats."""

    best_epochs: tuple[int, ...]
    last_epoch: int
    validation_loss_best: float
    validation_loss_last: float
    test_accuracy_best: float
    test_accuracy_last: float


@dataclass(frozen=True)
class ModelSummary:
    """A model over its seeds at the last epoch: mean test accuracy with its interval, standard deviation, mean AUC."""

    name: str
    seeds: int
    accuracy: Estimate
    basis: Basis
    deviation: float | None
    auc: float
