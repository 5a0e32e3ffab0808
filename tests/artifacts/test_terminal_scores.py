"""What the command `score` prints."""

from dataclasses import replace
from pathlib import Path

import pytest

from artifacts.terminal import show_scores, show_text
from tasks.results.scoring import ReadText, ReadWord, Written
from tests.artifacts.wording.test_scoring import NETWORK, SCORING

READ = ReadText(
    "LSTM seed 1",
    "abc",
    (
        ReadWord("old", None, True),
        ReadWord("[red]zz\x1b[2J", 0.5, False),
        ReadWord("bad", 0.1, True),
        ReadWord("fine", 0.7, True),
    ),
    1,
    0.7,
)


def test_a_sentence_is_plain_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    show_text(READ, NETWORK)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == ["       old", "0.500  [red]zz [2J  (unknown)", "0.100  bad", "0.700  fine"]
    assert lines[4].startswith("positive, with probability 0.700, by LSTM seed 1 of run")
    assert "\x1b" not in "".join(lines)


def test_a_sentence_is_coloured_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "")
    monkeypatch.delenv("NO_COLOR", raising=False)
    show_text(READ, NETWORK)
    lines = capsys.readouterr().out.splitlines()
    assert "38;5;208" in lines[2]
    assert "38;5;33" in lines[3]
    assert "38;5" not in lines[1]
    assert "zz [2J" in lines[1]


def test_a_toy_network_is_warned_of_below_its_answer(capsys: pytest.CaptureFixture[str]) -> None:
    show_text(READ, replace(NETWORK, toy="smoke"))
    assert capsys.readouterr().out.splitlines()[-1].startswith("A smoke run trained this network, hardly at all")


def test_scores_are_shown_with_their_places(capsys: pytest.CaptureFixture[str]) -> None:
    show_scores(SCORING, NETWORK, Written(Path("o.csv"), "0", Path("o.rejects.csv"), "1", ("label_scored",)))
    printed = capsys.readouterr().out
    assert "0.0 to 0.1" in printed
    assert "the new ones are called label_scored." in printed
    assert printed.splitlines()[-2:] == ["Scores: o.csv", "Rows without scores: o.rejects.csv"]
    show_scores(SCORING, NETWORK, Written(Path("o.csv"), "0", None, None, ()))
    printed = capsys.readouterr().out
    assert printed.splitlines()[-1] == "Scores: o.csv"
    assert "label_scored" not in printed
