"""Outputs by suffix, and the rows that have no scores."""

import csv
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.data.readers.inputs import unlabelled_inputs
from tasks.data.scoring.output import SUFFIXES, check_output, new_names, rejects_path, row_writer
from tasks.data.scoring.scored_file import (
    NEW_COLUMNS,
    ScoredPart,
    ScoredRows,
    read_columns,
    read_part,
    write_columns,
    write_part,
    write_scored_rows,
)
from tasks.errors import DataError, PipelineError
from tasks.results.scoring import Scoring
from tests.tasks.data.readers.reading import batches

ROWS = pa.RecordBatch.from_pydict({
    "text": pa.array(['a "b"\nc,', "d"]),
    "n": pa.array([1, None]),
    "list": pa.array([[1, 2], None]),
    "p": pa.array([0.1, 0.5], pa.float32()),
})  # fmt: skip


def part(count: int) -> ScoredPart:
    """Scores of some rows: the first ones negative."""
    numbers = np.arange(count)
    return ScoredPart(
        probability=np.linspace(0.1, 0.9, count, dtype=np.float32),
        tokens=(numbers + 2).astype(np.int32),
        words=numbers + 4,
        unknown=numbers * 0 + 1,
        truncated=numbers % 2 == 1,
    )


def write(path: Path, rows: pa.RecordBatch = ROWS) -> Path:
    with row_writer(path, rows.schema) as append:
        append(rows)
        append(rows.slice(0, 1))
    return path


def test_parquet_keeps_types(tmp_path: Path) -> None:
    table = pq.read_table(write(tmp_path / "o.parquet"))
    assert table.schema.equals(ROWS.schema)
    assert table.to_pylist() == [*ROWS.to_pylist(), ROWS.to_pylist()[0]]


def test_csv_holds_lists_as_json(tmp_path: Path) -> None:
    with write(tmp_path / "o.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {"text": 'a "b"\nc,', "n": "1", "list": "[1, 2]", "p": "0.1"}
    assert (rows[1]["n"], rows[1]["list"], len(rows)) == ("", "", 3)


def test_jsonl_holds_an_object_a_line_with_short_numbers(tmp_path: Path) -> None:
    lines = write(tmp_path / "o.jsonl").read_text().splitlines()
    assert lines[0] == '{"text": "a \\"b\\"\\nc,", "n": 1, "list": [1, 2], "p": 0.1}'
    assert json.loads(lines[1]) == {"text": "d", "n": None, "list": None, "p": 0.5}


def test_jsonl_in_is_jsonl_out(tmp_path: Path) -> None:
    source = tmp_path / "i.jsonl"
    objects = [{"text": "a", "tags": ["x", {"y": 1}], "id": 7}, {"text": "b", "tags": None, "id": None}]
    source.write_text("\n".join(map(json.dumps, objects)))
    (batch,) = batches(source)
    path = write(tmp_path / "o.jsonl", batch.columns)
    assert [json.loads(line) for line in path.read_text().splitlines()][:2] == objects


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
@pytest.mark.parametrize("column", [[b"x"], [[b"x"]], [{"a": b"x"}], pa.array([b"x"], pa.binary(1))])
def test_bytes_are_refused_where_only_text_can_be(tmp_path: Path, suffix: str, column: Any) -> None:
    with pytest.raises(DataError, match="column 'b' contains bytes"):
        write(tmp_path / f"o{suffix}", pa.RecordBatch.from_pydict({"b": pa.array(column)}))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("suffix", "column"),
    [(".csv", pa.array([b"0123456789abcdef"], pa.uuid())),
     (".jsonl", pa.array([[1]], pa.list_(pa.timestamp("us", "No/Where")))),
     (".jsonl", pa.Array.from_buffers(pa.string(), 1, pa.array([b"\xff"], pa.binary()).buffers()))],
)  # fmt: skip
def test_a_column_that_cannot_be_written_is_one_line(tmp_path: Path, suffix: str, column: pa.Array) -> None:
    rows = pa.RecordBatch.from_arrays([column], ["c"])
    with (
        pytest.raises(DataError, match="a column cannot be written .*; give --output a .parquet file"),
        row_writer(tmp_path / f"o{suffix}", rows.schema) as write,
    ):
        write(rows)
    assert list(tmp_path.iterdir()) == []


def test_a_date_beyond_those_of_python_is_one_line(tmp_path: Path) -> None:
    rows = pa.RecordBatch.from_pydict({"when": pa.array([2**60], pa.timestamp("us"))})
    with pytest.raises(DataError, match="outside the years 1 to 9999; give --output a .parquet file"):
        write(tmp_path / "o.jsonl", rows)
    assert pq.read_table(write(tmp_path / "o.parquet", rows)).schema.equals(rows.schema)
    assert [path.name for path in tmp_path.iterdir()] == ["o.parquet"]


