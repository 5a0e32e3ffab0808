"""New texts in a network's tokens."""

import json
from pathlib import Path

import pytest

from tasks.data.imdb_npz import write_imdb_npz
from tasks.data.new_texts import read_npz, read_texts
from tasks.data.tokenizer import Tokenizer
from tasks.errors import DataError
from tasks.results.data import IMDB_RULES
from tasks.storage.files import write_json
from tests.conftest import make_reviews

INDEX = {"the": 1, "film": 2, "café": 3, "rare": 9}
VOCABULARY, LENGTH = 7, 5


def test_ranks_become_the_networks_by_their_words(tmp_path: Path) -> None:
    write_imdb_npz(tmp_path / "imdb.npz", make_reviews([[1], [1]], [0, 1]), make_reviews([[1, 2, 3], [4] * 9], [0, 1]))
    write_json(tmp_path / "index.json", {"film": 1, "unheard": 2, "the": 3, "rare": 4})
    new = read_npz(tmp_path / "imdb.npz", tmp_path / "index.json", INDEX, VOCABULARY, LENGTH)
    assert new.tokens.padded().tolist() == [[0, 1, 5, 2, 4], [2] * 5]
    assert new.lengths.tolist() == [4, 10]


def test_without_a_word_index_ranks_are_the_networks(tmp_path: Path) -> None:
    write_imdb_npz(tmp_path / "imdb.npz", make_reviews([[1], [1]], [0, 1]), make_reviews([[1, 2, 9], [3]], [0, 1]))
    new = read_npz(tmp_path / "imdb.npz", None, {}, VOCABULARY, LENGTH)
    assert new.tokens.padded().tolist() == [[0, 1, 4, 5, 2], [0, 0, 0, 1, 6]]


@pytest.mark.parametrize("column", ["text", "review"])
def test_texts_without_labels(tmp_path: Path, column: str) -> None:
    (tmp_path / "a.csv").write_text(f'id,{column}\n1,"The film,\nthe unheard café"\n2,!\n')
    new = read_texts(tmp_path / "a.csv", column, Tokenizer(INDEX, IMDB_RULES), VOCABULARY, LENGTH)
    assert new.tokens.padded().tolist() == [[4, 5, 4, 2, 6], [0, 0, 0, 0, 1]]
    assert new.lengths.tolist() == [6, 1]
    (tmp_path / "b.jsonl").write_text(json.dumps({column: "film rare"}) + "\n")
    assert read_texts(
        tmp_path / "b.jsonl", column, Tokenizer(INDEX, IMDB_RULES), VOCABULARY, LENGTH
    ).tokens.padded().tolist() == [[0, 0, 1, 5, 2]]


def test_texts_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,name\n1,b\n")
    with pytest.raises(DataError, match="no column 'text', found 'id', 'name'"):
        read_texts(tmp_path / "a.csv", "text", Tokenizer(INDEX, IMDB_RULES), VOCABULARY, LENGTH)
    with pytest.raises(DataError, match=r"^/.*none\.csv: no such file"):
        read_texts(tmp_path / "none.csv", "text", Tokenizer(INDEX, IMDB_RULES), VOCABULARY, LENGTH)
