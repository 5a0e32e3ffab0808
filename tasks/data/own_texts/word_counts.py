"""The words of the training part of own texts, with their counts: what their vocabulary is made of."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.data.vocabulary import MAX_BYTES, MAX_WORD
from tasks.errors import DataError
from tasks.storage.files import atomic_path

# The largest vocabulary that can be requested. Rarer words are skipped, as are overlong ones, which are not real words.
MAX_WORDS = 1_000_000
_MERGED_PIECES = 16
_BYTES_PER_ENTRY = 16  # Allowed for each entry of the word index as JSON, excluding the word.


def count_words(words: pa.LargeStringArray) -> pa.Table:
    """Count each distinct word; return the columns `word` and `count`."""
    counts = pc.value_counts(words)
    table = pa.table({"word": counts.field("values"), "count": counts.field("counts")})
    return table.filter(pc.less_equal(pc.utf8_length(table["word"]), MAX_WORD))


class WordCounts:
    """Accumulates the word counts of pieces, merging them from time to time."""

    def __init__(self) -> None:
        self._pieces: list[pa.Table] = []

    def add(self, counts: pa.Table) -> None:
        """Add the counts of a piece."""
        self._pieces.append(counts)
        if len(self._pieces) >= _MERGED_PIECES:
            self._pieces = [self._merged()]

    def ranked(self) -> pa.Table:
        """Return the words, most frequent first; equally frequent ones are sorted by their UTF-8 bytes."""
        order = [("count", "descending"), ("word", "ascending")]
        merged = self._merged()
        ranked = merged.filter(pc.greater(merged["count"], 0)).sort_by(order).slice(0, MAX_WORDS)
        bytes_so_far = pc.cumulative_sum(pc.add(pc.binary_length(ranked["word"]), _BYTES_PER_ENTRY))
        return ranked.filter(pc.less_equal(bytes_so_far, MAX_BYTES // 2))

    def remove(self, counts: pa.Table) -> None:
        """Take back counts that were added."""
        self.add(counts.set_column(1, "count", pc.negate(counts["count"])))

    def _merged(self) -> pa.Table:
        if not self._pieces:
            return pa.table({"word": pa.array([], pa.large_string()), "count": pa.array([], pa.int64())})
        sums = pa.concat_tables(self._pieces).group_by("word").aggregate([("count", "sum")])
        return sums.rename_columns({"count_sum": "count"}).select(["word", "count"])


def write_ranked(path: Path, ranked: pa.Table) -> None:
    """Write ranked words atomically."""
    with atomic_path(path) as temporary:
        pq.write_table(ranked, temporary, compression="zstd")


def read_index(path: Path) -> dict[str, int]:
    """Read the words that `write_ranked` wrote, as word -> rank.

    Raises:
        DataError: there are no words.
    """
    words = pq.read_table(path, columns=["word"])["word"].to_pylist()
    if not words:
        raise DataError("the training texts contain no words; expected reviews")
    return {word: rank for rank, word in enumerate(words, start=1)}
