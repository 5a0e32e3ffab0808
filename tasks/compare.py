"""Step 6: put the branches side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tasks.analysis.evidence import gather
from tasks.results.comparison import Comparison, Reproduction
from tasks.results.data import Dataset
from tasks.results.evaluation import Evaluation
from tasks.results.evidence import Chosen
from tasks.results.explanation import Explanation
from tasks.results.run_log import flat
from tasks.results.training import Branch

# Validation accuracy after ten epochs as the tutorial printed it, and how far another seed may fall below: the same
# network spreads over about two points between seeds, and the tutorial shows one run.
TUTORIAL = {"simple_rnn": 0.816, "lstm": 0.884}
TOLERANCE = 0.03
# What decides these numbers: a run with other settings reproduces nothing, well or badly.
TUTORIALS_SETTINGS = {
    "data.vocabulary_size": 10_000,
    "data.max_length": 500,
    "data.reviews": None,
    "models.units": 32,
    "models.embedding": 32,
    "models.dropout": 0.0,
    "training.epochs": 10,
    "training.learning_rate": 0.001,
    "training.validation": 0.2,
    "training.batch_size": 128,
}


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
        reproduction=reproduction(study.branches) if dataset.imdb and is_the_tutorials(run.settings) else (),
        settings=run.settings,
        command=run.command,
        durations=run.durations,
    )


def is_the_tutorials(settings: Mapping[str, object]) -> bool:
    """Whether a run has the tutorial's settings, as far as they decide the numbers."""
    given = flat(settings)
    return all(given.get(name) == value for name, value in TUTORIALS_SETTINGS.items())


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
