"""How accuracy grows with the number of reviews to train on, where models cross, and what twice the data would bring.

Errors are taken to fall as a power of the number of reviews, as those of many networks do (Hestness et al. 2017, "Deep
learning scaling is predictable, empirically", arXiv:1712.00409): error = a * reviews ** -b, a line of log error over
log reviews, fitted by least squares. Whether that holds here is tested, not assumed: the line through all sizes but
the largest must predict the largest. At each size the network must also be better than guessing: where reviews are too
few to learn from, in what they call the small data region, errors do not follow the law yet.

What is computed from such lines is a linear combination of log errors at several sizes, or a smooth function of them.
By the delta method (for example Casella and Berger 2002, section 5.5.4), log error differs from its true value by about
(error - true error) / true error, so that the combination is, but for a constant, the mean over seeds and reviews of
the sum over sizes of coefficient * wrong / error. `crossed_mean` gives the standard error of such a mean, with
the correlations between sizes, whose networks have the same seeds and the same test reviews. Other subsets of the same
sizes are not part of the uncertainty: there is one of each.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.analysis.comparison import holm, mcnemar, read_predictions
from tasks.analysis.intervals import (
    MIN_SEEDS,
    TestedDifference,
    accuracy_with_interval,
    balanced_values,
    crossed_mean,
    mean_with_interval,
)
from tasks.results.data import Dataset, VocabularyOf
from tasks.results.sizes import (
    Crossing,
    Doubt,
    Outlook,
    SizeCurves,
    SizeData,
    SizeLead,
    SizeNetwork,
    SizePoint,
)
from tasks.results.training import Branch, Estimate, Evaluation
from tasks.results.yardstick import Yardstick

MIN_SIZES = 4  # To predict the largest from three; two make a line whatever they are.
Values = NDArray[np.floating]


class SizeResults(NamedTuple):
    """What was trained on one size: the dataset, its networks, and the bag of words, if it could be measured."""

    size: int
    dataset: Dataset
    branches: Sequence[Branch]
    evaluations: Sequence[Evaluation]
    yardstick: Yardstick | None


def size_curves(results: Sequence[SizeResults], vocabulary_of: VocabularyOf) -> SizeCurves:
    """Compare all sizes.

    Args:
        results: by size, ascending; the last one is that of the run itself.
        vocabulary_of: whose vocabulary the subsets have.
    """
    whole = results[-1].dataset
    right = {each.size: Right.read(each.evaluations, whole.is_uneven) for each in results if each.evaluations}
    models = list(dict.fromkeys(branch.name for each in results[::-1] for branch in each.branches))
    leads = _leads(models, right)
    epochs = [len(branch.history) for each in results for branch in each.branches]
    return SizeCurves(
        is_balanced=whole.is_uneven,
        vocabulary_of=vocabulary_of,
        epochs=(min(epochs), max(epochs)),
        data=tuple(_data(each, whole.is_uneven) for each in results),
        points=tuple(point for model in models for point in _points(model, results, right)),
        leads=leads,
        crossings=tuple(crossings(leads)),
        outlooks=tuple(_outlook_of(model, right, len(set(epochs)) == 1) for model in models),
        networks=tuple(network for each in results[:-1] for network in _networks(each, right)),
    )


class Right(NamedTuple):
    """Which test reviews the networks of one size are right on, at their best epochs.

    Attributes:
        networks: by model and seed, bool, shape (reviews,).
        labels: 0 or 1, shape (reviews,).
        is_balanced: whether both labels count the same.
    """

    networks: dict[str, dict[int, NDArray[np.bool_]]]
    labels: NDArray[np.integer]
    is_balanced: bool

    @classmethod
    def read(cls, evaluations: Sequence[Evaluation], is_balanced: bool) -> "Right":
        """Read the predictions of the networks of one size."""
        found = read_predictions(evaluations, "best")
        networks = {
            model: {seed: found.right(model, seed) for seed in sorted(seeds)}
            for model, seeds in found.probabilities.items()
        }
        return cls(networks, found.labels, is_balanced)

    @property
    def chance(self) -> float:
        """The accuracy of always giving the more frequent label."""
        positive = float(self.labels.mean())
        return 0.5 if self.is_balanced else max(positive, 1 - positive)

    def seeds(self, *models: str) -> list[int]:
        """The seeds that all these models have."""
        return sorted(set.intersection(*(set(self.networks.get(model, ())) for model in models)))

    def flags(self, model: str, seeds: Sequence[int]) -> NDArray[np.bool_]:
        """Whether each seed's network is right, shape (seeds, reviews)."""
        return np.stack([self.networks[model][seed] for seed in seeds])

    def values(self, model: str, seeds: Sequence[int]) -> Values:
        """What each review adds to the accuracy of each seed's network, whose mean it is, shape (seeds, reviews)."""
        flags = self.flags(model, seeds)
        return balanced_values(flags, self.labels) if self.is_balanced else flags.astype(np.float64)

    def accuracy(self, model: str) -> Estimate:
        """The mean accuracy over all seeds, with its interval."""
        seeds = self.seeds(model)
        if not self.is_balanced:
            return accuracy_with_interval(self.flags(model, seeds))
        mean = mean_with_interval(self.values(model, seeds)).estimate
        return Estimate(mean.value, max(mean.low, 0.0), min(mean.high, 1.0))

    def errors(self, model: str, seeds: Sequence[int]) -> Values:
        """The same for 1 - accuracy."""
        return 1 - self.values(model, seeds)


