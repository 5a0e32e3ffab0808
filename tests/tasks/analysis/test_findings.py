from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.analysis.findings import ModelPair, findings, textbook_pair
from tasks.results.comparison import Answer, Findings, LengthTrend
from tasks.results.training import Branch, Estimate, Explanation
from tests.artifacts import examples

REVIEWS = 200


def branch(name: str, seed: int = 1, **spec: object) -> Branch:
    """A branch with this cell, or with the parts of `spec`."""
    usual = examples.branch(name, seed)
    return replace(usual, spec=usual.spec | spec)


def test_the_textbooks_networks_are_compared_where_there_are_several() -> None:
    branches = [
        branch("bidirectional_lstm", cell="lstm", bidirectional=True),
        branch("stacked_simple_rnn", cell="simple_rnn", units=[4, 4]),
        branch("gru"),
        branch("simple_rnn"),
    ]
    assert textbook_pair(branches) == ModelPair("simple_rnn", "gru", (1,))
    assert textbook_pair(branches[:2]) == ModelPair("stacked_simple_rnn", "bidirectional_lstm", (1,))
    assert textbook_pair([branch("lstm"), branch("gru")]) is None
    assert textbook_pair([branch("lstm", 1), branch("simple_rnn", 2)]) is None
    several = [branch(name, seed) for seed in (1, 2, 3) for name in ("lstm", "simple_rnn")]
    assert textbook_pair(several[:-1]) == ModelPair("simple_rnn", "lstm", (1, 2))


def explained(folder: Path, name: str, gain: float, words: float, seed: int = 1) -> Explanation:
    """A network that early words help in that share of reviews, and whose gradient reaches so many words."""
    random = np.random.default_rng(seed + len(name))
    folder = folder / f"{name}{seed}"
    folder.mkdir()
    far, short = random.random(REVIEWS) < 0.5 + gain, np.arange(REVIEWS) < 20
    near = random.random(REVIEWS) < 0.5
    # Reviews of at most 100 words have nothing before their last 100: what stands there must not count.
    memory = {"length": np.where(short, 100, 300), "right_100": near & ~short, "right_500": far | short}
    pd.DataFrame(memory).to_parquet(folder / "memory.parquet")
    reached = np.clip(random.normal(words, 10, REVIEWS), 1, None).astype(int)
    columns = dict.fromkeys(("initial", "first", "last"), reached)
    jacobian = np.where(np.arange(REVIEWS) < 32, reached, -1)
    pd.DataFrame({"words": np.full(REVIEWS, 300)} | columns | {"jacobian": jacobian}).to_parquet(
        folder / "reach.parquet"
    )
    return replace(examples.explanation(name, seed), folder=folder)


def found(folder: Path, gains: tuple[float, float], words: tuple[float, float], slope: float = 0.02) -> Findings:
    """What is found with gains and reaches of a simple and a gated model."""
    names = ("simple_rnn", "lstm")
    explanations = [explained(folder, *network) for network in zip(names, gains, words, strict=True)]
    trend = LengthTrend("lstm", "simple_rnn", Estimate(slope, slope - 0.01, slope + 0.01), "reviews", 150, None, 0)
    return findings(ModelPair(*names, (1,)), explanations, trend, 500)


@pytest.mark.parametrize(
    ("gains", "words", "slope", "answers"),
    [
        ((0.0, 0.45), (20, 250), 0.02, ("confirmed", "confirmed", "confirmed", "confirmed", "confirmed")),
        ((0.45, 0.0), (250, 20), -0.02, ("refuted", "refuted", "refuted", "refuted", "refuted")),
        ((0.2, 0.2), (100, 100), 0.0, ("open", "open", "open", "open", "open")),
        ((0.2, 0.2), (150, 250), 0.0, ("open", "refuted", "confirmed", "confirmed", "open")),
    ],
)
def test_each_claim_is_checked_against_its_number(
    tmp_path: Path, gains: tuple[float, float], words: tuple[float, float], slope: float, answers: tuple[Answer, ...]
) -> None:
    said = found(tmp_path, gains, words, slope)
    claims = ("forgets", "vanishes", "survives", "farther", "longer")
    assert tuple(said.answer(claim) for claim in claims) == answers


def test_reviews_without_earlier_words_and_unknown_reaches_are_left_out(tmp_path: Path) -> None:
    said = found(tmp_path, (0.0, 0.3), (20, 250))
    assert said.of("forgets")[0].reviews == REVIEWS - 20
    assert [finding.reviews for finding in said.of("vanishes")] == [REVIEWS, REVIEWS, REVIEWS, 32]
    assert said.words == 100


def test_a_claim_stays_open_where_measurements_disagree() -> None:
    said = examples.findings()
    assert [finding.answer for finding in said.of("vanishes")] == ["refuted", "confirmed"]
    assert said.answer("vanishes") == "open"


def test_no_interval_of_a_count_of_words_begins_below_none(tmp_path: Path) -> None:
    explanations = [
        explained(tmp_path, name, 0.1, words, seed)
        for seed, words in ((1, 20), (2, 400), (3, 30))
        for name in ("simple_rnn", "lstm")
    ]
    said = findings(ModelPair("simple_rnn", "lstm", (1, 2, 3)), explanations, None, 500)
    lows = [finding.value.low for finding in (*said.of("vanishes"), *said.of("survives")) if finding.value]
    assert lows == [0.0] * 8


def test_two_seeds_leave_every_claim_open(tmp_path: Path) -> None:
    explanations = [
        explained(tmp_path, name, gain, words, seed)
        for seed in (1, 2)
        for name, gain, words in (("simple_rnn", 0.0, 20), ("lstm", 0.4, 250))
    ]
    said = findings(ModelPair("simple_rnn", "lstm", (1, 2)), explanations, None, 500)
    assert {finding.answer for finding in said.findings} == {"open"}
    assert {finding.basis for finding in said.findings if finding.value} == {"range"}


def test_without_a_pair_or_with_short_reviews_nothing_is_found(tmp_path: Path) -> None:
    assert findings(None, [], None, 500).findings == ()
    names = ("simple_rnn", "lstm")
    explanations = [explained(tmp_path, name, 0.1, 20) for name in names]
    said = findings(ModelPair(*names, (1,)), explanations, None, 15)
    assert said.words is None
    assert {finding.answer for finding in said.of("forgets") + said.of("vanishes") + said.of("longer")} == {"open"}