def fail_after_a_batch(path: Path) -> None:
    """Write some rows, then fail."""
    with row_writer(path, ROWS.schema) as append:
        append(ROWS)
        raise ZeroDivisionError


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_writer_that_is_interrupted_leaves_the_old_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"o{suffix}"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError):
        fail_after_a_batch(path)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [(path.name, "old")]


def test_new_columns_make_way_for_those_of_the_input() -> None:
    columns = pa.schema([("text", pa.string()), ("label", pa.int64())])
    assert new_names(columns, ["probability", "label"]) == ["probability", "label_scored"]
    scored_before = columns.append(pa.field("label_scored", pa.string()))
    assert new_names(scored_before, ["label"]) == ["label_scored_scored"]


def test_an_output_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "d.csv").mkdir()
    (tmp_path / "file").touch()
    for name, message in {
        "o.xlsx": "of kind '.xlsx'; expected one of .parquet, .csv, .jsonl",
        "o": "has no suffix",
        "d.csv": "found a folder",
        "i.csv": "is also an input",
        "file/o.csv": "choose a path that can be written",
        f"{'n' * 300}.csv": "name too long; choose a path",
        "a\0b.csv": "null byte; choose another name",
    }.items():
        with pytest.raises(PipelineError, match=message):
            check_output(tmp_path / name, [tmp_path / "i.csv"])
    check_output(tmp_path / "new" / "o.csv", [tmp_path / "i.csv"])
    assert not list((tmp_path / "new").iterdir())


SCORED = "text,probability,label,tokens,unknown_share,truncated,model\n"


@pytest.mark.parametrize("content", ["", SCORED, f"id,{SCORED}1,good,0.5,positive,2,0,false,abc\n"])
def test_an_earlier_output_is_replaced(tmp_path: Path, content: str) -> None:
    (tmp_path / "o.csv").write_text(content)
    (tmp_path / "o.rejects.csv").write_text("file,row,reason\ni.csv,3,no text\n")
    check_output(tmp_path / "o.csv", [tmp_path / "i.csv"])


@pytest.mark.parametrize("name", ["o.csv", "o.jsonl", "o.parquet"])
@pytest.mark.parametrize("content", [b"text,label\na,1\n", b"\xff\xfe", b"{", b"[]", b'{"text": 1}\n', b"PAR1"])
def test_a_file_that_scoring_did_not_write_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PipelineError, match=f"--output .*{name}: found a file that `score` did not write"):
        check_output(tmp_path / name, [])
    (tmp_path / name).rename(tmp_path / "o.rejects.csv")
    with pytest.raises(PipelineError, match=r"its list of rejects, o.rejects.csv: found a file that `score` did not"):
        check_output(tmp_path / name, [])


@pytest.mark.parametrize("as_what", ["same", "link", "hard link", "link of a folder"])
@pytest.mark.parametrize("name", ["o.csv", "o.rejects.csv"])
def test_an_input_under_any_name_is_no_output(tmp_path: Path, name: str, as_what: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    given, target = folder / "i.csv", folder / name
    given.write_text("file,row,reason\n")
    match as_what:
        case "same":
            given = given.rename(target)
        case "link":
            target.symlink_to(given)
        case "hard link":
            target.hardlink_to(given)
        case _:
            given = given.rename(target)
            (tmp_path / "other").symlink_to(folder)
            folder = tmp_path / "other"
    with pytest.raises(PipelineError, match="the file is also an input; give another --output"):
        check_output(folder / "o.csv", [given])


@pytest.mark.parametrize("name", ["o.csv", "o.rejects.csv"])
def test_a_link_or_a_pipe_is_no_output(tmp_path: Path, name: str) -> None:
    (tmp_path / "precious").write_text("x")
    (tmp_path / name).symlink_to(tmp_path / "precious")
    for _ in range(2):
        with pytest.raises(PipelineError, match="found a link, a folder or a device; give another --output"):
            check_output(tmp_path / "o.csv", [])
        (tmp_path / name).unlink()
        os.mkfifo(tmp_path / name)


def test_parts_are_read_as_they_were_written(tmp_path: Path) -> None:
    write_part(tmp_path / "0.parquet", part(3))
    kept = read_part(tmp_path / "0.parquet")
    assert kept is not None
    for name, array in vars(part(3)).items():
        np.testing.assert_array_equal(getattr(kept, name), array)
        assert getattr(kept, name).dtype == array.dtype
    (tmp_path / "0.parquet").write_bytes(b"PAR1")
    assert read_part(tmp_path / "0.parquet") is None
    assert read_part(tmp_path / "1.parquet") is None


def test_a_bit_that_falls_over_in_a_part_never_becomes_a_score(tmp_path: Path) -> None:
    path = tmp_path / "0.parquet"
    write_part(path, part(3))
    whole = path.read_bytes()
    for position in range(len(whole)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 4]) + whole[position + 1 :])
        kept = read_part(path)
        assert kept is None or all(np.array_equal(vars(kept)[name], array) for name, array in vars(part(3)).items())


