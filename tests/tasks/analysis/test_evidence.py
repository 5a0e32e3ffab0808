import ast
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest

import tasks.analysis
from tasks.analysis.comparison import Predictions
from tasks.analysis.evidence import chance, gather
from tasks.analysis.reviews import choose_reviews
from tasks.analysis.scores import score
from tasks.data.parquet import read_column
from tasks.results.comparison import Evidence
from tasks.results.data import Dataset
from tasks.results.drift import FigureName
from tasks.results.promotion import Reason
from tasks.results.training import Evaluation, Explanation, Threshold
from tests.artifacts import examples

ROOM = Path(tasks.analysis.__file__).parent
# Codes of records, for which wording has sentences.
CODES = {*get_args(Reason), *get_args(FigureName)}
# Parts of a slice's name, such as "10 to 90 words" or "genre: 81 rarer values", which the registry keeps.
NAMES = {" to ", " words", ": ", " rarer values", " "}


@pytest.fixture
def evaluations(dataset: Dataset, tmp_path: Path) -> list[Evaluation]:
    """Two models on the small dataset; the second is better."""
    columns = {name: read_column(dataset.test.path, name) for name in ("review_id", "label", "length")}
    labels, random = columns["label"].astype(int), np.random.default_rng(0)
    evaluations = []
    for name, skill in (("simple_rnn", 0.5), ("lstm", 1.5)):
        probabilities = 1 / (1 + np.exp(-random.normal(skill * (2 * labels - 1), 1.0)))
        path = tmp_path / f"{name}.parquet"
        both = {"probability_last": probabilities, "probability_best": probabilities}
        pd.DataFrame(columns | both).to_parquet(path)
        last = score(labels, probabilities, 2)
        evaluations.append(Evaluation(name, 1, path, "", last, last, Threshold(0.5, 0, 0, 0), 0, 0.0, 0.0))
    return evaluations


def explained(dataset: Dataset, folder: Path, name: str, lines: tuple[tuple[float, ...], ...]) -> Explanation:
    """An explanation with its files: half of the reviews right with ten words, all with thirty."""
    length = read_column(dataset.test.path, "length")
    folder.mkdir()
    memory = {"review_id": np.arange(len(length)), "length": length}
    memory |= {"right_10": np.arange(len(length)) % 2 == 0, "right_30": np.ones(len(length), bool)}
    pd.DataFrame(memory).to_parquet(folder / "memory.parquet")
    words = np.minimum(length, dataset.max_length)
    reached = dict.fromkeys(("initial", "first", "last", "jacobian"), words // 2)
    pd.DataFrame({"review_id": np.arange(len(length)), "words": words} | reached).to_parquet(folder / "reach.parquet")
    return replace(examples.explanation(name), folder=folder, traces=lines)


@pytest.fixture
def evidence(dataset: Dataset, evaluations: list[Evaluation], tmp_path: Path) -> Evidence:
    """All that is known of the two."""
    chosen = choose_reviews(evaluations)
    lines = tuple(tuple(np.linspace(0.4, 0.6, dataset.max_length)) for _ in chosen)
    explanations = [explained(dataset, tmp_path / e.name, e.name, lines) for e in evaluations]
    branches = [examples.branch(e.name) for e in evaluations]
    return gather(dataset, branches, evaluations, explanations, chosen)


def test_all_parts_are_about_the_same_models_best_first(evidence: Evidence) -> None:
    assert [model.name for model in evidence.models] == list(evidence.lengths) == list(evidence.mistakes)
    assert (evidence.pairs[0].first, evidence.pairs[0].second) == ("lstm", "simple_rnn")
    assert (evidence.findings.gated, evidence.findings.simple) == ("lstm", "simple_rnn")
    assert evidence.trend is not None
    assert (evidence.trend.first, evidence.trend.second) == ("lstm", "simple_rnn")
    assert all(set(trace.lines) == {"lstm", "simple_rnn"} for trace in evidence.traces)
    assert all(review.words for review in evidence.disagreements)


@pytest.mark.parametrize(("labels", "expected"), [([1, 1, 1, 0], 0.75), ([0, 0, 0, 1], 0.75), ([1, 1], 1.0)])
def test_chance_is_the_share_of_the_more_frequent_label(labels: list[int], expected: float) -> None:
    rows = np.arange(len(labels))
    assert chance(Predictions(rows, np.array(labels), rows, {})) == expected


def texts(value: Any) -> Iterator[str]:
    """Every text within plain values."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for item in value.items() for text in texts(item))
    elif isinstance(value, (list, tuple)):
        yield from (text for item in value for text in texts(item))


def test_the_evidence_holds_names_and_codes_but_no_sentences(evidence: Evidence) -> None:
    traces = tuple(replace(trace, review=replace(trace.review, words=())) for trace in evidence.traces)
    found = set(texts(asdict(replace(evidence, traces=traces, mistakes={}, disagreements=()))))
    assert {"lstm", "simple_rnn", "all_right_positive"} <= found
    assert not [text for text in found if " " in text]


@pytest.mark.parametrize("path", sorted(ROOM.glob("*.py")), ids=lambda path: path.stem)
def test_analysis_writes_no_sentences(path: Path) -> None:
    tree = ast.parse(path.read_text())
    statements = (node.value for node in ast.walk(tree) if isinstance(node, ast.Expr))
    docstrings = {id(value) for value in statements if isinstance(value, ast.Constant)}
    errors = {id(part) for node in ast.walk(tree) if isinstance(node, ast.Raise) for part in ast.walk(node)}
    constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    spaced = {node.value for node in constants if id(node) not in docstrings | errors and " " in node.value}
    assert spaced <= CODES | NAMES
