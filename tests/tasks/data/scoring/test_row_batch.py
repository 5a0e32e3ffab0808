import numpy as np
import pyarrow as pa

from tasks.data.scoring.row_batch import RowBatch, checked


def strings(*values: bytes | None) -> pa.Array:
    """A column of strings that nobody has checked."""
    return pa.Array.from_buffers(pa.string(), len(values), pa.array(values, pa.binary()).buffers())


def test_only_the_rows_that_are_not_utf8_or_hold_no_word_are_rejected() -> None:
    columns = pa.record_batch(
        {"text": strings(b"good", b"b\xe4d", b" ", b"fine"), "note": strings(b"a", b"b", b"c", None)}
    )
    batch = checked(RowBatch("reviews.csv", columns, np.arange(1, 5), (), 60), "text")
    assert batch.rows.tolist() == [1, 4]
    assert batch.columns["text"].to_pylist() == ["good", "fine"]
    assert [reject.row for reject in batch.rejects] == [2, 3]
    assert batch.rejects[0].reason.startswith("not UTF-8")


def test_a_fault_in_any_string_column_rejects_its_row() -> None:
    columns = pa.record_batch(
        {"text": strings(b"good", b"fine"), "note": strings(b"\xff", b"b"), "stars": pa.array([1, 2])}
    )
    batch = checked(RowBatch("reviews.csv", columns, np.array([7, 8]), (), 30), "text")
    assert batch.rows.tolist() == [8]
