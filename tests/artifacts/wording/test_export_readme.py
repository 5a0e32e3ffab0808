"""The README of an export."""

from dataclasses import replace
from pathlib import Path

from artifacts.wording.export_readme import export_readme
from tasks.results.export import Export

EXPORT = Export(
    folder=Path("out"),
    format="onnx",
    name="lstm",
    label="lstm seed 1",
    vocabulary_size=10_000,
    max_length=500,
    words=88_584,
    reviews=1_000,
    differences={"tokens": 0.0},
    versions={"onnx": "1.23.2"},
    example={"text": "it's 'good'", "tokens": [1, 5, 9], "probability": 0.9},
)


def test_onnx_says_how_texts_become_tokens_where_there_are_words() -> None:
    assert "Drop words that are not in `vocabulary.json`" in export_readme(EXPORT)
    assert "or 2 if that is\n   10000 or more" in export_readme(EXPORT)
    assert "vocabulary.json" not in export_readme(replace(EXPORT, words=0))


def test_the_probability_is_that_of_a_label() -> None:
    own = replace(EXPORT, labels=("schlecht", "*gut*"))
    assert "label “\\*gut\\*”, not “schlecht”" in export_readme(own)


def test_equal_models_differ_by_0() -> None:
    assert "by at most 0 (tokens)" in export_readme(EXPORT)


def test_quotes_in_a_text_stay_inside_the_command() -> None:
    text = export_readme(replace(EXPORT, format="savedmodel"))
    assert """curl -d '{"instances": ["it\\u0027s""" in text
    assert "-e MODEL_NAME=lstm tensorflow/serving" in text
