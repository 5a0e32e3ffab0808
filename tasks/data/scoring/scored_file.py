"""Scores of rows: kept batch by batch, so that interrupted scoring can resume, and joined with their rows in a file."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tasks.data.readers.batch import RowBatch
from tasks.data.readers.columns import fitted
from tasks.data.readers.inputs import Input, read_scorable
from tasks.data.scoring.output import NEW_COLUMNS, new_names, reject_writer, row_writer
from tasks.errors import DataError
from tasks.results.scoring import Scoring
from tasks.storage.files import atomic_path, write_bytes

CHECKSUM = b"sha256"


@dataclass(frozen=True)
class ScoredPart:
    """Scores of a batch, each of shape (rows,).

    Attributes:
        probability: float32, probability of "positive".
        tokens: int32, number of tokens before truncation, including the start token.
        words: int64, number of words.
        unknown: int64, number of words missing from the vocabulary.
        truncated: bool, whether the text has more tokens than the network reads.
    """

    probability: NDArray[np.float32]
    tokens: NDArray[np.int32]
    words: NDArray[np.int64]
    unknown: NDArray[np.int64]
    truncated: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.probability)

    def columns(self, scoring: Scoring) -> list[pa.Array]:
        """Return the output's new columns, in the order of `NEW_COLUMNS`."""
        names = np.array(scoring.labels, object)
        return [
            pa.array(self.probability),
            pa.array(names[(self.probability > scoring.threshold).astype(int)], pa.string()),
            pa.array(self.tokens),
            pa.array((self.unknown / self.words).astype(np.float32)),
            pa.array(self.truncated),
            pa.array([scoring.model] * len(self), pa.string()),
        ]


def write_part(path: Path, part: ScoredPart) -> None:
    """Write a batch's scores atomically."""
    table = pa.table(vars(part)).replace_schema_metadata({CHECKSUM: _checksum(part)})
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_part(path: Path) -> ScoredPart | None:
    """Read the scores that `write_part` wrote; None if they are missing or damaged."""
    try:
        table = pq.read_table(path)
        part = ScoredPart(**{name: table[name].to_numpy() for name in ScoredPart.__dataclass_fields__})
    except (OSError, pa.ArrowException, KeyError):
        return None
    return part if (table.schema.metadata or {}).get(CHECKSUM) == _checksum(part) else None


def _checksum(part: ScoredPart) -> bytes:
    """SHA-256 of the columns, because Parquet reads damaged numbers without an error."""
    digest = hashlib.sha256()
    for column in vars(part).values():
        digest.update(column.dtype.str.encode() + column.tobytes())
    return digest.hexdigest().encode()


CHANGED = "the files have changed since they were scored; run the same command again"


class ScoredRows(NamedTuple):
    """Rows to read again, and their scores.

    Attributes:
        inputs, text_column: what to read.
        columns: all input columns.
        scoring: the scores.
    """

    inputs: Sequence[Input]
    text_column: str
    columns: pa.Schema
    scoring: Scoring


def write_columns(path: Path, columns: pa.Schema) -> None:
    """Write the input columns atomically."""
    write_bytes(path, pa.schema(list(columns)).serialize().to_pybytes())


def read_columns(path: Path) -> pa.Schema:
    """Read the columns that `write_columns` wrote."""
    return pa.ipc.read_schema(pa.py_buffer(path.read_bytes()))


def write_rejected_rows(rows: ScoredRows, rejects: Path) -> None:
    """Write only the rows without scores, each with the reason."""
    with reject_writer(rejects) as write_rejects:
        for batch in read_scorable(rows.inputs, rows.text_column, rows.scoring.word_rules):
            write_rejects(batch.rejects)


def write_scored_rows(rows: ScoredRows, output: Path, rejects: Path, advance: Callable[[int], None]) -> tuple[str, ...]:
    """Write the rows with scores to one file, and the others, each with the reason, to another.

    Args:
        rows: the rows to read again, and their scores.
        output: the file for the input columns and the new ones.
        rejects: the file for the rows without scores.
        advance: called with each batch's size in bytes.

    Returns:
        the names of the new columns, in the order of `NEW_COLUMNS`.

    Raises:
        DataError: the files have changed, or the output's file type cannot store a column.
    """
    names = new_names(rows.columns, tuple(NEW_COLUMNS))
    new_fields = [pa.field(name, kind) for name, kind in zip(names, NEW_COLUMNS.values(), strict=True)]
    schema = pa.schema([*rows.columns, *new_fields])
    with row_writer(output, schema) as write_rows, reject_writer(rejects) as write_rejects:
        for batch, part in _joined(rows):
            arrays = [*fitted(batch.columns, rows.columns), *part.columns(rows.scoring)]
            write_rows(pa.RecordBatch.from_arrays(arrays, schema=schema))
            write_rejects(batch.rejects)
            advance(batch.size)
    return tuple(names)


def _joined(rows: ScoredRows) -> Iterator[tuple[RowBatch, ScoredPart]]:
    """Yield all batches with their scores.

    Raises:
        DataError: the rows in the files are not the ones that were scored.
    """
    paths = iter(rows.scoring.parts)
    for batch in read_scorable(rows.inputs, rows.text_column, rows.scoring.word_rules):
        path = next(paths, None)
        part = read_part(path) if path else None
        if part is None or len(part) != len(batch):
            raise DataError(f"{batch.file}: {CHANGED}")
        yield batch, part
    if next(paths, None) is not None:
        raise DataError(f"{rows.inputs[-1].path}: {CHANGED}")