def _data(results: SizeResults, is_balanced: bool) -> SizeData:
    bag = results.yardstick
    accuracy = None if bag is None else bag.by_label.balanced if is_balanced else bag.accuracy
    return SizeData(results.size, results.dataset.test.unknown_rate, accuracy, bag.cpu_seconds if bag else None)


def _points(model: str, results: Sequence[SizeResults], right: Mapping[int, Right]) -> Iterator[SizePoint]:
    for each in results:
        branches = [branch for branch in each.branches if branch.name == model]
        if branches:
            accuracy = right[each.size].accuracy(model)
            seconds = float(np.mean([_seconds(branch) for branch in branches]))
            yield SizePoint(model, each.size, len(branches), accuracy, seconds)


def _networks(results: SizeResults, right: Mapping[int, Right]) -> Iterator[SizeNetwork]:
    for branch in results.branches:
        accuracy = float(right[results.size].values(branch.name, [branch.seed]).mean())
        epochs = len(branch.history)
        yield SizeNetwork(branch.name, results.size, branch.seed, branch.folder, epochs, accuracy, _seconds(branch))


def _seconds(branch: Branch) -> float:
    """Processor time of all epochs: starting takes the same time whatever the size."""
    return sum(epoch.cpu_seconds for epoch in branch.history)


def _leads(models: Sequence[str], right: Mapping[int, Right]) -> tuple[SizeLead, ...]:
    """Every pair of models at every size, corrected for all of them."""
    keys, tested = [], []
    for first, second in combinations(models, 2):
        for size, its_right in right.items():
            if seeds := its_right.seeds(first, second):
                keys.append((first, second, size, len(seeds)))
                tested.append(_difference(its_right, first, second, seeds))
    corrected = iter(holm([each.p for each in tested if not math.isnan(each.p)]))
    return tuple(
        SizeLead(*key, each.estimate, None if math.isnan(each.p) else next(corrected))
        for key, each in zip(keys, tested, strict=True)
    )


def _difference(right: Right, first: str, second: str, seeds: Sequence[int]) -> TestedDifference:
    """The first model's accuracy minus the second's; the p-value is NaN with two seeds.

    One seed is tested by McNemar's exact test, or, for balanced accuracies, by a normal approximation over reviews;
    three or more by t over seeds and reviews.
    """
    if len(seeds) == 1 and not right.is_balanced:
        test = mcnemar(right.flags(first, seeds)[0], right.flags(second, seeds)[0], seeds[0])
        return TestedDifference(test.difference, test.p)
    mean = mean_with_interval(right.values(first, seeds) - right.values(second, seeds))
    return TestedDifference(mean.estimate, math.nan if mean.p is None else mean.p)


