"""Drift between made-up sets of texts."""

from dataclasses import replace

import numpy as np
import pytest

from tasks.analysis.drift import NAMES, Reference, Texts, distance, distinguishing_tokens, joint_limits, unseen_share
from tasks.data.tokens import Tokens
from tests.tasks.analysis.texts import LENGTH, held_out_texts, make_texts


@pytest.fixture(scope="module")
def training() -> Texts:
    """Training reviews, of which the last fifth was held out."""
    return held_out_texts()


def alarms(training: Texts, new: Texts) -> list[str]:
    return [figure.name for figure in Reference(training).figures(new) if figure.alarms]


@pytest.mark.parametrize(
    ("changes", "figures"),
    [
        ({"exponent": 1.3}, {"words", "domain classifier"}),
        ({"mean": 22.0}, {"lengths"}),
        ({"shift": 0.3}, {"scores"}),
    ],
)
def test_each_figure_notices_its_own_change(training: Texts, changes: dict, figures: set[str]) -> None:
    assert figures <= set(alarms(training, make_texts(200, 99, **changes)))


def test_more_unseen_words_alarm(training: Texts) -> None:
    new = make_texts(200, 99)
    padded = new.tokens.padded()
    padded[(padded > 200) & (np.arange(LENGTH) % 2 == 0)] = 2
    assert "unseen words" in alarms(training, replace(new, tokens=Tokens.from_padded(padded)))


def test_figures_come_with_limits_and_the_usual_ones(training: Texts) -> None:
    figures = Reference(training).figures(make_texts(100, 5))
    assert tuple(figure.name for figure in figures) == NAMES
    assert {figure.name: figure.usual for figure in figures}["domain classifier"] == 0.55
    for figure in figures:
        assert len(figure.draws) == 200
        assert sum(draw > figure.limit for draw in figure.draws) <= 2


def test_one_draw_in_a_hundred_exceeds_any_limit(training: Texts) -> None:
    draws = Reference(training).draws(100)
    limits = joint_limits(draws)
    exceeding = np.any([np.array(draws[name]) > limits[name] for name in NAMES], axis=0)
    assert exceeding.sum() <= 2


def test_a_figure_that_never_varies_allows_a_thousandth() -> None:
    draws = {name: [0.0] * 200 for name in NAMES}
    assert set(joint_limits(draws).values()) == {0.001}


@pytest.mark.usefixtures("few_draws")
def test_more_texts_than_half_of_the_training_reviews_are_sampled(training: Texts) -> None:
    reference = Reference(training)
    assert (reference.compared(100), reference.compared(10_000)) == (100, 1_000)
    assert len(reference.figures(make_texts(1_500, 3))) == 5


def test_the_distance_is_that_of_jensen_and_shannon() -> None:
    assert distance(np.array([1, 1]), np.array([2, 2])) == 0.0
    assert distance(np.array([1, 0]), np.array([0, 1])) == 1.0
    assert distance(np.array([1, 0]), np.array([1, 1])) == pytest.approx(0.5579, abs=1e-4)
    assert distance(np.array([0, 0]), np.array([1, 1])) == 1.0


def test_bags_leave_out_padding_and_start() -> None:
    texts = Texts(
        Tokens.from_padded(np.array([[0, 1, 2, 5, 5], [0, 0, 0, 1, 4]], np.uint8)), np.array([3, 1]), np.zeros(2), 6
    )
    assert texts.bags.toarray().tolist() == [[0, 0, 1, 0, 0, 2], [0, 0, 0, 0, 1, 0]]
    assert texts.counts(np.array([0])).tolist() == [0, 0, 1, 0, 0, 2]
    assert unseen_share(texts.counts()) == 0.25


def test_telling_words_are_those_that_one_set_holds_more_often() -> None:
    old = Texts(Tokens.from_padded(np.array([[3, 5]] * 10, np.uint8)), np.full(10, 2), np.zeros(10), 6)
    new = Texts(Tokens.from_padded(np.array([[4, 5]] * 10, np.uint8)), np.full(10, 2), np.zeros(10), 6)
    assert set(distinguishing_tokens(new, old)) == {(4, 1.0, 0.0), (3, 0.0, 1.0)}
    assert distinguishing_tokens(new, old)[0] == (4, 1.0, 0.0)
