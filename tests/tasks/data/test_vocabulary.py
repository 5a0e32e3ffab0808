import json
import os
from pathlib import Path

import pytest

from tasks.data import vocabulary
from tasks.data.vocabulary import read_vocabulary, read_word_index, words_by_token, words_of, write_vocabulary
from tasks.errors import DataError


def test_tokens_become_words(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    path.write_text('{"the": 1, "film": 2}')
    assert words_of([0, 0, 1, 4, 2, 5, 99], words_by_token(path)) == ["the", "⟨unknown⟩", "film", "⟨99⟩"]


def test_without_an_index_tokens_are_shown_by_number() -> None:
    assert words_of([0, 1, 4, 2], words_by_token(None)) == ["⟨4⟩", "⟨unknown⟩"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "found a JSON list"),
        ("{}", "found a JSON dict"),
        ("not json", "not JSON"),
        ('{"a": "x"}', "entry 'a' has 'x'"),
        ('{"a": 0}', "entry 'a' has '0'"),
        ('{"a": true}', "entry 'a' has 'True'"),
        ('{"a": 2000000000}', "entry 'a' has '2000000000'; expected a rank, 1 to 10,000,000"),
        (json.dumps({"a" * 500: 1}), "expected a rank"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_faulty_index_is_named_with_what_was_found(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "index.json"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        read_word_index(path)


def test_a_large_index_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "MAX_BYTES", 3)
    (tmp_path / "index.json").write_text('{"a": 1}')
    with pytest.raises(DataError, match="at most 3"):
        read_word_index(tmp_path / "index.json")


def test_a_vocabulary_is_the_part_of_the_word_index_that_it_covers(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text('{"the": 1, "film": 6, "rare": 7}')
    write_vocabulary(tmp_path / "vocabulary.json", tmp_path / "index.json", 10)
    assert read_vocabulary(tmp_path / "vocabulary.json") == {"the": 1, "film": 6}


def test_without_a_word_index_the_vocabulary_is_empty(tmp_path: Path) -> None:
    write_vocabulary(tmp_path / "vocabulary.json", None, 10)
    assert read_vocabulary(tmp_path / "vocabulary.json") == {}
    assert words_of([4], words_by_token(tmp_path / "vocabulary.json")) == ["⟨4⟩"]


def test_a_pipe_is_named_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "index.json")
    with pytest.raises(DataError, match="found a folder, a pipe or a device"):
        read_vocabulary(tmp_path / "index.json")
