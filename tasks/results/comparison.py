"""Records of a whole run: everything that the report is made from."""

from dataclasses import dataclass
from typing import NamedTuple

from tasks.results.data import Dataset
from tasks.results.evaluation import Evaluation
from tasks.results.evidence import Evidence
from tasks.results.explanation import Explanation
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

    def first_networks(self) -> list[Network]:
        """Each model's network with its first seed, in the order in which the models were asked for."""
        first: dict[str, Network] = {}
        for network in sorted(self.networks(), key=lambda network: network.branch.seed):
            first.setdefault(network.branch.name, network)
        return [first[model] for model in self.models()]

    def first_explanations(self) -> list[Explanation]:
        """The explanations of these networks."""
        explanations = {(e.name, e.seed): e for e in self.explanations}
        return [explanations[branch.name, branch.seed] for branch, _ in self.first_networks()]

    def has_several_seeds(self) -> bool:
        """Whether some model was trained more than once."""
        return len(self.branches) > len(self.models())
