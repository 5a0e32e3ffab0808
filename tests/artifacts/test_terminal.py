from dataclasses import replace

import pytest

from artifacts.terminal import print_line, show_checks, summary
from tests.artifacts import examples


def test_the_answer_is_a_table_and_sentences() -> None:
    text = summary(examples.comparison())
    lines = text.splitlines()
    assert lines[0].startswith("SimpleRNN and LSTM on the IMDB reviews")
    assert lines[3].split() == ["SimpleRNN", "0.8200", "(0.8100", "to", "0.8300)", "0.9000", "30.0"]
    assert "One seed says nothing about the kinds of network" in text
    assert max(map(len, lines)) < 80


def test_the_bag_of_words_is_a_line_apart_and_its_sentences_follow_the_verdict() -> None:
    lines = summary(examples.with_yardstick(examples.comparison(), -0.03, -0.007)).splitlines()
    assert (lines[4].split()[0], lines[5]) == ("LSTM", "")
    assert lines[6].split() == ["bag", "of", "words", "0.8870", "(0.8770", "to", "0.8970)", "1.8"]
    said = [number for number, line in enumerate(lines) if line.startswith(("Each at its best", "A bag", "One seed"))]
    assert said == sorted(said)
    assert lines[said[1]].startswith("A bag of words")
    assert max(map(len, lines)) < 80


def test_the_answer_on_training_sizes_is_in_the_summary() -> None:
    shown = " ".join(summary(examples.with_sizes(examples.comparison(3))).split())
    assert "Twice the data would bring LSTM +0.6 points (0.2 to 1.1), if errors go on falling" in shown


def test_several_seeds_of_one_network_are_singular() -> None:
    c = examples.with_yardstick(examples.comparison(3), *[-0.02, 0.02] * 3)
    text = " ".join(summary(c).split())
    assert "LSTM (3 seeds) is right more often, by 2.0 points; SimpleRNN (3 seeds) is right less often, by" in text
    assert "So LSTM (3 seeds) uses something" in text


def test_a_long_name_wraps_and_no_number_does() -> None:
    c = examples.comparison(3)
    four = "stacked_simple_rnn"
    models = (replace(c.evidence.models[0], name=four), *c.evidence.models[1:])
    branches = tuple(replace(b, name=four) if b.name == "lstm" else b for b in c.branches)
    evaluations = tuple(replace(e, name=four) if e.name == "lstm" else e for e in c.evaluations)
    c = replace(c, branches=branches, evaluations=evaluations, evidence=replace(c.evidence, models=models))
    c = examples.with_yardstick(c, *[-0.02] * 6)
    lines = summary(c).splitlines()
    assert any(line.startswith("stack of four") and "0.8800 (0.8700 to 0.8900)" in line for line in lines)
    assert max(map(len, lines)) < 80


def test_markup_of_a_terminal_is_shown_as_text() -> None:
    from dataclasses import replace

    c = examples.comparison()
    source = replace(c.dataset.source, path=c.dataset.source.path.with_name("[red]x.npz"))
    text = summary(replace(c, dataset=replace(c.dataset, imdb=False, source=source)))
    assert "[red]x.npz" in text


def test_data_do_not_control_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_line("\x1b]0;title\x07 \u202egnp.exe \x9b31m\tend")
    show_checks([("ok", "data", "\x1b[2J\x07[red]x", "")])
    printed = capsys.readouterr().out
    assert not set(printed) & set("\x1b\x07\x9b\u202e")
    assert "[red]x" in printed
    assert "\tend" in printed.expandtabs(1).replace(" end", "\tend")
