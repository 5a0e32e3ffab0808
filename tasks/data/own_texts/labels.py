"""Accepted spellings of labels: 0/1, false/true, neg/pos, negative/positive, or one value that means positive."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.data.readers.batch import RowBatch
from tasks.errors import DataError
from tasks.results.data import Labels

KNOWN = {
    "0": 0, "0.0": 0, "false": 0, "neg": 0, "negative": 0,
    "1": 1, "1.0": 1, "true": 1, "pos": 1, "positive": 1,
}  # fmt: skip
_NAMES = pa.array(list(KNOWN), pa.large_string())
_VALUES = np.array(list(KNOWN.values()), np.uint8)
LONGEST_NAME = 1_000  # Characters of a label that are kept as its name.


class LabelReader:
    """Converts labels to 0 and 1, batch by batch.

    Attributes:
        column: the name of the column of labels.
        positive: the value that means positive; the other value, whatever it is, means negative. If None, the known
            pairs of names are accepted, in upper or lower case.
    """

    def __init__(self, column: str, positive: str | None = None) -> None:
        self.column = column
        self.positive = positive
        self._negative: str | None = None
        self._spellings: Counter[str] = Counter()

    def __call__(self, batch: RowBatch) -> NDArray[np.uint8]:
        """Return the labels of a batch, 0 or 1, shape (texts,).

        Raises:
            DataError: a label is missing, or belongs to a third class; the message names the file and the row.
        """
        values = pc.utf8_trim_whitespace(batch.strings(self.column))
        missing = pc.index(pc.equal(values, "").fill_null(True), True).as_py()
        if missing >= 0:
            raise DataError(f"{batch.place(missing)}: the label is missing; remove the row, or give it a label")
        return self._known(batch, values) if self.positive is None else self._chosen(batch, values)

    def names(self) -> Labels:
        """The names of the two labels in the batches so far; of several spellings, the most frequent."""
        if self.positive is not None:
            return _name(self._negative or ""), _name(self.positive)
        frequent = sorted(self._spellings, key=lambda spelling: (-self._spellings[spelling], spelling))
        negative, positive = (next((s for s in frequent if KNOWN[s.lower()] == label), "") for label in (0, 1))
        return negative, positive

    def _known(self, batch: RowBatch, values: pa.LargeStringArray) -> NDArray[np.uint8]:
        places = pc.index_in(pc.ascii_lower(values), value_set=_NAMES)
        wrong = pc.index(places.is_null(), True).as_py()
        if wrong >= 0:
            raise DataError(
                f"{batch.place(wrong)}: the label is {_short(values, wrong)}; expected 0 or 1, false or true, neg or "
                "pos, negative or positive; for classes with other names, say which is positive (--positive VALUE)"
            )
        for found in pc.value_counts(values).to_pylist():
            self._spellings[found["values"]] += found["counts"]
        labels: NDArray[np.uint8] = _VALUES[places.to_numpy()]
        return labels

    def _chosen(self, batch: RowBatch, values: pa.LargeStringArray) -> NDArray[np.uint8]:
        is_positive = pc.equal(values, self.positive)
        others = values.filter(pc.invert(is_positive))
        if self._negative is None and len(others):
            self._negative = others[0].as_py()
        third = pc.index(pc.invert(pc.is_in(values, pa.array([self.positive, self._negative]))), True).as_py()
        if third >= 0:
            raise DataError(
                f"{batch.place(third)}: the label is {_short(values, third)}, a third class besides "
                f"{self.positive!r} and {self._negative!r}; expected two classes"
            )
        labels: NDArray[np.uint8] = is_positive.to_numpy(zero_copy_only=False).astype(np.uint8)
        return labels


def _name(label: str) -> str:
    return label[:LONGEST_NAME]


def _short(values: pa.LargeStringArray, row: int) -> str:
    return repr(values[row].as_py()[:40])
