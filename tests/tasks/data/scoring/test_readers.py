"""Rows of every kind of file, and the rows that are set aside."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.data.scoring import readers
from tasks.data.scoring.inputs import read_rows, row_inputs, scoring_signature
from tasks.data.scoring.row_batch import EMPTY, RowBatch
from tasks.errors import DataError
from tests.tasks.data.own_texts.forms import FORMS, reviews, write


def read(path: Path, text_column: str = "text") -> list[RowBatch]:
    return list(read_rows(row_inputs(path), text_column))


def rows_of(path: Path) -> list[tuple[int, str]]:
    """Number and text of the rows that can be scored."""
    return [
        pair for batch in read(path) for pair in zip(batch.rows.tolist(), batch.texts("text").to_pylist(), strict=True)
    ]


def rejects_of(path: Path) -> list[tuple[str, int, str]]:
    """File, row and reason of the others."""
    return [(Path(file).name, row, reason) for batch in read(path) for file, row, reason in batch.rejects]


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def fault(path: Path, text_column: str = "text") -> str:
    """The one line that a faulty file gives."""
    with pytest.raises(DataError) as caught:
        read(path, text_column)
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(f"{path.parent}/", "")


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_texts(tmp_path: Path, form: str) -> None:
    rows = reviews(60)
    path = write(tmp_path, form, rows)
    assert sorted(text for _, text in rows_of(path)) == sorted(row.text for row in rows)
    assert not rejects_of(path)


def test_faulty_rows_of_a_csv_are_set_aside_and_the_others_keep_their_numbers(tmp_path: Path) -> None:
    lines = [b"id,text", b'1,"two\nlines"', b"2,a,b", b"3,good", b"", b"4,\xff", b"5, .!", b"6", b"007,last"]
    path = written(tmp_path / "r.csv", b"\n".join(lines))
    assert rows_of(path) == [(2, "two\nlines"), (4, "good"), (8, "last")]
    assert rejects_of(path) == [
        ("r.csv", 3, "found 3 columns, expected 2; put texts with commas in quotes"),
        ("r.csv", 5, "not UTF-8; save the file as such"),
        ("r.csv", 6, EMPTY),
        ("r.csv", 7, "found 1 columns, expected 2; put texts with commas in quotes"),
    ]
    assert read(path)[0].columns.column("id").to_pylist() == ["1", "3", "007"]


def test_row_numbers_of_a_csv_run_on_over_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.data.scoring.readers.BATCH_BYTES", 100)
    lines = [f"row {number}{',' if number % 7 == 0 else ''}" for number in range(2, 200)]
    path = written(tmp_path / "r.csv", "\n".join(["text", *lines]).encode())
    assert len(read(path)) > 10
    assert all(text == f"row {number}" for number, text in rows_of(path))
    assert [row for _, row, _ in rejects_of(path)] == list(range(7, 200, 7))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "r.csv: the file is empty"),
        (b"a,b\nx,1\n", "r.csv: no column 'text', found 'a', 'b'; name the right one with --text-column"),
        (b"text,id,id\nx,1,2\n", "r.csv: 2 columns are called 'id'; expected different names"),
        ("text\nx\n".encode("utf-16"), "r.csv: the file is UTF-16"),
        (b"text,caf\xe9\nx,1\n", "r.csv, row 1: the column names are not UTF-8"),
        (b'text,id\n"a\nb",1\n"c,2\nd,3\n', "r.csv: a quote is never closed, and the rest of the file is one row"),
        (b"text\n" + b"x" * (17 << 20), "r.csv: a row is longer than 8 MiB"),
    ],
)
def test_a_csv_that_cannot_be_read_is_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    assert fault(written(tmp_path / "r.csv", content)).startswith(message)


def test_a_csv_without_rows_has_none(tmp_path: Path) -> None:
    assert rows_of(written(tmp_path / "r.csv", b"text\n")) == []
    path = written(tmp_path / "s.csv", b"text\na,b\n")
    assert [row for _, row, _ in rejects_of(path)] == [2]


def test_faulty_lines_of_jsonl_are_set_aside(tmp_path: Path) -> None:
    lines = ['{"text": "good", "n": 1}', "", "{", "[1]", '{"n": 2}', '{"text": 3}', '{"text": "\\ud800"}']
    path = written(tmp_path / "r.jsonl", "\n".join([*lines, '{"text": "last"}']).encode() + b"\n\xff\n")
    assert rows_of(path) == [(1, "good"), (8, "last")]
    reasons = [(row, reason[:12]) for _, row, reason in rejects_of(path)]
    assert reasons == [
        (3, "not JSON (Ex"),
        (4, "found a JSON"),
        (5, "'text' is mi"),
        (6, "'text' is a "),
        (7, "contains '\\u"),
        (9, "not UTF-8; s"),
    ]


def test_a_jsonl_without_the_column_is_one_line(tmp_path: Path) -> None:
    path = written(tmp_path / "r.jsonl", b'{"body": "x"}\n')
    assert fault(path) == "r.jsonl: no 'text', found 'body'; name the right one with --text-column"
    assert fault(written(tmp_path / "e.jsonl", b"")).startswith("e.jsonl: the file is empty")


def test_a_text_file_holds_a_review_a_line(tmp_path: Path) -> None:
    path = written(tmp_path / "r.txt", "\ufefffirst\r\n\n \nsecond, \u00e9\x85t\u00e9\nthird".encode())
    assert rows_of(path) == [(1, "first"), (4, "second, \u00e9\x85t\u00e9"), (5, "third")]


@pytest.mark.parametrize("name", ["r.txt", "r.jsonl"])
def test_lines_in_utf_16_are_no_reviews(tmp_path: Path, name: str) -> None:
    assert fault(written(tmp_path / name, "good\nbad\n".encode("utf-16"))).startswith(f"{name}: the file is UTF-16")


def test_a_line_that_is_too_long_is_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "MAX_LINE", 20)
    path = written(tmp_path / "r.txt", b"short\n" + b"x" * 70 + b"\nlast\n")
    assert rows_of(path) == [(1, "short"), (3, "last")]
    assert [row for _, row, _ in rejects_of(path)] == [2]


def test_a_parquet_keeps_types_and_unpacks_dictionaries(tmp_path: Path) -> None:
    texts = pa.array(["a", None, "b", "a"]).dictionary_encode()
    pq.write_table(pa.table({"text": texts, "when": pa.array([1, 2, 3, 4], pa.date32())}), tmp_path / "r.parquet")
    assert rows_of(tmp_path / "r.parquet") == [(1, "a"), (3, "b"), (4, "a")]
    assert rejects_of(tmp_path / "r.parquet") == [("r.parquet", 2, EMPTY)]
    (batch,) = read(tmp_path / "r.parquet")
    assert batch.columns.schema.types == [pa.string(), pa.date32()]


def test_a_parquet_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": [1]}), tmp_path / "n.parquet")
    assert fault(tmp_path / "n.parquet") == "n.parquet: the text column has type int64; expected strings"
    assert fault(written(tmp_path / "d.parquet", b"PAR1")).startswith("d.parquet: not a readable Parquet file")


def test_a_folder_gives_all_texts_below_it_with_their_files(tmp_path: Path) -> None:
    contents = {"b.txt": b"two", "a/c.txt": b"one\n", "a/d.txt": b"\xff", "a/e.txt": b" ", "notes.md": b"no"}
    for name, content in contents.items():
        (tmp_path / "t" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "t" / name).write_bytes(content)
    (tmp_path / "t" / "folder.txt").mkdir()
    (tmp_path / "t" / "lost.txt").symlink_to("nowhere")
    (batch,) = read(tmp_path / "t")
    assert batch.columns.to_pydict() == {"file": ["a/c.txt", "b.txt"], "text": ["one\n", "two"]}
    assert rejects_of(tmp_path / "t") == [("d.txt", 1, "not UTF-8; save the file as such"), ("e.txt", 1, EMPTY)]


def test_a_pattern_means_all_its_files_in_order(tmp_path: Path) -> None:
    for name in ("b", "a"):
        written(tmp_path / f"{name}.jsonl", json.dumps({"text": name}).encode())
    assert rows_of(tmp_path / "*.jsonl") == [(1, "a"), (1, "b")]
    before = scoring_signature(row_inputs(tmp_path / "*.jsonl"))
    written(tmp_path / "b.jsonl", b'{"text": "other"}')
    assert scoring_signature(row_inputs(tmp_path / "*.jsonl")) != before


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.csv", "no such file; give a path or a pattern of .csv, .parquet, .jsonl, .txt, or a folder"),
        ("a.doc", "the file is of kind '.doc'; expected .csv"),
        ("bare", "the file has no suffix"),
        ("empty", "no .txt files in this folder; for others give a pattern"),
    ],
)
def test_what_is_no_input_is_named(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "a.doc").touch()
    (tmp_path / "bare").touch()
    (tmp_path / "empty").mkdir()
    assert message in fault(tmp_path / name)
