"""What a file is that is no UTF-8 text, and the command that converts it."""

import gzip
import io
import shutil
import subprocess
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.data.readers.opened import kind_of, text_size
from tests.tasks.data.readers.reading import labelled, scorable, scoring_error, training_error, written

ROWS = "text,label\ngood film,1\nschöner Film,0\n"
OBJECTS = '{"text": "good film", "label": 1}\n{"text": "schöner Film", "label": 0}\n'
READ = [("good film", "1"), ("schöner Film", "0")]


def zipped(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, ROWS)
    return buffer.getvalue()


def parquet() -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"text": ["x"], "label": [1]}), sink)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize(
    ("name", "kind"),
    [("R.CSV", ".csv"), ("r.csv.gz", ".csv"), ("r.Csv.GZ", ".csv"), ("a.b.jsonl", ".jsonl"), ("r.gz", ".gz"),
     ("r.parquet.gz", ".gz"), (".csv", ""), ("bare", "")],
)  # fmt: skip
def test_the_kind_of_a_file_is_its_suffix_in_any_case_and_packed_or_not(name: str, kind: str) -> None:
    assert kind_of(Path(name)) == kind


@pytest.mark.parametrize("name", ["r.csv", "R.TSV", "r.jsonl", "r.ndjson", "r.Json"])
@pytest.mark.parametrize("is_packed", [False, True])
def test_each_text_format_is_read_packed_too(tmp_path: Path, name: str, is_packed: bool) -> None:
    is_json = "js" in name.lower()
    content = (OBJECTS if is_json else ROWS.replace(",", "\t")).encode()
    path = written(tmp_path / (f"{name}.gz" if is_packed else name), gzip.compress(content) if is_packed else content)
    assert labelled(path) == READ
    assert [text for _, text in scorable(path)] == [text for text, _ in READ]
    assert text_size(path) >= len(content)


def test_lines_and_texts_in_folders_are_read_packed_too(tmp_path: Path) -> None:
    lines = written(tmp_path / "r.txt.gz", gzip.compress(b"one\ntwo\n"))
    assert [text for _, text in scorable(lines)] == ["one", "two"]
    for name in ("pos/a.txt.gz", "neg/b.TXT.gz"):
        written(tmp_path / "acl" / name, gzip.compress(name.encode()))
    assert labelled(tmp_path / "acl") == [("neg/b.TXT.gz", "neg"), ("pos/a.txt.gz", "pos")]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (gzip.compress(ROWS.encode() * 999, mtime=0)[:-9], "the gzip file is cut off"),
        (gzip.compress(ROWS.encode(), mtime=0)[:-8] + bytes(8), "the gzip file is damaged"),
        (gzip.compress(ROWS.encode(), mtime=0)[:10] + b"\xff" * 60, "the gzip file is damaged"),
        (ROWS.encode(), "not packed by gzip; remove .gz from its name"),
        (b"", "the file is empty"),
    ],
    ids=["cut", "damaged at the end", "damaged", "no gzip", "empty"],
)
def test_a_damaged_gzip_is_one_line(tmp_path: Path, content: bytes, fault: str) -> None:
    path = written(tmp_path / "r.csv.gz", content)
    assert training_error(path).startswith(f"r.csv.gz: {fault}")
    assert scoring_error(path).startswith(f"r.csv.gz: {fault}")


def test_members_of_a_gzip_are_read_one_after_another(tmp_path: Path) -> None:
    path = written(
        tmp_path / "r.csv.gz", gzip.compress(ROWS.encode(), mtime=0) + gzip.compress(b"third,1\n") + bytes(64)
    )
    assert labelled(path) == [*READ, ("third", "1")]


@pytest.mark.parametrize("encoding", ["UTF-16", "UTF-16LE", "UTF-16BE", "UTF-32", "UTF-32LE", "UTF-32BE"])
@pytest.mark.parametrize(
    "content", [ROWS, OBJECTS, "text,label\n" + "好电影，真的很好看。,1\n" * 99, "текст;метка\nда;1\n"]
)
def test_another_encoding_is_named_with_the_command_that_converts_it(
    tmp_path: Path, encoding: str, content: str
) -> None:
    path = written(tmp_path / ("r.jsonl" if content == OBJECTS else "it's r.csv"), content.encode(encoding))
    message = training_error(path)
    assert message == scoring_error(path)
    assert f"the file is {encoding}; convert it with `iconv -f {encoding} -t UTF-8 < " in message
    if shutil.which("iconv") and content in (ROWS, OBJECTS):
        subprocess.run(["sh", "-c", message.split("`")[1]], check=True, cwd=tmp_path)
        converted = path.with_name(f"{path.stem}-utf8{path.suffix}")
        assert converted.read_text().removeprefix("\ufeff") == content
        assert labelled(converted) == READ


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (gzip.compress(ROWS.encode(), mtime=0), "compressed by gzip; unpack it with `gzip -dc < "),
        (zipped("r.csv"), "a zip archive; unpack it with `funzip < "),
        (zipped("xl/workbook.xml"), "an Excel workbook; save its sheet as CSV UTF-8"),
        (parquet(), "a Parquet file; name it .parquet"),
        (b"  <!DOCTYPE html><html>", "a web page; download the data themselves"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "a pointer of Git LFS"),
    ],
    ids=["gzip", "zip", "Excel", "Parquet", "HTML", "Git LFS"],
)
@pytest.mark.parametrize("name", ["r.csv", "r.jsonl", "r.tsv"])
def test_what_is_no_text_is_named(tmp_path: Path, name: str, content: bytes, fault: str) -> None:
    path = written(tmp_path / name, content)
    assert training_error(path).startswith(f"{name}: the file is {fault}")
    assert scoring_error(path).startswith(f"{name}: the file is {fault}")


def test_a_text_of_a_folder_that_is_no_text_is_named(tmp_path: Path) -> None:
    for name, content in {"pos/a.txt": b"good", "neg/b.txt": "bad".encode("utf-16")}.items():
        written(tmp_path / "acl" / name, content)
    assert training_error(tmp_path / "acl").startswith("acl/neg/b.txt: the file is UTF-16; convert it with `iconv")
