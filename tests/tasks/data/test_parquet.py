from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.data import parquet
from tasks.data.parquet import read_column, read_tokens, schema, write_split
from tasks.data.tokens import to_tokens
from tasks.errors import DataError
from tests.conftest import make_reviews, random_reviews


def test_the_schema_takes_the_smallest_type_for_tokens() -> None:
    assert [str(schema(size, 30, {}).field("tokens").type) for size in (256, 257)] == [
        "fixed_size_list<element: uint8 not null>[30]",
        "fixed_size_list<element: uint16 not null>[30]",
    ]


def test_columns_are_those_of_the_reviews_in_the_given_order(tmp_path: Path) -> None:
    reviews = make_reviews([[1, 2], [3], [4, 5, 6, 7]], [0, 1, 0])
    write_split(tmp_path / "split.parquet", reviews, np.array([2, 0]), 10, 4, {"fingerprint": "abc"})
    assert read_column(tmp_path / "split.parquet", "review_id").tolist() == [2, 0]
    assert read_column(tmp_path / "split.parquet", "label").tolist() == [0, 0]
    assert read_column(tmp_path / "split.parquet", "length").tolist() == [5, 3]
    assert read_tokens(tmp_path / "split.parquet").padded().tolist() == [[7, 8, 9, 2], [0, 1, 4, 5]]
    assert pq.read_schema(tmp_path / "split.parquet").metadata == {b"fingerprint": b"abc"}


@pytest.mark.parametrize("row_group", [1, 7, 20, 50])
def test_row_groups_of_any_size_give_the_same_tokens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row_group: int
) -> None:
    reviews, order = random_reviews(20), np.arange(20)[::-1]
    monkeypatch.setattr(parquet, "ROW_GROUP", row_group)
    write_split(tmp_path / "split.parquet", reviews, order, 50, 30, {})
    assert pq.ParquetFile(tmp_path / "split.parquet").num_row_groups == -(-20 // row_group)
    tokens = read_tokens(tmp_path / "split.parquet")
    assert tokens.values.dtype == np.uint8
    np.testing.assert_array_equal(tokens.padded(), to_tokens(reviews, order, 50, 30).padded())


def test_a_failure_leaves_the_earlier_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "split.parquet"
    write_split(path, random_reviews(4), np.arange(4), 50, 30, {})
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(parquet, "to_tokens", fail)
    with pytest.raises(OSError, match="disk full"):
        write_split(path, random_reviews(8), np.arange(8), 50, 30, {})
    assert {file.name for file in before} == {"split.parquet", "split.arrow"}
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


WRONG = {
    "no lists": pa.array([1.5]),
    "of another size": pa.array([[1]]),
    "of texts": pa.array([["a"]], pa.list_(pa.string(), 1)),
    "missing": pa.array([None], pa.list_(pa.uint8(), 1)),
    "half missing": pa.array([[1, None]], pa.list_(pa.uint8(), 2)),
}


@pytest.mark.parametrize("tokens", WRONG.values(), ids=WRONG.keys())
def test_other_tokens_are_named(tmp_path: Path, tokens: pa.Array) -> None:
    pq.write_table(pa.table({"tokens": tokens, "label": tokens}), tmp_path / "split.parquet")
    with pytest.raises(DataError, match="split.parquet: not readable"):
        read_tokens(tmp_path / "split.parquet")
    with pytest.raises(DataError, match="split.parquet: not readable"):
        read_column(tmp_path / "split.parquet", "label")


@pytest.mark.parametrize("content", [b"", b"PAR1", bytes(1_000)])
def test_a_damaged_split_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "split.parquet").write_bytes(content)
    for read in (read_tokens, lambda path: read_column(path, "label")):
        with pytest.raises(DataError, match="split.parquet: not readable .*restore it"):
            read(tmp_path / "split.parquet")
