import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.data.own_texts.inputs import inputs_of, read_batches
from tasks.errors import DataError
from tasks.results.data import TextData
from tests.tasks.data.own_texts.forms import Row, write_folder


def read(path: Path, **options: str) -> list[tuple[str, str]]:
    """Texts and labels of a file."""
    data = TextData((path,), **options)
    batches = [batch for _, batch in read_batches(inputs_of(data), data)]
    return [pair for batch in batches for pair in zip(batch.texts.to_pylist(), batch.labels.to_pylist(), strict=True)]


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def fault(path: Path, **options: str) -> str:
    """The one line that a faulty file gives."""
    with pytest.raises(DataError) as caught:
        read(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(f"{path.parent}/", "")


HEAD = b"text,label\n"
GOOD = b'"a fine, ""fine""\nfilm",1\n'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "r.csv: the file is empty"),
        (
            b"review,sentiment\nx,1\n",
            "r.csv: no column 'text', found 'review', 'sentiment'; name the right one with --te",
        ),
        (b"text;label\nx;1\n", "r.csv: no column 'text', found 'text;label'"),
        (b"text,text,label\nx,y,1\n", "r.csv: 2 columns are called 'text'"),
        (HEAD + GOOD * 3 + b"a,b,c\n" + GOOD, "r.csv, row 5: found 3 columns, expected 2"),
        (HEAD + GOOD * 3 + b"alone\n" + GOOD, "r.csv, row 5: found 1 columns, expected 2"),
        (HEAD + GOOD * 3 + b"caf\xe9,1\n" + GOOD, "r.csv, row 5: the text is not UTF-8"),
        (HEAD + GOOD * 3 + b'" \t",1\n' + GOOD, "r.csv, row 5: the text is empty"),
        ((HEAD + GOOD).decode().encode("utf-16"), "r.csv: the file is UTF-16; save it as UTF-8"),
        (HEAD + GOOD + b'"never closed,1\n', "r.csv, row 3: found 1 columns, expected 2"),
        (HEAD + b"x" * (17 << 20) + b",1\n", "r.csv: a row is longer than 8 MiB"),
    ],
)
def test_a_faulty_csv_is_named_with_its_row(tmp_path: Path, content: bytes, message: str) -> None:
    assert fault(written(tmp_path / "r.csv", content)).startswith(message)


def test_a_fault_in_a_later_block_of_a_csv_has_its_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.data.own_texts.readers.BATCH_BYTES", 200)
    path = written(tmp_path / "r.csv", HEAD + GOOD * 500 + b",0\n" + GOOD * 500)
    assert fault(path).startswith("r.csv, row 502: the text is empty")
    path = written(tmp_path / "r.csv", HEAD + GOOD * 500 + b"caf\xe9,0\n" + GOOD * 500)
    assert fault(path).startswith("r.csv, row 502: the text is not UTF-8")


def test_a_csv_with_byte_order_mark_windows_line_ends_and_other_columns(tmp_path: Path) -> None:
    content = b'\xef\xbb\xbfid,label,text\r\n1,neg,"a\r\nb"\r\n2,pos,NA\r\n'
    assert read(written(tmp_path / "r.csv", content)) == [("a\r\nb", "neg"), ("NA", "pos")]


def test_a_quote_that_is_never_closed_in_a_csv_swallows_no_reviews(tmp_path: Path) -> None:
    path = written(tmp_path / "r.csv", b'label,text\npos,fine\nneg,"never\npos,good\nneg,bad\n')
    assert fault(path) == "r.csv: a quote is never closed, and the rest of the file is one row; close the quote"
    path = written(tmp_path / "r.csv", b"label,caf\xe9,text\npos,x,fine\n")
    assert fault(path) == "r.csv, row 1: the column names are not UTF-8; save the file as such"


GOOD_LINE = b'{"text": "a fine film", "label": 1}\n'


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"text": "cut', "not JSON"),
        (b"[1]", "found a JSON list; expected one object per line"),
        (b'{"review": "x", "label": 1}', "no 'text', found 'review', 'label'; name the right one with --text-column"),
        (b'{"text": "x"}', "no 'label', found 'text'; name the right one with --label-column"),
        (b'{"text": 7, "label": 1}', "the text is a JSON int; expected a string"),
        (b'{"text": null, "label": 1}', "the text is empty"),
        (b'{"text": "x", "label": {}}', "the label is a JSON dict"),
        (b'{"text": "x\\ud800", "label": 1}', "the text contains '\\ud800', half a character"),
        (b'{"text": "caf\xe9", "label": 1}', "the line is not UTF-8"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_a_faulty_json_line_is_named(tmp_path: Path, line: bytes, message: str) -> None:
    path = written(tmp_path / "r.jsonl", GOOD_LINE + b"\n" + GOOD_LINE + line + b"\n" + GOOD_LINE)
    assert fault(path).startswith(f"r.jsonl, row 4: {message}")


def test_an_empty_json_lines_file_is_named(tmp_path: Path) -> None:
    assert fault(written(tmp_path / "r.jsonl", b"")).startswith("r.jsonl: the file is empty")


def test_json_labels_of_any_kind(tmp_path: Path) -> None:
    lines = [json.dumps({"text": "x\u2028y", "label": label}) for label in (True, 0, 1.0, "neg")]
    path = written(tmp_path / "r.jsonl", b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    assert [label for _, label in read(path)] == ["true", "0", "1.0", "neg"]


def table(**columns: pa.Array) -> Callable[[Path], None]:
    return lambda path: pq.write_table(pa.table(columns), path)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: path.write_bytes(b"no parquet"), "r.parquet: not a readable Parquet file"),
        (table(review=pa.array(["x"])), "r.parquet: no column 'text', found 'review'"),
        (
            table(text=pa.array([1]), label=pa.array([1])),
            "r.parquet: the text column has type int64; expected strings",
        ),
        (table(text=pa.array(["x"]), label=pa.array([[1]])), "r.parquet: the label column has type list"),
        (table(text=pa.array(["x", None]), label=pa.array([1, 0])), "r.parquet, row 2: the text is empty"),
        (
            table(
                text=pa.Array.from_buffers(pa.string(), 2, pa.array([b"x", b"\xe9"], pa.binary()).buffers()),
                label=pa.array([1, 0]),
            ),
            "r.parquet, row 2: the text is not UTF-8",
        ),
    ],
)
def test_a_faulty_parquet_file_is_named(tmp_path: Path, write: Callable[[Path], None], message: str) -> None:
    write(tmp_path / "r.parquet")
    assert fault(tmp_path / "r.parquet").startswith(message)


def test_parquet_columns_of_any_kind_of_string_and_label(tmp_path: Path) -> None:
    texts = pa.array(["good", "bad", "good"]).dictionary_encode()
    for labels in (pa.array([1, 0, 1], pa.int8()), pa.array([1.0, 0.0, 1.0]), pa.array([True, False, True])):
        table(text=texts, label=labels)(tmp_path / "r.parquet")
        assert [text for text, _ in read(tmp_path / "r.parquet")] == ["good", "bad", "good"]


def test_a_file_of_another_encoding_in_a_folder_is_named(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "acl", [Row("good", 1), Row("bad", 0), Row("bad\r\nworse", 0)])
    assert read(folder) == [("bad", "neg"), ("bad\r\nworse", "neg"), ("good", "pos")]
    (folder / "pos" / "9_9.txt").write_bytes(b"caf\xe9")
    assert fault(folder).startswith("acl/pos/9_9.txt: the text is not UTF-8")
