"""The power law of errors, the gain of twice the data, and where models cross."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.stats import norm

from tasks.analysis.intervals import mean_with_interval
from tasks.analysis.scores import score
from tasks.analysis.sizes import Right, SizeResults, crossings, line_weights, outlook, size_curves
from tasks.results.sizes import Crossing, SizeLead
from tasks.results.training import Branch, Estimate, Evaluation, Threshold
from tests.artifacts.examples import dataset
from tests.fixtures.runs import branch_of

SIZES = [1_000, 2_000, 4_000, 8_000, 16_000]


def flags(errors: Sequence[float], seeds: int, reviews: int, random: np.random.Generator) -> list[NDArray[np.float64]]:
    """Whether networks are wrong: reviews are hard, and seeds bad, at all sizes; each size has exactly its error.

    The error is that over all seeds and reviews that could be drawn.
    """
    hard, bad = random.normal(size=reviews), random.normal(size=(len(errors), seeds, 1))
    own = random.normal(size=(len(errors), seeds, reviews))
    latent = math.sqrt(0.5) * hard + math.sqrt(0.01) * bad + math.sqrt(0.49) * own
    return [(row < norm.ppf(error)).astype(float) for row, error in zip(latent, errors, strict=True)]


def power_law(a: float, b: float) -> list[float]:
    """Errors at the sizes."""
    return [a * size**-b for size in SIZES]


def exactly(errors: Sequence[float], seeds: int = 3, reviews: int = 10_000) -> list[NDArray[np.float64]]:
    """Networks that are wrong on as large a share of the reviews, the seeds on different ones."""
    return [
        np.array([np.roll(np.arange(reviews) < round(error * reviews), 997 * seed) for seed in range(seeds)], float)
        for error in errors
    ]


def test_a_power_law_is_found_again() -> None:
    found = outlook("lstm", SIZES, exactly(power_law(3.0, 0.3)), 0.5)
    assert found.exponent == pytest.approx(0.3, abs=0.001)
    assert found.predicted == pytest.approx(3.0 * 16_000**-0.3, rel=0.002)
    assert found.gain
    assert found.gain.value == pytest.approx(3.0 * (16_000**-0.3 - 32_000**-0.3), rel=0.01)
    assert found.gain.low < found.gain.value < found.gain.high


def test_twice_the_data_is_told_where_errors_follow_a_power_law() -> None:
    found = outlook("lstm", SIZES, flags(power_law(3.0, 0.3), 5, 5_000, np.random.default_rng(1)), 0.5)
    assert (found.doubt, found.sizes, found.seeds) == (None, 5, 5)


def test_a_bend_is_refused() -> None:
    errors = [0.4, 0.3, 0.225, 0.169, 0.166]  # It stops falling.
    found = outlook("lstm", SIZES, flags(errors, 5, 5_000, np.random.default_rng(1)), 0.5)
    assert found.doubt == "bends"
    assert found.surprise
    assert found.surprise.low > 0


def test_sizes_at_which_a_network_only_guesses_are_named() -> None:
    errors = [0.5, 0.49, 0.3, 0.2, 0.15]
    found = outlook("lstm", SIZES, exactly(errors, 3, 1_000), 0.5)
    assert (found.doubt, found.guessing, found.gain) == ("guessing", (1_000, 2_000), None)
    assert outlook("lstm", SIZES, exactly(errors, 3, 1_000), 0.4).guessing == ()


def test_errors_that_do_not_fall_show_no_gain() -> None:
    found = outlook("lstm", SIZES, flags([0.2] * 5, 5, 2_000, np.random.default_rng(1)), 0.5)
    assert found.doubt == "unsure"


@pytest.mark.parametrize(
    ("sizes", "seeds", "errors", "doubt"),
    [(3, 5, [0.3] * 3, "sizes"), (4, 2, [0.3] * 4, "seeds"), (4, 1, [0.3] * 4, "seeds"),
     (4, 3, [0.3, 0.2, 0.1, 0.0], "no_errors")],
)  # fmt: skip
def test_what_is_too_little_is_said(sizes: int, seeds: int, errors: list[float], doubt: str) -> None:
    found = outlook("lstm", SIZES[:sizes], exactly(errors, seeds, 100), 0.5)
    assert (found.doubt, found.sizes, found.seeds, found.gain) == (doubt, sizes, seeds, None)


def test_weights_give_the_least_squares_line() -> None:
    y = np.array([0.3, -0.1, 0.5, 0.2, 0.0])
    slope, start = np.polyfit(np.log(SIZES), y, 1)
    assert line_weights(SIZES, 50_000) @ y == pytest.approx(start + slope * np.log(50_000))


def test_the_intervals_contain_the_truth_in_nineteen_of_twenty_runs() -> None:
    random, runs = np.random.default_rng(0), 400
    a, b = 1.5, 0.25
    truth = a * (16_000**-b - 32_000**-b)
    found = [outlook("lstm", SIZES, flags(power_law(a, b), 4, 300, random), 0.5) for _ in range(runs)]
    gains = [each.gain for each in found if each.gain]
    surprises = [each.surprise for each in found if each.surprise]
    assert len(gains) == runs
    assert 0.92 < np.mean([gain.low <= truth <= gain.high for gain in gains]) < 0.985
    assert 0.92 < np.mean([surprise.low <= 0 <= surprise.high for surprise in surprises]) < 0.985


def lead(size: int, difference: float, p: float | None) -> SizeLead:
    """lstm minus simple_rnn."""
    return SizeLead("lstm", "simple_rnn", size, 3, Estimate(difference, difference, difference), p)


def test_a_crossing_needs_both_models_shown_to_be_ahead() -> None:
    leads = [lead(1_000, -0.1, 0.01), lead(2_000, 0.02, 0.5), lead(4_000, 0.1, 0.001), lead(8_000, 0.1, 0.001)]
    assert list(crossings(leads)) == [Crossing("simple_rnn", 1_000, "lstm", 4_000)]
    assert not list(crossings([lead(1_000, -0.1, 0.06), *leads[1:]]))
    assert not list(crossings([lead(1_000, -0.1, None), lead(2_000, 0.1, None)]))


def results(folder: Path, size: int, shares: dict[str, float], seeds: Sequence[int] = (1, 2, 3)) -> SizeResults:
    """Networks that are right on these shares of 200 reviews, of which 20 are positive; the seeds on the same ones."""
    labels = np.repeat([0, 1], [180, 20])
    branches: list[Branch] = []
    evaluations = []
    for name, share in shares.items():
        for seed in seeds:
            right = np.arange(200) < round(200 * share)
            probability = np.where(right == (labels == 1), 0.9, 0.1)
            path = folder / f"{name}{seed}-{size}.parquet"
            columns = {"review_id": np.arange(200), "label": labels, "length": labels, "probability_best": probability}
            pd.DataFrame({**columns, "probability_last": 1 - probability}).to_parquet(path)
            found = score(labels, probability, 1)
            evaluations.append(Evaluation(name, seed, path, "", found, found, Threshold(0.5, 0, 0, 0), 0, 0.0, 0.0))
            branches.append(replace(branch_of(name, folder / str(size), 0.5), seed=seed))
    return SizeResults(size, dataset(), branches, evaluations, None)


def test_curves_are_of_the_best_epochs_and_list_the_networks_of_subsets(tmp_path: Path) -> None:
    of_sizes = [results(tmp_path, 10, {"simple_rnn": 0.6, "lstm": 0.5}), results(tmp_path, 20, {"lstm": 0.9})]
    curves = size_curves(of_sizes, "all")
    assert [(point.name, point.size, point.accuracy.value) for point in curves.points] == [
        ("lstm", 10, pytest.approx(0.5)), ("lstm", 20, pytest.approx(0.9)), ("simple_rnn", 10, pytest.approx(0.6)),
    ]  # fmt: skip
    assert {point.cpu_seconds for point in curves.points} == {1.0}
    assert list(curves.folders()) == [tmp_path / "10"] * 6
    assert [(each.first, each.size, each.difference.value) for each in curves.leads] == [
        ("lstm", 10, pytest.approx(-0.1))
    ]
    assert [each.doubt for each in curves.outlooks] == ["sizes", "sizes"]
    assert (curves.epochs, curves.sizes, curves.vocabulary_of) == ((1, 1), [10, 20], "all")


def test_accuracies_of_uneven_labels_are_balanced(tmp_path: Path) -> None:
    found = results(tmp_path, 10, {"lstm": 0.9})
    uneven = replace(found.dataset, train=replace(found.dataset.train, positive=10))
    uneven = replace(uneven, test=replace(uneven.test, positive=10))
    curves = size_curves([found, found._replace(size=20, dataset=uneven)], "subset")
    assert curves.is_balanced
    assert [point.accuracy.value for point in curves.points] == [pytest.approx(0.5)] * 2  # No positive one is right.
    assert [point.accuracy.low for point in curves.points] == [pytest.approx(0.5)] * 2  # Whichever reviews are drawn.


def test_the_interval_of_a_balanced_accuracy_contains_it_in_nineteen_of_twenty_draws() -> None:
    random, labels = np.random.default_rng(0), np.repeat([0, 1], [900, 100])
    hits = []
    for _ in range(400):
        drawn = {1: random.random(1_000) < np.where(labels == 1, 0.6, 0.95)}
        right = Right({"lstm": drawn}, labels, is_balanced=True)
        values = right.values("lstm", [1])
        recalls = [drawn[1][labels == label].mean() for label in (0, 1)]
        assert values.mean() == pytest.approx(np.mean(recalls))
        estimate = mean_with_interval(values).estimate
        hits.append(estimate.low <= 0.775 <= estimate.high)
    assert 0.92 < np.mean(hits) < 0.985


def test_networks_that_were_stopped_early_show_no_power_law(tmp_path: Path) -> None:
    of_sizes = [results(tmp_path, size, {"lstm": 0.6}) for size in (10, 20, 40, 80)]
    assert size_curves(of_sizes, "subset").outlooks[0].doubt != "epochs"
    first, *others = of_sizes[-1].branches
    longer = replace(first, history=(first.history[0], replace(first.history[0], epoch=2)))
    curves = size_curves([*of_sizes[:-1], of_sizes[-1]._replace(branches=[longer, *others])], "subset")
    assert (curves.outlooks[0].doubt, curves.epochs) == ("epochs", (1, 2))


def test_a_size_without_networks_is_left_out(tmp_path: Path) -> None:
    empty = SizeResults(5, dataset(), [], [], None)
    curves = size_curves([empty, results(tmp_path, 20, {"lstm": 0.9}, seeds=[1])], "subset")
    assert [(point.size, point.seeds) for point in curves.points] == [(20, 1)]
    assert curves.sizes == [5, 20]


def test_one_seed_is_tested_over_reviews_and_two_are_not(tmp_path: Path) -> None:
    for seeds, tested in (([1], True), ([1, 2], False), ([1, 2, 3], True)):
        shares = {"lstm": 0.9, "simple_rnn": 0.5}
        (found,) = size_curves([results(tmp_path, 20, shares, seeds)], "subset").leads
        assert (found.p_holm is not None, found.leader) == (tested, "lstm" if tested else None)
