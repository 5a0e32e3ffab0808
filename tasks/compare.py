"""Step 7: compare the branches."""

from collections.abc import Mapping, Sequence

from tasks.analysis.comparison import beside_yardstick
from tasks.analysis.evidence import gather
from tasks.results.comparison import Chosen, Comparison, Reproduction
from tasks.results.data import Dataset
from tasks.results.run_summary import flat
from tasks.results.training import Branch, Evaluation, Explanation
from tasks.results.yardstick import Yardstick

# The tutorial's validation accuracy after ten epochs, and how far another seed may fall below it: the same network
# varies by about two points between seeds, and the tutorial shows one run.
TUTORIAL = {"simple_rnn": 0.816, "lstm": 0.884}
TOLERANCE = 0.03
EPOCHS = 10
# The settings that these numbers depend on: a run with other settings is not a reproduction, good or bad.
TUTORIALS_SETTINGS = {
    "data.vocabulary_size": 10_000,
    "data.max_length": 500,
    "data.reviews": None,
    "models.units": 32,
    "models.embedding": 32,
    "models.dropout": 0.0,
    "training.epochs": EPOCHS,
    "training.learning_rate": 0.001,
    "training.validation": 0.2,
    "training.batch_size": 128,
}


def compare(
    dataset: Dataset,
    branches: Sequence[Branch],
    evaluations: Sequence[Evaluation],
    explanations: Sequence[Explanation],
    chosen: Sequence[Chosen],
    yardstick: Yardstick | None = None,
    *,
    run: str,
    settings: dict[str, object],
    command: str,
) -> Comparison:
    """Compare all branches of a run; return everything that the report is made from, except the durations.

    Args:
        dataset: the dataset that the networks were trained on.
        branches, evaluations, explanations: records of the networks, all in the same order.
        chosen: the test reviews that each network read word by word.
        yardstick: what a bag of words gets on the same reviews; None if that could not be measured.
        run: the name of the run.
        settings: the run's nested settings, as JSON values.
        command: the command line that repeats the run.
    """
    complete = [branch for branch in branches if len(branch.history) == EPOCHS]
    return Comparison(
        run=run,
        dataset=dataset,
        branches=tuple(branches),
        evaluations=tuple(evaluations),
        explanations=tuple(explanations),
        evidence=gather(dataset, branches, evaluations, explanations, chosen),
        reproduction=reproduction(complete) if dataset.imdb and is_the_tutorials(settings) else (),
        settings=settings,
        command=command,
        durations={},
        yardstick=beside_yardstick(yardstick, evaluations) if yardstick else None,
    )


def is_the_tutorials(settings: Mapping[str, object]) -> bool:
    """Whether a run has all the settings of the tutorial that determine its numbers."""
    given = flat(settings)
    return all(given.get(name) == value for name, value in TUTORIALS_SETTINGS.items())


def reproduction(branches: Sequence[Branch]) -> tuple[Reproduction, ...]:
    """The tutorial's validation accuracies and ours at the last epoch; ours are means over seeds."""
    ours: dict[str, list[float]] = {}
    for branch in branches:
        ours.setdefault(branch.name, []).append(branch.history[-1].val_accuracy)
    return tuple(
        Reproduction(name, TUTORIAL[name], sum(values) / len(values), TOLERANCE)
        for name, values in ours.items()
        if name in TUTORIAL
    )