def scored_rows(tmp_path: Path, scored: int) -> ScoredRows:
    """A CSV of three rows and a faulty one, with as many scores."""
    (tmp_path / "i.csv").write_text("text,id\na,1\nb,2\nx\nc,3\n")
    write_part(tmp_path / "0.parquet", part(scored))
    columns = pa.schema([("text", pa.large_string()), ("id", pa.large_string())])
    write_columns(tmp_path / "columns.arrow", columns)
    inputs, parts = unlabelled_inputs(tmp_path / "i.csv"), [tmp_path / "0.parquet"]
    columns = tmp_path / "columns.arrow"
    summary = 3, 1, 1, 0, 0.0, (), (), (), (), 0.0
    scoring = Scoring("lstm", "abc", tuple(parts), columns, (), *summary, labels=("schlecht", "gut"))
    return ScoredRows(inputs, "text", read_columns(columns), scoring)


def test_rows_are_joined_with_their_scores(tmp_path: Path) -> None:
    output = tmp_path / "o.parquet"
    sizes: list[int] = []
    names = write_scored_rows(scored_rows(tmp_path, 3), output, rejects_path(output), sizes.append)
    assert names == tuple(NEW_COLUMNS)
    assert pq.read_table(output).to_pylist()[2] == {
        "text": "c", "id": "3", "probability": pytest.approx(0.9), "label": "gut", "tokens": 4,
        "unknown_share": pytest.approx(1 / 6), "truncated": False, "model": "abc",
    }  # fmt: skip
    assert (tmp_path / "o.rejects.csv").read_text().splitlines() == [
        "file,row,reason",
        f'{tmp_path}/i.csv,4,"found 1 columns, expected 2; put texts with commas or line ends in quotes"',
    ]
    assert sum(sizes) > 0


def test_rows_that_have_changed_are_refused(tmp_path: Path) -> None:
    output = tmp_path / "o.parquet"
    with pytest.raises(DataError, match="the files have changed since they were scored"):
        write_scored_rows(scored_rows(tmp_path, 2), output, rejects_path(output), lambda _: None)
    assert not output.exists()


def one_column(values: pa.Array) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"x": values})


@pytest.mark.parametrize("unit", ["us", "ns"])
def test_times_in_an_unknown_zone_are_written_as_the_same_instants(tmp_path: Path, unit: str) -> None:
    rows = one_column(pa.array([0, None], pa.timestamp(unit, "Mars/Phobos")))
    line = write(tmp_path / "o.csv", rows).read_text().splitlines()[1]
    assert line.startswith("1970-01-01 00:00:00.000000")
    assert line.endswith("Z")
    assert json.loads(write(tmp_path / "o.jsonl", rows).read_text().splitlines()[0]) == {
        "x": "1970-01-01 00:00:00+00:00"
    }
    assert pq.read_table(write(tmp_path / "o.parquet", rows)).schema.field("x").type.tz == "Mars/Phobos"


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
@pytest.mark.parametrize("years", [10**15, -(10**15)])
def test_a_date_that_text_cannot_show_is_refused(tmp_path: Path, suffix: str, years: int) -> None:
    with pytest.raises(DataError, match="a date is outside the years 1 to 9999; give --output a .parquet file"):
        write(tmp_path / f"o{suffix}", one_column(pa.array([years], pa.timestamp("s"))))
    assert not list(tmp_path.iterdir())


def test_nanoseconds_are_written_as_they_are(tmp_path: Path) -> None:
    for kind, shown in ((pa.time64("ns"), "00:00:00.000000001"), (pa.timestamp("ns"), "1970-01-01 00:00:00.000000001")):
        rows = one_column(pa.array([1], kind))
        assert write(tmp_path / "o.csv", rows).read_text().splitlines()[1] == shown
        assert json.loads(write(tmp_path / "o.jsonl", rows).read_text().splitlines()[0]) == {"x": shown}
