"""Step 5: put the branches side by side."""

from collections.abc import Sequence

from tasks.results import Branch, Comparison, Dataset, Evaluation, Reproduction

# Validation accuracy after ten epochs as the tutorial printed it, and how far another seed may fall below: the same
# network spreads over about two points between seeds, and the tutorial shows one run.
TUTORIAL = {"simple_rnn": 0.816, "lstm": 0.884}
TOLERANCE = 0.03


def compare(
    run: str,
    dataset: Dataset,
    branches: Sequence[Branch],
    evaluations: Sequence[Evaluation],
    settings: dict[str, object],
    command: str,
) -> Comparison:
    """Everything that the report is made from."""
    warnings = []
    if dataset.source.kind == "sample":
        warnings.append("These are made-up reviews, the bundled sample: the figures say nothing about IMDB.")
    return Comparison(
        run=run,
        title=f"{' and '.join(branch.name for branch in branches)} on the {dataset.title}",
        dataset=dataset,
        branches=tuple(branches),
        evaluations=tuple(evaluations),
        reproduction=reproduction(branches) if dataset.imdb else (),
        settings=settings,
        command=command,
        warnings=tuple(warnings),
    )


def reproduction(branches: Sequence[Branch]) -> tuple[Reproduction, ...]:
    """The tutorial's validation accuracies against those of the last epochs."""
    return tuple(
        Reproduction(branch.name, TUTORIAL[branch.name], branch.history[-1].val_accuracy, TOLERANCE)
        for branch in branches
        if branch.name in TUTORIAL
    )
