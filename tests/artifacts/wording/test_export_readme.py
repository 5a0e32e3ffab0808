"""The README of an export."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from artifacts.wording.export_readme import export_readme
from tasks.data.tokenizer import Tokenizer
from tasks.data.unicode_words import portable_tables
from tasks.results.data import IMDB_RULES, UNICODE_RULES
from tasks.results.export import Export
from tests.tasks.data.word_cases import ALONE, DECOMPOSED, MIXED, words

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


def code(export: Export, folder: Path) -> Path:
    """The README's code from text to tokens, with a line that converts texts from standard input."""
    blocks = re.findall("```python\n(.*?)```", export_readme(export), flags=re.DOTALL)
    path = folder / "use.py"
    path.write_text(f"{blocks[-1]}\nimport sys\nfor line in sys.stdin: print(json.dumps(READ(json.loads(line))))\n")
    return path


def run(export: Export, folder: Path, function: str, texts: list[str]) -> list[object]:
    """What a function of the README's code returns for each text, in a process without this project."""
    path = code(export, folder)
    path.write_text(path.read_text().replace("READ", function))
    given = "".join(json.dumps(text) + "\n" for text in texts)
    done = subprocess.run([sys.executable, "-I", path], input=given, capture_output=True, text=True, cwd=folder)
    assert not done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_code_for_onnx_gives_the_tokens_of_imdbs_rules(tmp_path: Path) -> None:
    index = {"the": 1, "film": 2, "it's": 3, "Écran": 4, "a\u00a0b": 5, "rare": 47, "rarer": 48}
    (tmp_path / "vocabulary.json").write_text(json.dumps(index))
    small = replace(EXPORT, vocabulary_size=50, max_length=6)
    texts = ["The FILM<br />it's-rare, zzz", "Écran écran a\u00a0b", "rarer", "", "the " * 9, *map(chr, range(1, 400))]
    ours = Tokenizer(index, IMDB_RULES).encode(texts).tokens(50, 6)
    assert run(small, tmp_path, "tokens", texts) == [ours.review(row).tolist() for row in range(len(texts))]


def test_the_code_for_onnx_gives_the_words_of_any_language(tmp_path: Path) -> None:
    (tmp_path / "vocabulary.json").write_text("{}")
    (tmp_path / "word_tables.json").write_text(json.dumps(portable_tables()))
    texts = [ALONE, *MIXED, *DECOMPOSED]
    assert run(replace(EXPORT, word_rules=UNICODE_RULES), tmp_path, "words", texts) == words(texts)


def test_without_words_the_readme_says_nothing_about_texts() -> None:
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
