"""What the predictions of all branches say together: which model, how sure, on which reviews, and what went wrong."""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, islice, pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.analysis import statistics
from tasks.data.parquet import read_tokens
from tasks.data.vocabulary import words_by_token, words_of
from tasks.results.comparison import Chosen, Evidence, LengthBin, ModelSummary, Pair, Text, Trace
from tasks.results.data import Dataset
from tasks.results.evaluation import Estimate, Evaluation, Explanation

LENGTH_BINS, MISTAKES, DISAGREEMENTS = 10, 20, 10
READABLE = range(25, 160)  # Words of a review that is quickly read.


class Predictions(NamedTuple):
    """Test predictions at the last epoch: `probabilities[model][seed]`, shape (reviews,), models best first."""

    review_ids: NDArray[np.integer]
    labels: NDArray[np.integer]
    lengths: NDArray[np.integer]
    probabilities: dict[str, dict[int, NDArray[np.floating]]]

    def right(self, model: str, seed: int) -> NDArray[np.bool_]:
        """Whether each review is on the right side of 0.5."""
        flags: NDArray[np.bool_] = (self.probabilities[model][seed] > 0.5) == (self.labels == 1)
        return flags

    def first(self) -> dict[str, NDArray[np.floating]]:
        """Each model's probabilities with its first seed."""
        return {model: seeds[min(seeds)] for model, seeds in self.probabilities.items()}


def read_predictions(evaluations: Sequence[Evaluation]) -> Predictions:
    """The predictions files of all branches, whose rows are those of the test split."""
    frames = {(e.name, e.seed): pd.read_parquet(e.predictions) for e in evaluations}
    one = next(iter(frames.values()))
    accuracy: dict[str, list[float]] = {}
    for e in evaluations:
        accuracy.setdefault(e.name, []).append(e.last.accuracy)
    order = sorted(accuracy, key=lambda name: -float(np.mean(accuracy[name])))
    probabilities = {
        name: {seed: frame["probability_last"].to_numpy() for (of, seed), frame in frames.items() if of == name}
        for name in order
    }
    return Predictions(one["review_id"].to_numpy(), one["label"].to_numpy(), one["length"].to_numpy(), probabilities)


def gather(dataset: Dataset, evaluations: Sequence[Evaluation], explanations: Sequence[Explanation],
           chosen: Sequence[Chosen]) -> Evidence:  # fmt: skip
    """Everything that the report says beyond the scores of single branches."""
    found = read_predictions(evaluations)
    reader = Reader(dataset, found)
    lengths = {model: accuracy_by_length(found, model) for model in found.probabilities}
    read = tuple(traces(reader, explanations, chosen))
    return Evidence(
        models=summaries(found, evaluations),
        pairs=compare_pairs(found),
        reasons=tuple(reasons(lengths, explanations, read)),
        lengths=lengths,
        traces=read,
        mistakes={model: tuple(reader.text(row, "") for row in mistakes(found, model)) for model in found.first()},
        disagreements=tuple(reader.text(row, "") for row in disagreements(found)),
    )


def summaries(found: Predictions, evaluations: Sequence[Evaluation]) -> tuple[ModelSummary, ...]:
    """Each model over its seeds, best first. With one seed the interval is that of the reviews (Wilson)."""
    made = []
    for model in found.probabilities:
        scores = [e.last for e in evaluations if e.name == model]
        values = [score.accuracy for score in scores]
        one = len(values) == 1
        accuracy = Estimate(values[0], scores[0].low, scores[0].high) if one else statistics.mean(values)
        spread = None if one else float(np.std(values, ddof=1))
        made.append(ModelSummary(model, len(values), accuracy, spread, float(np.mean([s.auc for s in scores]))))
    return tuple(made)


