"""Vocabularies: words with their ranks, as in Keras's word index, and conversion from tokens to words."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from tasks.data.tokens import OFFSET, PAD, START, UNKNOWN
from tasks.errors import DataError
from tasks.storage.files import check_regular, write_json

MAX_BYTES = 64 << 20
MAX_WORD = 200
MAX_RANK = 10_000_000  # More words than MAX_BYTES can hold; tables of words by rank are at most this long.
UNKNOWN_WORD = "⟨unknown⟩"


def read_word_index(path: Path) -> dict[str, int]:
    """Read word -> rank (1 = most frequent) from a file like Keras's `imdb_word_index.json`.

    Raises:
        DataError: the file is missing, empty, larger than 64 MiB, or not a JSON object of words and positive integers.
    """
    index = read_vocabulary(path)
    if not index:
        raise DataError(f"{path}: found a JSON dict without entries; expected an object of words with their ranks")
    return index


def read_vocabulary(path: Path) -> dict[str, int]:
    """Read word -> rank as `write_vocabulary` wrote it; empty if the data came without a word index.

    Raises:
        DataError: see `read_word_index`, but an empty vocabulary is accepted.
    """
    try:
        check_regular(path, str(path))
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise DataError(f"{path}: {size} bytes; expected a word index of at most {MAX_BYTES} bytes")
        index = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; give the path of an imdb_word_index.json") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON ({str(error)[:80]}); expected words with their ranks") from error
    if not isinstance(index, dict):
        raise DataError(f"{path}: found a JSON {type(index).__name__}; expected an object of words with their ranks")
    for word, rank in index.items():
        is_rank = isinstance(rank, int) and not isinstance(rank, bool) and 1 <= rank <= MAX_RANK
        if not is_rank or len(word) > MAX_WORD:
            raise DataError(f"{path}: entry {word[:40]!r} has {str(rank)[:40]!r}; expected a rank, 1 to {MAX_RANK:,}")
    return index


def words_by_token(path: Path | None) -> dict[int, str]:
    """Return token -> word, with "⟨unknown⟩" for unknown words; without a vocabulary, that is the only entry.

    Raises:
        DataError: see `read_vocabulary`.
    """
    index = read_vocabulary(path) if path else {}
    return {rank + OFFSET: word for word, rank in index.items()} | {UNKNOWN: UNKNOWN_WORD}


def words_of(tokens: Iterable[int], by_token: Mapping[int, str]) -> list[str]:
    """Return a prepared review's words, without padding or start token; a token without a word becomes "⟨token⟩"."""
    return [by_token.get(token, f"⟨{token}⟩") for token in tokens if token not in (PAD, START)]


def write_vocabulary(path: Path, word_index: Path | None, vocabulary_size: int) -> None:
    """Write the part of a word index that a vocabulary covers, or an empty vocabulary if there is no word index.

    Raises:
        DataError: see `read_word_index`.
    """
    index = read_word_index(word_index) if word_index else {}
    write_json(path, {word: rank for word, rank in index.items() if rank + OFFSET < vocabulary_size})
