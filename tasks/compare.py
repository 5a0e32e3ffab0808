"""Step 6: put the branches side by side."""

from collections.abc import Sequence

from tasks.analysis.evidence import gather
from tasks.results.comparison import Chosen, Comparison, Reproduction
from tasks.results.data import Dataset
from tasks.results.evaluation import Evaluation, Explanation
from tasks.results.training import Branch

# Validation accuracy after ten epochs as the tutorial printed it, and how far another seed may fall below: the same
# network spreads over about two points between seeds, and the tutorial shows one run.
TUTORIAL = {"simple_rnn": 0.816, "lstm": 0.884}
TOLERANCE = 0.03


def compare(
    run: str,
    dataset: Dataset,
    branches: Sequence[Branch],
    evaluations: Sequence[Evaluation],
    explanations: Sequence[Explanation],
    chosen: Sequence[Chosen],
    settings: dict[str, object],
    command: str,
    durations: dict[str, float],
) -> Comparison:
    """Everything that the report is made from. `chosen` are the reviews that `explanations` read."""
    warnings = []
    if dataset.source.kind == "sample":
        warnings.append("These are made-up reviews, the bundled sample: the figures say nothing about IMDB.")
    names = list(dict.fromkeys(branch.name for branch in branches))
    return Comparison(
        run=run,
        title=f"{' and '.join(names)} on the {dataset.title}",
        dataset=dataset,
        branches=tuple(branches),
        evaluations=tuple(evaluations),
        explanations=tuple(explanations),
        evidence=gather(dataset, evaluations, explanations, chosen),
        reproduction=reproduction(branches) if dataset.imdb else (),
        settings=settings,
        command=command,
        durations=durations,
        warnings=tuple(warnings),
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
