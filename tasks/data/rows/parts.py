"""Scores of a batch of rows on disk: what a scoring that was killed need not compute again."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tasks.results.scoring import THRESHOLD
from tasks.storage.files import atomic_path

# What scoring adds to the columns of its input.
NEW_COLUMNS = {
    "probability": pa.float32(),
    "label": pa.string(),
    "tokens": pa.int32(),
    "unknown_share": pa.float32(),
    "truncated": pa.bool_(),
    "model": pa.string(),
}
CHECKSUM = b"sha256"
LABELS = np.array(["negative", "positive"])


@dataclass(frozen=True)
class Part:
    """Scores of a batch, each of shape (rows,).

    Attributes:
        probability: float32, of "positive".
        tokens: int32, of the text before truncation, the start token included.
        words: int64, of the text.
        unknown: int64, those of them that the vocabulary lacks.
        truncated: bool, whether the text is longer than the network reads.
    """

    probability: NDArray[np.float32]
    tokens: NDArray[np.int32]
    words: NDArray[np.int64]
    unknown: NDArray[np.int64]
    truncated: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.probability)

    def columns(self, model: str) -> list[pa.Array]:
        """The new columns of an output, in the order of `NEW_COLUMNS`."""
        return [
            pa.array(self.probability),
            pa.array(LABELS[(self.probability > THRESHOLD).astype(int)], pa.string()),
            pa.array(self.tokens),
            pa.array((self.unknown / self.words).astype(np.float32)),
            pa.array(self.truncated),
            pa.array([model] * len(self), pa.string()),
        ]


def write_part(path: Path, part: Part) -> None:
    """Keep the scores of a batch, atomically."""
    table = pa.table(vars(part)).replace_schema_metadata({CHECKSUM: _checksum(part)})
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_part(path: Path) -> Part | None:
    """The scores that `write_part` kept; None if there are none, or they are damaged."""
    try:
        table = pq.read_table(path)
        part = Part(**{name: table[name].to_numpy() for name in Part.__dataclass_fields__})
    except (OSError, pa.ArrowException, KeyError):
        return None
    return part if (table.schema.metadata or {}).get(CHECKSUM) == _checksum(part) else None


def _checksum(part: Part) -> bytes:
    """SHA-256 of the columns: Parquet reads damaged numbers as others without a word."""
    digest = hashlib.sha256()
    for column in vars(part).values():
        digest.update(column.dtype.str.encode() + column.tobytes())
    return digest.hexdigest().encode()
