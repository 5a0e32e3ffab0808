import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import artifacts
from artifacts.markup import html_spans, markdown_spans
from artifacts.terminal import summary
from artifacts.wording import report as wording
from tasks.results.comparison import Comparison
from tasks.results.data import Survey, TextData
from tests.artifacts import examples

ROOM = Path(artifacts.__file__).parent
SENTENCE = re.compile(r"\w+ \w+ \w+.*[.!]\s*$", re.DOTALL)


@pytest.fixture
def c() -> Comparison:
    """Two models with a seed each."""
    return examples.comparison()


def test_the_title_names_models_and_data(c: Comparison) -> None:
    assert wording.title(c) == "SimpleRNN and LSTM on the IMDB reviews"


def test_only_the_sample_is_warned_of(c: Comparison) -> None:
    assert wording.warnings(c) == []
    sample = replace(c.dataset, source=replace(c.dataset.source, kind="sample"))
    assert "made-up reviews" in wording.warnings(replace(c, dataset=sample))[0]


def test_serious_faults_of_the_data_and_what_was_made_again_are_said() -> None:
    c = examples.comparison()
    faults = {"repeated": 1, "shared": 3, "alike": 3, "contradicting": 20}
    survey = Survey(Path("reviews"), "", Path("words"), "", "", train=800, test=200, **faults)
    source = replace(c.dataset.source, survey=survey)
    c = replace(c, dataset=replace(c.dataset, source=source), notes=("train LSTM seed 1: made again.",))
    (warning,) = wording.warnings(c)
    assert warning == (
        "The data: 3 of 200 test reviews have the text of a training review; 20 of 1,000 reviews have a text that "
        "occurs with both labels."
    )
    words = " ".join(summary(c).split())
    assert all(sentence in words for sentence in (warning, *c.notes))


def test_what_drop_left_out_is_said() -> None:
    c = examples.comparison()
    assert wording.dropped(c) is None
    survey = Survey(Path("reviews"), "", Path("words"), "", "", 800, 200, 0, 0, dropped={"neutral": 2, "": 1})
    c = replace(c, dataset=replace(c.dataset, source=replace(c.dataset.source, survey=survey)))
    assert wording.dropped(c) == "Left out by --drop: 2 rows labelled “neutral” and 1 row without a label."


def test_how_pairs_are_compared() -> None:
    one, three = examples.comparison(), examples.comparison(3)
    assert "speaks of these trained networks only" in wording.about_pairs(one)
    assert "covers seeds and reviews together" in wording.about_pairs(three)
    assert "too few for a test" in wording.about_pairs(examples.comparison(2))
    many = replace(one, evidence=replace(one.evidence, pairs=(examples.pair(),) * 3))
    assert "p is corrected for 3 comparisons (Holm)" in wording.about_pairs(many)


def test_the_best_and_the_last_model_are_named_in_reasons(c: Comparison) -> None:
    assert wording.trace(c, c.evidence.traces[0]) == "LSTM is right, SimpleRNN is wrong: review 7, label: positive"
    assert wording.reason(c, "only_last_right") == "SimpleRNN is right, LSTM is wrong"


def test_a_review_in_a_line(c: Comparison) -> None:
    review = c.evidence.disagreements[0]
    assert wording.review(c, review, "lstm") == "Review 7, label: positive; probability of “positive”: LSTM 0.913"
    own = replace(c, dataset=replace(c.dataset, labels=("schlecht", "gut")))
    assert wording.review(own, review, "lstm") == "Review 7, label: gut; probability of “gut”: LSTM 0.913"
    hostile = replace(c, dataset=replace(c.dataset, labels=("<script>", "*b*")))
    assert '<i class="q0">&lt;script&gt;</i>' in html_spans(wording.legend(hostile))
    assert "“\\*b\\*”" in markdown_spans(wording.legend(hostile))


def test_counts_agree_with_their_nouns(c: Comparison) -> None:
    assert wording.training(c.branches[0]) == "Trained by compiled loops, 2 threads at the start."
    assert wording.training(replace(c.branches[0], threads=1)).endswith("1 thread at the start.")
    assert wording.mistakes("lstm", 1) == "LSTM: 1 review"


def test_seeds_are_named_where_there_are_several() -> None:
    assert "1.2e-07 (SimpleRNN) and 1.2e-07 (LSTM)." in wording.textbook_check(examples.comparison())
    assert "1.2e-07 (LSTM seed 2)" in wording.textbook_check(examples.comparison(2))


def texts(path: Path) -> Iterator[str]:
    """Every text of a module that is no docstring."""
    tree = ast.parse(path.read_text())
    statements = (node.value for node in ast.walk(tree) if isinstance(node, ast.Expr))
    docstrings = {id(value) for value in statements if isinstance(value, ast.Constant)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


@pytest.mark.parametrize("path", sorted(ROOM.rglob("*.py")), ids=lambda path: path.stem)
def test_sentences_are_in_wording_and_in_what_commands_print_only(path: Path) -> None:
    sentences = [text for text in texts(path) if SENTENCE.search(text)]
    assert bool(sentences) <= ("wording" in path.parts or path.stem == "terminal"), sentences


@pytest.mark.parametrize("name", ["report.md.j2", "report.html.j2"])
def test_templates_hold_no_words(name: str) -> None:
    template = (ROOM / "templates" / name).read_text()
    text = re.sub(r"\{%.*?%\}|\{\{.*?\}\}|<[^>]*>", " ", template, flags=re.DOTALL)
    assert not re.findall(r"[A-Za-z]{2,}", text)


def test_the_report_names_tokenizer_and_vocabulary(c: Comparison) -> None:
    assert wording.tokenizer(c) == "Word rules imdb, version 1; vocabulary of 50 tokens: ranks without words."
    indexed = replace(c.dataset, word_index_sha256="abcdef0123")
    assert "Keras's IMDB word index" in wording.tokenizer(replace(c, dataset=indexed))
    sample = replace(indexed, source=replace(indexed.source, kind="sample"))
    assert "the words that the sample is made of" in wording.tokenizer(replace(c, dataset=sample))
    texts = replace(indexed, source=replace(indexed.source, kind="texts", texts=TextData((Path("a.csv"),))))
    assert "training texts, by frequency (SHA-256 abcdef01)" in wording.tokenizer(replace(c, dataset=texts))
