"""What the predictions of all branches say together: which model, how sure, why, on which reviews."""

from collections.abc import Sequence

from tasks.analysis.contrast import accuracy_by_length, contrast
from tasks.analysis.predictions import Predictions, read_predictions
from tasks.analysis.ranking import overfitting, summarize_models, verdict
from tasks.analysis.reviews import Reader, disagreements, mistakes, traces
from tasks.results.data import Dataset
from tasks.results.evaluation import Evaluation, Explanation
from tasks.results.evidence import Chosen, Evidence
from tasks.results.training import Branch


def gather(
    dataset: Dataset,
    branches: Sequence[Branch],
    evaluations: Sequence[Evaluation],
    explanations: Sequence[Explanation],
    chosen: Sequence[Chosen],
) -> Evidence:
    """Everything that the report says beyond the scores of single branches.

    Args:
        dataset: the reviews.
        branches, evaluations, explanations: of all networks.
        chosen: the reviews that `explanations` read word by word.
    """
    predictions = read_predictions(evaluations)
    last = verdict(predictions, "last")
    reader = Reader(dataset, predictions)
    lengths = {model: accuracy_by_length(predictions, model) for model in predictions.models}
    read = tuple(traces(reader, explanations, chosen))
    return Evidence(
        models=summarize_models(predictions, evaluations),
        pairs=last.pairs,
        ranking=last.ranking,
        kept=verdict(read_predictions(evaluations, "best"), "best"),
        overfitting=overfitting(branches, evaluations),
        chance=chance(predictions),
        contrast=contrast(lengths, explanations, read),
        lengths=lengths,
        traces=read,
        mistakes={
            model: tuple(reader.text(row) for row in mistakes(predictions, model)) for model in predictions.models
        },
        disagreements=tuple(reader.text(row) for row in disagreements(predictions)),
    )


def chance(predictions: Predictions) -> float:
    """The accuracy of always giving the more frequent label of the test reviews."""
    positive = float((predictions.labels == 1).mean())
    return max(positive, 1 - positive)
