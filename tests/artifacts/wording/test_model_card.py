"""The model card as markdown."""

from dataclasses import replace

import numpy as np

from artifacts.wording.model_card import model_card
from tasks.analysis.scores import score
from tasks.results.promotion import CardFacts, Mistake, SliceAccuracy
from tasks.results.training import Estimate
from tests.artifacts.promotions import GATE

DESCRIPTION = {
    "name": "lstm",
    "seed": 1,
    "network": {"cell": "lstm", "units": [32]},
    "training": {"epochs": 3},
    "vocabulary_size": 10_000,
    "max_length": 500,
    "tokenizer_version": 1,
    "dataset": {
        "title": "IMDB reviews",
        "fingerprint": "abc",
        "origin": "a <b>place</b>",
        "source_sha256": "0" * 64,
        "training_reviews": 20_000,
        "validation_reviews": 5_000,
        "test_reviews": 25_000,
    },
}


def facts() -> CardFacts:
    """What a made-up card says."""
    labels = np.arange(100) % 2
    scores = score(labels, np.where(np.arange(100) < 90, labels, 1 - labels) * 0.8 + 0.1, 2)
    mistakes = (Mistake(7, 0, 0.97, ("a", "[dull](x)", "|film|")),)
    return CardFacts(
        network="1" * 16,
        label="lstm seed 1",
        description=DESCRIPTION,
        run="run",
        epoch=2,
        validation_accuracy=0.87,
        scores=scores,
        gate=GATE,
        slices=(SliceAccuracy("genre: <b>horror</b>", 500, Estimate(0.81, 0.77, 0.84)),),
        mistakes=mistakes,
        precision=Estimate(0.9, 0.8, 0.95),
        recall=Estimate(0.85, 0.8, 0.9),
        drift_texts=120,
        drift_limits={"unseen words": 0.0123},
    )


def test_the_card_says_data_training_metrics_gate_drift_mistakes_and_licence() -> None:
    card = model_card(facts())
    for text in (
        "# lstm seed 1",
        "| training reviews | 20,000 |",
        "| seed | 1 |",
        "| recall | 85.00% (95 % interval 80.00% to 90.00%) |",
        "## Drift limits of 120 new texts",
        "| accuracy | 90.00% (95 % interval",
        " | 500 | 81.00% (95 % interval 77.00% to 84.00%) |",
        "| corrected level | 0.0025 |",
        "| unseen words | 0.0123 |",
        "probability that a review has the label “positive”",
        "Review 7, label negative, probability of “positive” 0.970: …",
        "Maas et al.",
    ):
        assert text in card


def test_data_never_become_markup() -> None:
    card = model_card(facts())
    assert "<b>" not in card
    assert "[dull](x)" not in card


def test_sections_without_content_are_left_out() -> None:
    card = model_card(replace(facts(), drift_limits={}, mistakes=()))
    assert "Drift" not in card
    assert "mistakes" not in card


def test_own_data_have_their_owners_terms() -> None:
    own = DESCRIPTION | {"dataset": DESCRIPTION["dataset"] | {"title": "own file reviews.csv"}}
    assert "owner's terms" in model_card(replace(facts(), description=own))
