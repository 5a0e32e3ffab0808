import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics

from tasks.analysis.evidence import (
    accuracy_by_length,
    choose_reviews,
    compare_pairs,
    disagreements,
    mistakes,
    read_predictions,
    reasons,
    summaries,
)
from tasks.evaluate import score
from tasks.results.comparison import LengthBin, Text, Trace
from tasks.results.evaluation import Estimate, Evaluation, Explanation, MemoryPoint, Reach, Threshold

REVIEWS = 400


@pytest.fixture
def evaluations(tmp_path: Path) -> list[Evaluation]:
    """Two models with three seeds each: the second is better."""
    random = np.random.default_rng(0)
    labels, lengths = np.arange(REVIEWS) % 2, random.integers(5, 600, REVIEWS)
    made = []
    for name, skill in (("simple_rnn", 0.6), ("lstm", 1.4)):
        for seed in (1, 2, 3):
            probability = 1 / (1 + np.exp(-random.normal(skill * (2 * labels - 1), 1.0)))
            path = tmp_path / f"{name}{seed}.parquet"
            columns = {"review_id": np.arange(REVIEWS)[::-1], "label": labels, "length": lengths}
            pd.DataFrame(columns | {"probability_last": probability}).to_parquet(path)
            last = score(labels, probability, "last", 2)
            made.append(Evaluation(name, seed, path, "", last, last, Threshold(0.5, 0, 0), 0, 0.0, 0.0))
    return made


def test_models_stand_in_the_order_of_their_mean_accuracy(evaluations: list[Evaluation]) -> None:
    found = read_predictions(evaluations)
    assert list(found.probabilities) == ["lstm", "simple_rnn"]
    best = summaries(found, evaluations)[0]
    values = [e.last.accuracy for e in evaluations if e.name == "lstm"]
    assert (best.name, best.seeds, best.deviation) == ("lstm", 3, pytest.approx(np.std(values, ddof=1)))
    interval = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    assert (best.accuracy.low, best.accuracy.high) == pytest.approx(interval)


def test_the_comparison_is_what_scipy_gives_on_the_files(evaluations: list[Evaluation]) -> None:
    pair = compare_pairs(read_predictions(evaluations))[0]
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
    assert pair.p == pair.p_holm == pytest.approx(stats.ttest_rel(*means).pvalue)
    assert pair.sentence.startswith("lstm is better than simple_rnn by ")
    assert "on average over 3 seeds" in pair.sentence
    ahead = sum(right["lstm", seed].mean() > right["simple_rnn", seed].mean() for seed in (1, 2, 3))
    assert pair.sentence.endswith(f"; lstm is ahead with {ahead} of 3 seeds.")


def test_a_difference_that_seeds_may_explain_is_not_called_one(evaluations: list[Evaluation]) -> None:
    pair = replace(compare_pairs(read_predictions(evaluations))[0], p_holm=0.2)
    assert pair.sentence.startswith("No difference is shown between lstm and simple_rnn")


def test_scores_are_what_sklearn_gives_on_the_files(evaluations: list[Evaluation]) -> None:
    for e in evaluations:
        frame = pd.read_parquet(e.predictions)
        assert e.last.accuracy == metrics.accuracy_score(frame["label"], frame["probability_last"] > 0.5)
        assert e.last.auc == pytest.approx(metrics.roc_auc_score(frame["label"], frame["probability_last"]))


def test_length_bins_hold_every_review_once(evaluations: list[Evaluation]) -> None:
    found = read_predictions(evaluations)
    bins = accuracy_by_length(found, "lstm")
    assert sum(one.reviews for one in bins) == REVIEWS
    assert all(before.longest < after.shortest for before, after in itertools.pairwise(bins))
    assert max(one.reviews for one in bins) < 1.3 * REVIEWS / 10
    frame = pd.read_parquet(evaluations[3].predictions)
    inside = frame["length"].between(bins[2].shortest, bins[2].longest).to_numpy()
    share = np.mean([found.right("lstm", seed)[inside].mean() for seed in (1, 2, 3)])
    assert bins[2].accuracy.value == pytest.approx(share)


def explanation(name: str, few: float, every: float) -> Explanation:
    """A model that is right in `few` of the reviews with ten words and in `every` with all."""
    points = tuple(MemoryPoint(words, Estimate(value, value, value)) for words, value in ((10, few), (500, every)))
    return Explanation(name, 1, points, 100, Reach((0,), (1.0,), (1.0,), (1.0,), 100), (), 0.0)


def bins(*accuracies: float) -> tuple[LengthBin, ...]:
    """One bin of 100 words after the other."""
    return tuple(
        LengthBin(100 * place + 1, 100 * place + 100, 2_500, Estimate(value, value - 0.01, value + 0.01))
        for place, value in enumerate(accuracies)
    )


@pytest.mark.parametrize(
    ("long", "said"),
    [(0.70, "its lead grows with length"), (0.80, "no clear change"), (0.86, "its lead shrinks with length")],
)
def test_the_reasons_compare_the_best_model_with_the_last(long: float, said: str) -> None:
    text = Text(1, 1, "", ("a", "b", "c"), {})
    trace = Trace(text, {"lstm": (0.5, 0.6, 0.7), "simple_rnn": (0.5, 0.9, 0.1)})
    lengths = {"lstm": bins(0.88, 0.85), "gru": bins(0.5, 0.5), "simple_rnn": bins(0.82, long)}
    told = list(reasons(lengths, [explanation("lstm", 0.7, 0.88), explanation("simple_rnn", 0.6, 0.8)], [trace]))
    assert len(told) == 3
    assert told[0].startswith("lstm leads simple_rnn by +6.0 points on reviews of at most 100 words")
    assert said in told[0]
    assert "right in 70.0%, simple_rnn in 60.0%; all words add 18.0 and 20.0 points" in told[1]
    assert "by 0.100 on average in lstm and by 0.600 in simple_rnn" in told[2]


def test_mistakes_are_the_most_confident_errors(evaluations: list[Evaluation]) -> None:
    rows = mistakes(read_predictions(evaluations), "simple_rnn")
    frame = pd.read_parquet(evaluations[0].predictions)
    distance = (frame["probability_last"] - frame["label"]).abs()
    assert rows == distance[distance > 0.5].sort_values(ascending=False).index[:20].tolist()


def test_disagreements_are_on_two_sides(evaluations: list[Evaluation]) -> None:
    found = read_predictions(evaluations)
    lstm, simple = found.first().values()
    for row in disagreements(found):
        assert (lstm[row] > 0.5) != (simple[row] > 0.5)


def test_six_reviews_of_six_kinds_are_chosen(evaluations: list[Evaluation]) -> None:
    chosen = choose_reviews(evaluations)
    assert len({one.row for one in chosen}) == 6
    found = read_predictions(evaluations)
    lstm, simple = (found.right(name, 1) for name in ("lstm", "simple_rnn"))
    rows = [one.row for one in chosen]
    assert [(bool(lstm[row]), bool(simple[row])) for row in rows[:5]] == [
        (True, True), (True, True), (False, False), (True, False), (False, True),
    ]  # fmt: skip
    assert found.labels[rows[:2]].tolist() == [1, 0]


def test_one_model_alone_is_compared_with_nothing(evaluations: list[Evaluation]) -> None:
    alone = evaluations[:1]
    found = read_predictions(alone)
    assert compare_pairs(found) == ()
    assert disagreements(found) == []
    assert len(choose_reviews(alone)) == 4
    assert summaries(found, alone)[0].deviation is None
