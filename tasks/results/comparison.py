"""Records of a whole run: everything that the report is made from."""

from dataclasses import dataclass
from typing import NamedTuple

from tasks.results.data import Dataset
from tasks.results.evaluation import Evaluation, Explanation
from tasks.results.evidence import Evidence
from tasks.results.training import Branch


@dataclass(frozen=True)
class Reproduction:
    """One line of the reproduction card: the tutorial's validation accuracy against ours."""

    name: str
    tutorial: float
    ours: float
    tolerance: float

    @property
    def reproduced(self) -> bool:
        """Whether ours is within the tolerance of the tutorial's, or better."""
        return self.ours >= self.tutorial - self.tolerance


class Network(NamedTuple):
    """A trained network with its scores."""

    branch: Branch
    evaluation: Evaluation


@dataclass(frozen=True)
class Comparison:
    """Everything that the report is made from."""

    run: str
    dataset: Dataset
    branches: tuple[Branch, ...]
    evaluations: tuple[Evaluation, ...]
    explanations: tuple[Explanation, ...]
    evidence: Evidence
    reproduction: tuple[Reproduction, ...]
    settings: dict[str, object]
    command: str
    durations: dict[str, float]

    def networks(self) -> list[Network]:
        """Each branch with its evaluation, best test accuracy at the last epoch first."""
        evaluations = {(e.name, e.seed): e for e in self.evaluations}
        networks = [Network(branch, evaluations[branch.name, branch.seed]) for branch in self.branches]
        return sorted(networks, key=lambda network: -network.evaluation.last.accuracy)

    def models(self) -> list[str]:
        """Names of the models, in the order in which they were asked for."""
        return list(dict.fromkeys(branch.name for branch in self.branches))

    def seeds(self) -> list[int]:
        """The seeds, in the order in which they were trained."""
        return list(dict.fromkeys(branch.seed for branch in self.branches))

    def has_several_seeds(self) -> bool:
        """Whether each model was trained more than once."""
        return len(self.seeds()) > 1
