from artifacts.terminal import summary
from tests.artifacts import examples


def test_the_answer_is_a_table_and_sentences() -> None:
    text = summary(examples.comparison())
    lines = text.splitlines()
    assert lines[0].startswith("simple_rnn and lstm on the IMDB reviews")
    assert lines[2].split() == ["lstm", "0.8800", "(0.8300", "to", "0.9300)", "1", "0.9000", "30.0"]
    assert "One seed says nothing about the kinds of network" in text
    assert max(map(len, lines)) <= 100


def test_markup_of_a_terminal_is_shown_as_text() -> None:
    from dataclasses import replace

    c = examples.comparison()
    source = replace(c.dataset.source, path=c.dataset.source.path.with_name("[red]x.npz"))
    text = summary(replace(c, dataset=replace(c.dataset, imdb=False, source=source)))
    assert "[red]x.npz" in text
