"""Drift in words, as a table and as a figure."""

import json
from dataclasses import replace

import numpy as np

from artifacts.figures.scores import MAX_MULTIPLE, drift_figure
from artifacts.wording.drift import markdown, rows, sentence, summary
from tasks.results.drift import DistinguishingWord, Drift, DriftFigure

QUIET = DriftFigure("lengths", 0.05, 0.08, 0.1, tuple(np.linspace(0.01, 0.09, 200).tolist()))
ALARM = DriftFigure("domain classifier", 0.99, 0.55, 0.55, (0.5,) * 200)
RESULT = Drift(
    1_000, 1_000, 25_000, (ALARM, QUIET), (DistinguishingWord("|pipe|", 0.9, 0.1),), (0.02, 0.01), (9, 178), 3.0
)


def test_a_sentence_says_by_what_texts_differ() -> None:
    assert sentence(RESULT) == (
        "DRIFT: the 1,000 texts differ from the training reviews in domain classifier (0.990, limit 0.550)."
    )
    assert sentence(replace(RESULT, figures=(QUIET,))).startswith("NO DRIFT")


def test_a_drift_below_the_usual_limits_is_called_small() -> None:
    small = replace(RESULT, figures=(replace(ALARM, value=0.549, limit=0.54), QUIET))
    assert sentence(small).endswith("The drift is small: no figure reaches its usual limit.")
    assert "small" not in sentence(RESULT)


def test_rows_are_plain_values_with_the_usual_limit() -> None:
    assert rows(RESULT)[0] == {
        "figure": "domain classifier",
        "value": 0.99,
        "limit": 0.55,
        "usual limit": 0.55,
        "verdict": "alarm",
    }
    json.dumps(rows(RESULT), allow_nan=False)
    assert dict(summary(RESULT))["median length"] == "9 and 178 words"


def test_words_never_become_markup() -> None:
    text = markdown(RESULT, "data:image/png;base64,abc")
    assert "|pipe|" not in text
    assert "![drift](data:image/png;base64,abc)" in text


def test_the_figure_shows_values_as_multiples_of_their_limits() -> None:
    axes = drift_figure(RESULT).axes[0]
    markers = [line for line in axes.lines if line.get_marker() in ("D", "o", ">")]
    assert [float(line.get_xdata()[0]) for line in markers] == [0.99 / 0.55, 0.05 / 0.08]
    assert [text.get_text() for text in axes.texts] == ["0.990", "0.050"]
    far = drift_figure(replace(RESULT, figures=(replace(QUIET, value=1.0),))).axes[0]
    assert [line.get_marker() for line in far.lines if line.get_xdata()[0] == MAX_MULTIPLE] == [">"]
