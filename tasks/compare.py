"""Step 6: put the branches side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.analysis.evidence import gather
from tasks.results.comparison import Comparison, Reproduction
from tasks.results.data import Dataset
from tasks.results.evaluation import Evaluation
from tasks.results.evidence import Chosen
from tasks.results.explanation import Explanation
from tasks.results.training import Branch

# Validation accuracy after ten epochs as the tutorial printed it, and how far another seed may fall below: the same
# network spreads over about two points between seeds, and the tutorial shows one run.
TUTORIAL = {"simple_rnn": 0.816, "lstm": 0.884}
TOLERANCE = 0.03


@dataclass(frozen=True)
class Study:
    """All branches of a run: trained, evaluated, explained; and the test reviews that each was to read word by word."""

    branches: Sequence[Branch]
    evaluations: Sequence[Evaluation]
    explanations: Sequence[Explanation]
    chosen: Sequence[Chosen]


@dataclass(frozen=True)
class RunDescription:
    """How a run was made: its name, its settings, the command that repeats it, the seconds of each step."""

    name: str
    settings: dict[str, object]
    command: str
    durations: dict[str, float]


def compare(run: RunDescription, dataset: Dataset, study: Study) -> Comparison:
    """Put all branches of a run side by side: everything that the report is made from."""
    return Comparison(
        run=run.name,
        dataset=dataset,
        branches=tuple(study.branches),
        evaluations=tuple(study.evaluations),
        explanations=tuple(study.explanations),
        evidence=gather(dataset, study.branches, study.evaluations, study.explanations, study.chosen),
        reproduction=reproduction(study.branches) if dataset.imdb else (),
        settings=run.settings,
        command=run.command,
        durations=run.durations,
    )


def reproduction(branches: Sequence[Branch]) -> tuple[Reproduction, ...]:
    """The tutorial's validation accuracies against ours at the last epochs, mean over seeds."""
    ours: dict[str, list[float]] = {}
    for branch in branches:
        ours.setdefault(branch.name, []).append(branch.history[-1].val_accuracy)
    return tuple(
        Reproduction(name, TUTORIAL[name], sum(values) / len(values), TOLERANCE)
        for name, values in ours.items()
        if name in TUTORIAL
    )
