from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tasks.data.readers.batch import Columns, Reject, RowBatch
from tasks.errors import DataError


def strings(*values: bytes | None) -> pa.Array:
    """A column of strings whose encoding is not checked."""
    return pa.Array.from_buffers(pa.string(), len(values), pa.array(values, pa.binary()).buffers())


def test_rows_with_a_string_that_is_not_utf8_are_rejected_and_the_column_is_named() -> None:
    columns = pa.record_batch(
        {
            "text": strings(b"good", b"b\xe4d", b"fine", None),
            "note": strings(b"\xff", b"\xff", b"c", None),
            "stars": pa.array([1, 2, 3, 4]),
        }
    )
    batch = RowBatch("reviews.csv", columns, np.array([7, 8, 9, 10]), (), 60)
    valid = batch.without_invalid_utf8(Columns.of_texts("text", keep_others=True))
    assert valid.rows.tolist() == [9, 10]
    assert valid.columns["stars"].to_pylist() == [3, 4]
    assert valid.rejects == (
        Reject("reviews.csv", 7, "column 'note' is not UTF-8; save the file as such"),
        Reject("reviews.csv", 8, "the text is not UTF-8; save the file as such"),
    )


def test_rejects_are_in_the_order_of_their_rows() -> None:
    texts = pa.record_batch({"text": pa.array(["a", "b", "c"])})
    batch = RowBatch("r.csv", texts, np.array([2, 4, 5]), (Reject("r.csv", 3, "short"),), 9)
    fewer = batch.without(np.array([True, False, True]), "bad")
    assert [(reject.row, reject.reason) for reject in fewer.rejects] == [(2, "bad"), (3, "short"), (5, "bad")]
    assert (fewer.rows.tolist(), fewer.strings("text").to_pylist()) == ([4], ["b"])
    with pytest.raises(DataError, match=r"^r\.csv, row 2: bad$"):
        fewer.check_no_rejects()


def test_a_row_of_a_folder_is_named_by_its_file() -> None:
    texts = pa.record_batch({"text": pa.array(["a", "b"])})
    batch = RowBatch("t", texts, np.array([1, 1]), (), 9, ("t/a.txt", "t/b.txt"))
    assert [batch.place(0), batch.place(1)] == ["t/a.txt", "t/b.txt"]
    fewer = batch.without(np.array([True, False]), "bad")
    assert (fewer.paths, fewer.rejects) == (("t/b.txt",), (Reject("t/a.txt", 1, "bad"),))


class Name(str):
    """A name that counts how often any name is compared."""

    compared = 0
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        Name.compared += 1
        return str.__eq__(self, other)


def test_many_columns_are_not_compared_with_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Name, "compared", 0)
    names = [Name(f"c{number}") for number in range(5_000)]
    Columns.of_texts("c7", keep_others=True).check(Path("r.csv"), names)
    assert Name.compared < 10 * len(names)
    with pytest.raises(DataError, match="2 columns are called 'c9'; expected different names"):
        Columns.of_texts("c7", keep_others=True).check(Path("r.csv"), [*names, Name("c9")])