def crossings(leads: Sequence[SizeLead]) -> Iterator[Crossing]:
    """Where one model of a pair is shown to be ahead, and at the next size at which any is shown to be, the other."""
    for pair in dict.fromkeys((lead.first, lead.second) for lead in leads):
        ours = [lead for lead in leads if (lead.first, lead.second) == pair]
        shown = [(lead.leader, lead.size) for lead in sorted(ours, key=lambda lead: lead.size) if lead.leader]
        for (before, smaller), (after, larger) in pairwise(shown):
            if before != after:
                yield Crossing(before, smaller, after, larger)


def _outlook_of(model: str, right: Mapping[int, Right], is_same_training: bool) -> Outlook:
    sizes = [size for size, each in right.items() if each.seeds(model)]
    seeds = sorted(set.intersection(*(set(right[size].seeds(model)) for size in sizes)))
    if not is_same_training or not seeds:
        return Outlook(model, "seeds" if is_same_training else "epochs", len(sizes), len(seeds))
    return outlook(model, sizes, [right[size].errors(model, seeds) for size in sizes], right[sizes[0]].chance)


def outlook(name: str, sizes: Sequence[int], wrong: Sequence[Values], chance: float) -> Outlook:
    """What twice the data would bring a model, or why that cannot be told.

    Args:
        name: the model.
        sizes: the numbers of reviews to fit, ascending.
        wrong: for each size, what each review adds to the error of each seed's network, shape (seeds, reviews); all
            have the same seeds and reviews.
        chance: the accuracy of always giving the more frequent label.
    """
    seeds, errors = len(wrong[0]), [float(each.mean()) for each in wrong]
    doubt: Doubt | None = None
    if len(sizes) < MIN_SIZES:
        doubt = "sizes"
    elif seeds < MIN_SEEDS:
        doubt = "seeds"
    elif min(errors) == 0:
        doubt = "no_errors"
    if doubt:
        return Outlook(name, doubt, len(sizes), seeds)
    highest = [mean_with_interval(each).estimate.high for each in wrong]
    guessing = tuple(size for size, high in zip(sizes, highest, strict=True) if high >= 1 - chance)
    if guessing:
        return Outlook(name, "guessing", len(sizes), seeds, guessing)
    return _extended(name, sizes, wrong)


def _extended(name: str, sizes: Sequence[int], wrong: Sequence[Values]) -> Outlook:
    """The power law through all sizes, if it predicts the largest from the others; arguments as in `outlook`."""
    seeds, errors = len(wrong[0]), [float(each.mean()) for each in wrong]
    doubt: Doubt | None = None
    logs, largest = np.log(errors), sizes[-1]
    from_others = line_weights(sizes[:-1], largest)
    predicted = float(np.exp(from_others @ logs[:-1]))
    surprise = _estimate(math.log(errors[-1] / predicted), np.append(-from_others, 1.0), wrong)
    at_all, at_twice = line_weights(sizes, largest), line_weights(sizes, 2 * largest)
    now, then = math.exp(at_all @ logs), math.exp(at_twice @ logs)
    gain = _estimate(now - then, now * at_all - then * at_twice, wrong)
    if not surprise.low <= 0 <= surprise.high:
        doubt = "bends"
    elif gain.low <= 0 <= gain.high:
        doubt = "unsure"
    exponent = float((at_all - at_twice) @ logs) / math.log(2)
    return Outlook(name, doubt, len(sizes), seeds, (), exponent, errors[-1], predicted, surprise, gain)


def line_weights(sizes: Sequence[int], at: float) -> NDArray[np.float64]:
    """The weights of values at `sizes` whose sum is what the least-squares line over log size has at `at`."""
    x = np.log(sizes)
    centred = x - x.mean()
    weights: NDArray[np.float64] = 1 / len(x) + (math.log(at) - x.mean()) * centred / np.sum(centred**2)
    return weights


def _estimate(value: float, coefficients: NDArray[np.floating], wrong: Sequence[Values]) -> Estimate:
    """A function of log errors with its 95 % interval.

    Args:
        value: its value.
        coefficients: its derivative by the log error at each size.
        wrong: as in `outlook`.
    """
    from scipy.stats import t

    parts = [part * (each / each.mean()) for part, each in zip(coefficients, wrong, strict=True)]
    mean = crossed_mean(np.sum(parts, axis=0))
    half = float(t.ppf(0.975, mean.freedom)) * mean.error
    return Estimate(value, value - half, value + half)
