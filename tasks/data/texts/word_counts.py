"""How often each word occurs, counted in pieces and merged; and the word index that follows from it."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.data.tokenizer import split_words
from tasks.data.vocabulary import MAX_BYTES, MAX_WORD
from tasks.results.errors import DataError
from tasks.storage.files import atomic_path

# The largest vocabulary that can be asked for. Rarer words are skipped, as are longer ones: they are no words.
MAX_WORDS = 1_000_000
_MERGED_PIECES = 16
_BYTES_PER_ENTRY = 16  # Of the word index as JSON, the word left out.


def count_words(texts: pa.LargeStringArray) -> pa.Table:
    """Columns word and count: each word of the texts once."""
    counts = pc.value_counts(split_words(texts).words)
    table = pa.table({"word": counts.field("values"), "count": counts.field("counts")})
    return table.filter(pc.less_equal(pc.utf8_length(table["word"]), MAX_WORD))


class WordCounts:
    """Counts of pieces, merged from time to time."""

    def __init__(self) -> None:
        self._pieces: list[pa.Table] = []

    def add(self, counts: pa.Table) -> None:
        """Add the counts of a piece."""
        self._pieces.append(counts)
        if len(self._pieces) >= _MERGED_PIECES:
            self._pieces = [self._merged()]

    def ranked(self) -> pa.Table:
        """The words by frequency, the most frequent first; equally frequent ones by their UTF-8 bytes."""
        order = [("count", "descending"), ("word", "ascending")]
        ranked = self._merged().sort_by(order).slice(0, MAX_WORDS)
        bytes_so_far = pc.cumulative_sum(pc.add(pc.binary_length(ranked["word"]), _BYTES_PER_ENTRY))
        return ranked.filter(pc.less_equal(bytes_so_far, MAX_BYTES // 2))

    def _merged(self) -> pa.Table:
        if not self._pieces:
            return count_words(pa.array([], pa.large_string()))
        sums = pa.concat_tables(self._pieces).group_by("word").aggregate([("count", "sum")])
        return sums.rename_columns({"count_sum": "count"}).select(["word", "count"])


def write_ranked(path: Path, ranked: pa.Table) -> None:
    """Keep ranked words, atomically."""
    with atomic_path(path) as temporary:
        pq.write_table(ranked, temporary, compression="zstd")


def read_index(path: Path) -> dict[str, int]:
    """Word -> rank, of the words that `write_ranked` kept.

    Raises:
        DataError: there are none.
    """
    words = pq.read_table(path, columns=["word"])["word"].to_pylist()
    if not words:
        raise DataError("the training texts hold no word; expected reviews")
    return {word: rank for rank, word in enumerate(words, start=1)}