def compare_pairs(found: Predictions) -> tuple[Pair, ...]:
    """Every two models on the same reviews and seeds, the better one first, corrected for their number (Holm)."""
    made = []
    for first, second in combinations(found.probabilities, 2):
        seeds = sorted(set(found.probabilities[first]) & set(found.probabilities[second]))
        tests = tuple(statistics.mcnemar(found.right(first, seed), found.right(second, seed), seed) for seed in seeds)
        if len(seeds) == 1:
            difference, p = tests[0].difference, tests[0].p
        else:
            accuracies = [[float(found.right(model, seed).mean()) for seed in seeds] for model in (first, second)]
            difference, p = statistics.mean_difference(*accuracies)
        made.append((first, second, tests, difference, p))
    corrected = statistics.holm([one[4] for one in made])
    return tuple(Pair(*one, p_holm) for one, p_holm in zip(made, corrected, strict=True))


def accuracy_by_length(found: Predictions, model: str) -> tuple[LengthBin, ...]:
    """Mean accuracy over seeds in bins of equal counts by length; the interval is that of the bin's reviews."""
    edges = np.unique(np.quantile(found.lengths, np.linspace(0, 1, LENGTH_BINS + 1)))
    places = np.clip(np.searchsorted(edges, found.lengths, side="right") - 1, 0, max(len(edges) - 2, 0))
    share = np.mean([found.right(model, seed) for seed in found.probabilities[model]], axis=0)
    bins = []
    for place in np.unique(places):
        inside = places == place
        lengths, count = found.lengths[inside], int(inside.sum())
        estimate = statistics.proportion(float(share[inside].sum()), count)
        bins.append(LengthBin(int(lengths.min()), int(lengths.max()), count, estimate))
    return tuple(bins)


def reasons(
    lengths: Mapping[str, Sequence[LengthBin]], explanations: Sequence[Explanation], read: Sequence[Trace]
) -> Iterable[str]:
    """Sentences on what sets the best model apart from the last: length, memory, how single words move it."""
    names = list(lengths)
    best, last = names[0], names[-1]
    if best == last:
        return
    short, long = ([lengths[name][place] for name in (best, last)] for place in (0, -1))
    if long[0].shortest > short[0].longest:
        before, after = _lead(short), _lead(long)
        change = after.value - before.value
        sure = abs(change) > math.hypot(after.high - after.value, before.high - before.value)
        trend = "its lead " + ("grows" if change > 0 else "shrinks") if sure else "no clear change of its lead"
        yield (
            f"{best} leads {last} by {100 * before.value:+.1f} points on reviews of at most {short[0].longest} words "
            f"and by {100 * after.value:+.1f} points on those of at least {long[0].shortest}: {trend} with length."
        )
    gains = [_gains(explanations, name) for name in (best, last)]
    words = explanations[0].memory[0].words
    yield (
        f"With only the last {words} words of a review {best} is right in {gains[0][0]:.1%}, {last} in "
        f"{gains[1][0]:.1%}; all words add {100 * gains[0][1]:.1f} and {100 * gains[1][1]:.1f} points."
    )
    moves = [[abs(a - b) for t in read for a, b in pairwise(t.lines[name])] for name in (best, last)]
    if all(moves):
        yield (
            f"From one word to the next the probability of “positive” moves by {np.mean(moves[0]):.3f} on average in "
            f"{best} and by {np.mean(moves[1]):.3f} in {last}, in the reviews read below: the more it moves, the more "
            "the last few words decide."
        )


def _lead(bins: Sequence[LengthBin]) -> Estimate:
    """The first model's accuracy less the second's in one bin, with the interval of independent proportions."""
    first, second = (one.accuracy for one in bins)
    value = first.value - second.value
    half = math.hypot((first.high - first.low) / 2, (second.high - second.low) / 2)
    return Estimate(value, value - half, value + half)


def _gains(explanations: Sequence[Explanation], name: str) -> tuple[float, float]:
    """Mean accuracy over seeds from the fewest last words, and what all words add to it."""
    ends = [(e.memory[0].accuracy.value, e.memory[-1].accuracy.value) for e in explanations if e.name == name]
    few, every = np.mean(ends, axis=0)
    return float(few), float(every - few)


