from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics

from tasks.analysis.comparison import (
    Predictions,
    beside_yardstick,
    compare_pairs,
    holm,
    overfitting,
    rank,
    read_predictions,
    summarize_models,
)
from tasks.analysis.intervals import crossed_accuracy, crossed_difference
from tasks.results.comparison import Pair
from tasks.results.training import Estimate, Evaluation, LabelScores
from tasks.results.yardstick import Yardstick
from tests.artifacts import examples


def test_a_model_over_its_seeds(evaluations: list[Evaluation], predictions: Predictions) -> None:
    best = summarize_models(predictions, evaluations)[0]
    values = [e.last.accuracy for e in evaluations if e.name == "lstm"]
    assert (best.name, best.seeds, best.deviation) == ("lstm", 3, pytest.approx(np.std(values, ddof=1)))
    right = np.stack([predictions.right("lstm", seed) for seed in (1, 2, 3)])
    assert (best.accuracy, best.basis) == (crossed_accuracy(right), "seeds_and_reviews")


def test_two_seeds_have_a_range_and_no_test(evaluations: list[Evaluation]) -> None:
    two = [evaluations[0], evaluations[1], evaluations[3], evaluations[4]]
    predictions = read_predictions(two)
    best = summarize_models(predictions, two)[0]
    accuracies = sorted(e.last.accuracy for e in two if e.name == "lstm")
    assert (best.basis, best.accuracy.low, best.accuracy.high) == ("range", *accuracies)
    pair = compare_pairs(predictions)[0]
    assert (pair.p, pair.p_holm, pair.is_different) == (None, None, False)
    assert pair.difference.low == min(test.difference.value for test in pair.seeds)


def test_a_model_with_one_seed_has_the_interval_of_its_reviews(evaluations: list[Evaluation]) -> None:
    first, last = evaluations[0], evaluations[0].last
    summary = summarize_models(read_predictions([first]), [first])[0]
    assert summary.accuracy == Estimate(last.accuracy, last.low, last.high)
    assert summary.deviation is None


def test_the_comparison_is_what_scipy_gives_on_the_files(
    evaluations: list[Evaluation], predictions: Predictions
) -> None:
    pair = compare_pairs(predictions)[0]
    right = {}
    for e in evaluations:
        frame = pd.read_parquet(e.predictions)
        right[e.name, e.seed] = (frame["probability_last"] > 0.5) == (frame["label"] == 1)
    for test in pair.seeds:
        first, second = right["lstm", test.seed], right["simple_rnn", test.seed]
        b, c = (first & ~second).sum(), (~first & second).sum()
        assert test.p == pytest.approx(stats.binomtest(b, b + c).pvalue)
        assert test.difference.value == pytest.approx(first.mean() - second.mean())
    means = [[right[name, seed].mean() for seed in (1, 2, 3)] for name in ("lstm", "simple_rnn")]
    stacked = [np.stack([right[name, seed] for seed in (1, 2, 3)]) for name in ("lstm", "simple_rnn")]
    difference = crossed_difference(*stacked)
    assert (pair.difference, pair.p, pair.p_holm) == (difference.estimate, difference.p, difference.p)
    assert (pair.first, pair.second, pair.is_different) == ("lstm", "simple_rnn", pair.p < 0.05)
    assert pair.seeds_ahead == sum(first > second for first, second in zip(*means, strict=True))


def test_with_one_seed_the_reviews_decide(evaluations: list[Evaluation]) -> None:
    pair = compare_pairs(read_predictions([evaluations[0], evaluations[3]]))[0]
    assert len(pair.seeds) == 1
    assert (pair.difference, pair.p) == (pair.seeds[0].difference, pair.seeds[0].p)


def test_pairs_are_corrected_for_their_number(evaluations: list[Evaluation]) -> None:
    third = Evaluation(**(vars(evaluations[1]) | {"name": "gru", "seed": 1}))
    pairs = compare_pairs(read_predictions([evaluations[0], third, evaluations[3]]))
    assert len(pairs) == 3
    assert min(pair.p_holm for pair in pairs) == pytest.approx(min(3 * min(pair.p for pair in pairs), 1))


def test_models_without_a_common_seed_are_not_compared(evaluations: list[Evaluation]) -> None:
    assert compare_pairs(read_predictions([evaluations[0], evaluations[4]])) == ()


def test_a_model_alone_is_compared_with_nothing(evaluations: list[Evaluation]) -> None:
    assert compare_pairs(read_predictions(evaluations[:1])) == ()


def test_scores_are_what_sklearn_gives_on_the_files(evaluations: list[Evaluation]) -> None:
    for e in evaluations:
        frame = pd.read_parquet(e.predictions)
        assert e.last.accuracy == metrics.accuracy_score(frame["label"], frame["probability_last"] > 0.5)
        assert e.last.auc == pytest.approx(metrics.roc_auc_score(frame["label"], frame["probability_last"]))


def pair(first: str, second: str, p: float) -> Pair:
    """A pair whose difference has that p-value."""
    return Pair(first, second, (), Estimate(0.1, 0.0, 0.2), "reviews", p, p)


def test_groups_hold_models_that_cannot_be_told_apart_from_their_best() -> None:
    pairs = [pair("a", "b", 0.3), pair("a", "c", 0.01), pair("b", "c", 0.2)]
    assert rank(["a", "b", "c"], pairs) == (("a", "b"), ("c",))
    assert rank(["a"], []) == (("a",),)


def test_overfitting_is_what_happens_after_the_best_epoch() -> None:
    branch, evaluation = examples.branch("lstm"), examples.evaluation("lstm")
    model = overfitting([branch], [evaluation])["lstm"]
    assert (model.best_epochs, model.last_epoch) == ((1,), 2)
    assert (model.validation_loss_best, model.validation_loss_last) == (0.4, 0.45)
    assert (model.test_accuracy_best, model.test_accuracy_last) == (0.9, 0.88)


def test_every_network_is_tested_against_the_yardstick_and_corrected_for_all(
    evaluations: list[Evaluation], predictions: Predictions, tmp_path: Path
) -> None:
    labels = predictions.labels
    always_positive = pd.DataFrame({"label": labels, "probability": np.where(np.arange(len(labels)) < 300, 0.9, 0.1)})
    always_positive.to_parquet(tmp_path / "yardstick.parquet")
    half = Estimate(0.5, 0.4, 0.6)
    scores = half, LabelScores(half, 0.5, 0.5), 0.5, 0.5, 0.5
    bag = Yardstick(tmp_path, {}, 1.0, (1.0,), "none", 1, 1, *scores, 1.0)  # Only its predictions are read.
    found = beside_yardstick(bag, evaluations)
    right = (always_positive["probability"].to_numpy() > 0.5) == (labels == 1)
    assert [(test.name, test.test.seed) for test in found.last] == [(e.name, e.seed) for e in evaluations]
    for test in found.last:
        network = predictions.right(test.name, test.test.seed)
        only_network, only_bag = int((network & ~right).sum()), int((~network & right).sum())
        assert (test.test.only_first, test.test.only_second) == (only_network, only_bag)
        assert test.test.p == pytest.approx(stats.binomtest(only_network, only_network + only_bag).pvalue)
        assert test.test.difference.value == pytest.approx(network.mean() - right.mean())
    assert [test.p_holm for test in found.last] == holm([test.test.p for test in found.last])
    assert {test.answer for test in found.last} == {"better"}
    assert found.at("best") == found.last  # The made-up networks predict the same at both epochs.
