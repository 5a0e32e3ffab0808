"""Gathers the evidence from the predictions of all branches: which model is better, how certain that is, and why."""

from collections.abc import Sequence

from tasks.analysis.comparison import Predictions, overfitting, rank_models, read_predictions, summarize_models
from tasks.analysis.findings import ModelPair, accuracy_by_length, findings, length_trend, textbook_pair
from tasks.analysis.reviews import ReviewDecoder, disagreements, mistakes, traces
from tasks.results.comparison import Chosen, Evidence, LengthTrend
from tasks.results.data import Dataset
from tasks.results.training import Branch, Evaluation, Explanation


def gather(
    dataset: Dataset,
    branches: Sequence[Branch],
    evaluations: Sequence[Evaluation],
    explanations: Sequence[Explanation],
    chosen: Sequence[Chosen],
) -> Evidence:
    """Everything that the report shows beyond the scores of single branches.

    Args:
        dataset: the reviews.
        branches, evaluations, explanations: the records of all networks.
        chosen: the reviews that `explanations` read word by word.
    """
    predictions = read_predictions(evaluations)
    last = rank_models(predictions)
    reader = ReviewDecoder(dataset, predictions)
    lengths = {model: accuracy_by_length(predictions, model) for model in predictions.models}
    pair = textbook_pair(branches)
    trend = lead_by_length(predictions, pair, dataset.max_length)
    return Evidence(
        models=summarize_models(predictions, evaluations),
        pairs=last.pairs,
        ranking=last.ranking,
        kept=rank_models(read_predictions(evaluations, "best")),
        overfitting=overfitting(branches, evaluations),
        chance=chance(predictions),
        findings=findings(pair, explanations, trend, dataset.max_length),
        trend=trend,
        lengths=lengths,
        traces=tuple(traces(reader, explanations, chosen)),
        mistakes={
            model: tuple(reader.text(row) for row in mistakes(predictions, model)) for model in predictions.models
        },
        disagreements=tuple(reader.text(row) for row in disagreements(predictions)),
    )


def lead_by_length(predictions: Predictions, pair: ModelPair | None, max_length: int) -> LengthTrend | None:
    """How the lead of the gated model (without a pair, of the best model) changes with length."""
    if pair:
        return length_trend(predictions, pair.gated, pair.simple, pair.seeds, max_length)
    best, last = predictions.models[0], predictions.models[-1]
    seeds = sorted(set(predictions.probabilities[best]) & set(predictions.probabilities[last]))
    if best == last or not seeds:
        return None
    return length_trend(predictions, best, last, seeds, max_length)


def chance(predictions: Predictions) -> float:
    """The accuracy of always predicting the more frequent label of the test reviews."""
    positive = float((predictions.labels == 1).mean())
    return max(positive, 1 - positive)
