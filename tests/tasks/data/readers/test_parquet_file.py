import uuid
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.data.own_texts.labels import LabelReader
from tasks.data.readers import parquet_file
from tasks.data.readers.batch import Columns
from tasks.data.readers.inputs import NO_WORD, labelled_columns, labelled_inputs, read_all
from tasks.data.readers.parquet_file import read_parquet
from tasks.results.data import TextData
from tests.tasks.data.readers.reading import (
    batches,
    labelled,
    rejects,
    scorable,
    scoring_error,
    training_error,
)


def table(**columns: pa.Array) -> Callable[[Path], None]:
    return lambda path: pq.write_table(pa.table(columns), path)


LABELLED = labelled_columns(TextData(()))
NOT_UTF8 = pa.Array.from_buffers(pa.string(), 2, pa.array([b"x", b"\xe9"], pa.binary()).buffers())


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: path.write_bytes(b"no parquet"), "r.parquet: not a readable Parquet file"),
        (lambda path: path.write_bytes(b"PAR1"), "r.parquet: not a readable Parquet file"),
        (table(review=pa.array(["x"])), "r.parquet: no column 'text', found 'review'"),
        (
            table(text=pa.array([1]), label=pa.array([1])),
            "r.parquet: the text column has type int64; expected strings",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, write: Callable[[Path], None], message: str) -> None:
    write(tmp_path / "r.parquet")
    assert training_error(tmp_path / "r.parquet").startswith(message)
    assert scoring_error(tmp_path / "r.parquet").startswith(message)


@pytest.mark.parametrize(
    ("texts", "labels", "message"),
    [
        (pa.array(["x"]), pa.array([[1]]), ": the label column has type list"),
        (pa.array(["x", None]), pa.array([1, 0]), ", row 2: the text is empty; remove the row, or give it a text"),
        (NOT_UTF8, pa.array([1, 0]), ", row 2: the text is not UTF-8; save the file as such"),
    ],
)
def test_training_stops_at_a_faulty_value(tmp_path: Path, texts: pa.Array, labels: pa.Array, message: str) -> None:
    table(text=texts, label=labels)(tmp_path / "r.parquet")
    assert training_error(tmp_path / "r.parquet").startswith(f"r.parquet{message}")


def test_labels_of_any_type_become_strings_for_training(tmp_path: Path) -> None:
    texts = pa.array(["good", "bad", "good"]).dictionary_encode()
    for labels in (pa.array([1, 0, 1], pa.int8()), pa.array([1.0, 0.0, 1.0]), pa.array(["1", "0", "1"])):
        table(text=texts, label=labels)(tmp_path / "r.parquet")
        assert labelled(tmp_path / "r.parquet") == [("good", "1"), ("bad", "0"), ("good", "1")]
    table(text=texts, label=pa.array([True, None, False]))(tmp_path / "r.parquet")
    assert [label for _, label in labelled(tmp_path / "r.parquet")] == ["true", None, "false"]
    table(text=texts, label=pa.array([1.0, float("nan"), 0.0]))(tmp_path / "r.parquet")
    assert [label for _, label in labelled(tmp_path / "r.parquet")] == ["1", None, "0"]


def test_labels_of_every_type_mean_the_same(tmp_path: Path) -> None:
    texts = pa.array(["good", "bad"], pa.string_view())
    labels = [
        pa.array([1, 0], pa.uint8()), pa.array([1.0, 0.0], pa.float32()), pa.array([1.0, 0.0], pa.float16()),
        pa.array([True, False]), pa.array([Decimal("1.00"), Decimal("0.00")]), pa.array(["Positive ", "neg"]),
        pa.array(["1.0", "0.0"], pa.string_view()), pa.array(["pos", "neg"]).dictionary_encode(),
        pa.array([1, 0]).dictionary_encode(), pa.array([1, -1]),
    ]  # fmt: skip
    for values in labels:
        table(text=texts, label=values)(tmp_path / "r.parquet")
        ((_, batch),) = read_all(labelled_inputs(TextData((tmp_path / "r.parquet",))), LABELLED)
        assert LabelReader("label")(batch).tolist() == [1, 0], values.type