def mistakes(found: Predictions, model: str) -> list[int]:
    """Rows of the most confident errors of a model's first seed, worst first."""
    wrong = _confidence(found, found.first()[model]) < 0
    order = np.argsort(_confidence(found, found.first()[model]), kind="stable")
    return [int(row) for row in islice(order[wrong[order]], MISTAKES)]


def disagreements(found: Predictions) -> list[int]:
    """Rows on which the best and the last model (first seeds) are on different sides, farthest apart first."""
    models = list(found.first().values())
    first, last = models[0], models[-1]
    rows = np.flatnonzero((first > 0.5) != (last > 0.5))
    order = rows[np.argsort(-np.abs(first[rows] - last[rows]), kind="stable")]
    return [int(row) for row in order[:DISAGREEMENTS]]


def _confidence(found: Predictions, probabilities: NDArray[np.floating]) -> NDArray[np.floating]:
    """Distance from 0.5 towards the label: above 0 is right."""
    sign = np.where(found.labels == 1, 1.0, -1.0)
    value: NDArray[np.floating] = sign * (probabilities - 0.5)
    return value


def choose_reviews(evaluations: Sequence[Evaluation]) -> tuple[Chosen, ...]:
    """Up to six reviews to read word by word, by the first seeds: the clearest of each kind, short ones if there are.

    All models right (one positive, one negative), all wrong, only the best right, only the last right, and a long
    one that models disagree on or find hard.
    """
    found = read_predictions(evaluations)
    confidences = [_confidence(found, probabilities) for probabilities in found.first().values()]
    worst, best = np.min(confidences, axis=0), np.max(confidences, axis=0)
    gap = confidences[0] - confidences[-1]
    positive, short = found.labels == 1, np.isin(found.lengths, READABLE)
    long = found.lengths >= np.quantile(found.lengths, 0.95)
    names = list(found.probabilities)
    alone = len(names) > 1
    wishes = [
        ("a positive review that all models read right", worst, positive & short & (worst > 0)),
        ("a negative review that all models read right", worst, ~positive & short & (worst > 0)),
        ("a review that all models read wrong", -best, short & (best < 0)),
        (f"{names[0]} right, {names[-1]} wrong", gap, short & (confidences[0] > 0) & (confidences[-1] < 0) & alone),
        (f"{names[0]} wrong, {names[-1]} right", -gap, short & (confidences[0] < 0) & (confidences[-1] > 0) & alone),
        ("a long review", np.abs(gap), long),
    ]
    chosen: list[Chosen] = []
    for reason, merit, candidates in wishes:
        rows = np.setdiff1d(np.flatnonzero(candidates), [one.row for one in chosen])
        if len(rows):
            chosen.append(Chosen(int(rows[np.argmax(merit[rows])]), reason))
    return tuple(chosen)


class Reader:
    """Turns rows of the test split into text."""

    def __init__(self, dataset: Dataset, found: Predictions) -> None:
        self._tokens, self._found = read_tokens(dataset.test.path), found
        self._words = words_by_token(dataset.vocabulary)

    def text(self, row: int, reason: str) -> Text:
        """A review with what each model's first seed says of it."""
        found = self._found
        probabilities = {model: round(float(p[row]), 4) for model, p in found.first().items()}
        words = tuple(words_of(self._tokens[row].tolist(), self._words))
        return Text(int(found.review_ids[row]), int(found.labels[row]), reason, words, probabilities)


def traces(reader: Reader, explanations: Sequence[Explanation], chosen: Sequence[Chosen]) -> Iterable[Trace]:
    """The chosen reviews with each model's line, by its first seed. A start token has a probability but no word."""
    first: dict[str, Explanation] = {}
    for explanation in explanations:
        first.setdefault(explanation.name, explanation)
    for place, one in enumerate(chosen):
        text = reader.text(one.row, one.reason)
        lines = {name: explanation.traces[place][-len(text.words) :] for name, explanation in first.items()}
        yield Trace(text, lines)
