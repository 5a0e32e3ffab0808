"""Converts labels to 0 and 1: known pairs of names, or what `--positive` names against all others."""

import shlex
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.data.readers.batch import RowBatch, Spellings
from tasks.data.readers.label_values import Bound, bound_of, label_key, label_number
from tasks.errors import DataError
from tasks.results.data import Labels

# The known pairs: 0/1, false/true, neg/pos, negative/positive, which have the same keys; and -1/1, but without 0.
_KNOWN = {"0": 0, "-1": 0, "1": 1}
LONGEST_NAME = 1_000  # Characters of a label that are kept as its name.
_MOST_SPELLINGS = 1_000  # A column of texts has millions; these are enough for names and messages.
_SHOWN, _SHOWN_LENGTH = 6, 40
OTHERS = "other"


class LabelReader:
    """Converts labels to 0 and 1, batch by batch.

    Attributes:
        positive: the labels, or the bounds on numbers, that mean positive. With one label, the other one, whatever it
            is, means negative; with several or a bound, all others do. Without any, the known pairs are accepted.
        drop: the labels whose rows the readers leave out.
        dropped: how many rows were left out for each of them.
    """

    def __init__(self, column: str, positive: Sequence[str] = (), drop: Sequence[str] = ()) -> None:
        self.positive, self.drop = positive, drop
        self.dropped: Counter[str] = Counter(dict.fromkeys(drop, 0))
        self._column = column
        self._bounds = {value: bound for value in positive if (bound := bound_of(value)) is not None}
        self._keys = {label_key(value): value for value in positive if value not in self._bounds}
        self._has_many = len(positive) > 1 or bool(self._bounds)
        self._others: set[str] = set()  # Two keys of other labels are enough to know that there are several.
        self._seen: set[str] = set()  # What of `positive` there was; without any, the keys.
        self._spellings: Counter[str] = Counter()

    def __call__(self, batch: RowBatch) -> NDArray[np.uint8]:
        """Return the labels of a batch, 0 or 1, shape (texts,).

        Raises:
            DataError: a label is missing, or belongs to a third class; the message names the file and the row.
        """
        self.dropped.update(batch.dropped)
        spellings = Spellings.of(batch.strings(self._column))
        for text, count in zip(spellings.texts, spellings.counts().tolist(), strict=True):
            if text in self._spellings or len(self._spellings) < _MOST_SPELLINGS:
                self._spellings[text] += count
        results = [self._label(text) for text in spellings.texts]
        is_fault = np.array([isinstance(result, str) for result in results], bool)
        if is_fault.any():
            row = int(np.argmax(is_fault[spellings.places]))
            raise DataError(f"{batch.place(row)}: the label is {results[spellings.places[row]]}")
        labels: NDArray[np.uint8] = np.array(results, np.uint8)[spellings.places]
        return labels

    def names(self) -> Labels:
        """The names of the two labels in the batches so far; of several spellings, the most frequent.

        Raises:
            DataError: no row has a label of `drop`, or none has one of `positive`.
        """
        for value in self.drop:
            if not self.dropped[value]:
                raise DataError(f"--drop {shlex.quote(value)}: no row has this label; {self._found()}")
        for value in self.positive:
            if self._spellings and value not in self._seen:
                raise DataError(f"--positive {shlex.quote(value)}: no row has such a label; {self._found()}")
        positive = ", ".join(self.positive) if self._has_many else self._frequent(1)
        negative = self._frequent(0)
        if len(self._others) > 1:
            bounds: list[Bound] = list(self._bounds.values())
            negative = bounds[0].opposite() if len(self.positive) == 1 else OTHERS
        return negative[:LONGEST_NAME], positive[:LONGEST_NAME]

    def _label(self, text: str) -> int | str:
        """The label of a spelling, or what is wrong with it."""
        if not text:
            return "missing; remove the row, give it a label, or leave such rows out with --drop ''"
        key = label_key(text)
        if not self.positive:
            return self._known(text, key)
        if key in self._keys:
            self._seen.add(self._keys[key])
            return 1
        if self._bounds:
            number = label_number(text)
            if number is None:
                bounds = " ".join(map(shlex.quote, self._bounds))
                return f"{_short(text)}, not a number, for --positive {bounds}; {_drop(text)} leaves it out"
            fitting = [value for value, bound in self._bounds.items() if bound.fits(number)]
            self._seen.update(fitting)
            if fitting:
                return 1
        if not self._others or self._has_many or key in self._others:
            if len(self._others) < 2:
                self._others.add(key)
            return 0
        other = next((each for each in self._spellings if label_key(each) in self._others), "")
        return (
            f"{_short(text)}, a third class besides {_short(self.positive[0])} and {_short(other)}; "
            f"{self._found()}; leave rows out, such as with {_drop(text)}, or give "
            "--positive all labels that mean positive, and the others mean negative"
        )

    def _known(self, text: str, key: str) -> int | str:
        if key not in _KNOWN:
            return (
                f"{_short(text)}; {self._found()}; expected 0 or 1, -1 or 1, false or true, neg or pos, negative or "
                "positive; for classes with other names, say which is positive (--positive VALUE), and which to leave "
                "out (--drop VALUE)"
            )
        self._seen.add(key)
        if {"-1", "0"} <= self._seen:
            return (
                f"{_short(text)}, but there are both -1 and 0; {self._found()}; if -1 means unlabelled, leave these "
                "rows out with --drop -1"
            )
        return _KNOWN[key]

    def _frequent(self, label: int) -> str:
        """The most frequent spelling of a label; "" if there is none."""
        frequent = sorted(self._spellings, key=lambda text: (-self._spellings[text], text))
        return next((text for text in frequent if self._label(text) == label), "")

    def _found(self) -> str:
        """The most frequent labels so far, with their numbers of rows."""
        shown = [f"{_short(text)} ({count:,})" for text, count in self._spellings.most_common(_SHOWN)]
        more = len(self._spellings) - len(shown)
        return f"the labels so far: {', '.join(shown) or 'none'}" + (f" and {more:,} more" if more else "")


def _short(text: str) -> str:
    return repr(text[:_SHOWN_LENGTH])


def _drop(text: str) -> str:
    """The option that leaves out rows with a label."""
    return f"--drop{'=' if text.startswith('-') else ' '}{shlex.quote(text[:_SHOWN_LENGTH])}"