def test_scored_rows_keep_types_and_dictionaries_are_unpacked(tmp_path: Path) -> None:
    texts = pa.array(["a", None, "b", "a"]).dictionary_encode()
    table(text=texts, when=pa.array([1, 2, 3, 4], pa.date32()), label=pa.array([1, 0, 1, 0]))(tmp_path / "r.parquet")
    assert scorable(tmp_path / "r.parquet") == [(1, "a"), (3, "b"), (4, "a")]
    assert rejects(tmp_path / "r.parquet") == [("r.parquet", 2, NO_WORD)]
    (batch,) = batches(tmp_path / "r.parquet")
    assert batch.columns.schema.types == [pa.string(), pa.date32(), pa.int64()]


def test_types_that_only_arrow_knows_become_those_that_all_outputs_store(tmp_path: Path) -> None:
    texts = ["good film", None, "bad film"]
    kinds = {
        "text": pa.array(texts, pa.string_view()),
        "word": pa.array(texts, pa.string()).dictionary_encode(),
        "bytes": pa.array([b"a", None, b"b"], pa.binary_view()),
        "id": pa.array([uuid.UUID(int=1).bytes, None, uuid.UUID(int=2).bytes], pa.uuid()),
        "json": pa.ExtensionArray.from_storage(pa.json_(), pa.array(['{"a": 1}', None, "[]"])),
    }
    pq.write_table(pa.table(kinds), tmp_path / "t.parquet")
    (batch,) = read_parquet(tmp_path / "t.parquet", Columns.of_texts("text", keep_others=True))
    columns = {name: batch.columns.column(name) for name in kinds}
    assert columns["text"].to_pylist() == columns["word"].to_pylist() == texts
    assert columns["id"].to_pylist() == [str(uuid.UUID(int=1)), None, str(uuid.UUID(int=2))]
    assert columns["json"].to_pylist() == ['{"a": 1}', None, "[]"]
    assert columns["bytes"].type == pa.large_binary()
    assert all(not isinstance(column.type, pa.BaseExtensionType) for column in columns.values())


def test_views_become_strings_and_bytes(tmp_path: Path) -> None:
    texts, other = pa.array(["a", None, "b"], pa.string_view()), pa.array([b"x", b"y", None], pa.binary_view())
    table(text=texts, other=other, label=pa.array(["1", "1", "0"], pa.string_view()))(tmp_path / "r.parquet")
    assert scorable(tmp_path / "r.parquet") == [(1, "a"), (3, "b")]
    (batch,) = batches(tmp_path / "r.parquet")
    assert batch.columns.schema.types == [pa.large_string(), pa.large_binary(), pa.large_string()]
    table(text=pa.array(["a"], pa.string_view()), label=pa.array(["1"], pa.string_view()))(tmp_path / "s.parquet")
    assert labelled(tmp_path / "s.parquet") == [("a", "1")]


def test_a_value_that_is_stored_once_and_named_in_many_rows_comes_in_small_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_file, "UNPACKED_BYTES", 100_000)
    long = pa.array(["x" * 10_000] * 100).dictionary_encode()
    for number, column in enumerate((long, long.cast(pa.string()), long.cast(pa.large_binary()))):
        path = tmp_path / f"{number}.parquet"
        table(text=pa.array(["fine"] * 100), long=column)(path)
        assert [len(batch) for batch in batches(path)] == [10] * 10


def test_a_row_group_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    texts = pa.array([f"{number:07} " * 50 for number in range(40_000)])
    pq.write_table(pa.table({"text": texts}), path, row_group_size=40_000, compression="none")
    pool = pa.default_memory_pool()
    before = pool.bytes_allocated()
    most = max(pool.bytes_allocated() - before for _ in read_parquet(path, Columns.of_texts("text")))
    assert texts.nbytes > 16_000_000
    assert most < texts.nbytes
