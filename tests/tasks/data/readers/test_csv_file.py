import gzip
from pathlib import Path

import pytest

from tasks.data.readers.inputs import NO_WORD
from tests.tasks.data.readers.reading import (
    batches,
    labelled,
    rejects,
    scorable,
    scoring_error,
    small_batches,
    training_error,
    written,
)

HEAD = b"text,label\n"
GOOD = b'"a fine, ""fine""\nfilm",1\n'


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"a,b,c\n", "found 3 columns, expected 2; put texts with commas or line ends in quotes"),
        (b"alone\n", "found 1 columns, expected 2; put texts with commas or line ends in quotes"),
        (b"caf\xe9,1\n", "the text is not UTF-8; save the file as such"),
    ],
)
def test_training_stops_at_a_faulty_row_and_scoring_sets_it_aside(tmp_path: Path, row: bytes, reason: str) -> None:
    path = written(tmp_path / "r.csv", HEAD + GOOD * 3 + row + GOOD)
    assert training_error(path) == f"r.csv, row 5: {reason}"
    assert rejects(path) == [("r.csv", 5, reason)]
    assert [number for number, _ in scorable(path)] == [2, 3, 4, 6]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "r.csv: the file is empty; expected a column 'text'"),
        (
            b"review,label\nx,1\n",
            "r.csv: no column 'text', found 'review', 'label'; name the right one with --text-column",
        ),
        (b"body;label\nx;1\n", "r.csv: no column 'text', found 'body', 'label'; name the right one with --text-column"),
        (b"text,text,label\nx,y,1\n", "r.csv: 2 columns are called 'text'; expected different names"),
        ((HEAD + GOOD).decode().encode("utf-16"), "r.csv: the file is UTF-16; convert it with `iconv -f UTF-16"),
        (b"text,caf\xe9,label\nx,1,1\n", "r.csv, row 1: the column names are not UTF-8; save the file as such"),
        (
            b'label,text\npos,fine\nneg,"never\npos,good\nneg,bad\n',
            "r.csv, row 3: a quote is never closed, and the rest of the file is one row; close the quote",
        ),
        (HEAD + b"x" * (17 << 20) + b",1\n", "r.csv, row 2: longer than 8 MiB, or a quote is never closed"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = written(tmp_path / "r.csv", content)
    assert training_error(path).startswith(message)
    assert scoring_error(path).startswith(message)


def test_training_stops_at_an_open_quote_in_the_last_row(tmp_path: Path) -> None:
    path = written(tmp_path / "r.csv", HEAD + GOOD + b'"never closed,1\n')
    assert training_error(path).startswith("r.csv, row 3: a quote is never closed")


def test_scoring_stops_at_an_open_quote_that_leaves_a_faulty_row(tmp_path: Path) -> None:
    path = written(tmp_path / "r.csv", b'text,id\n"a\nb",1\n"c,2\nd,3\n')
    assert scoring_error(path).startswith("r.csv, row 3: a quote is never closed, and the rest of the file is one row")


def test_an_open_quote_is_found_wherever_it_hides_the_rest_of_the_file(tmp_path: Path) -> None:
    message = "r.csv, row 3: a quote is never closed, and the rest of the file is one row; close the quote"
    path = written(tmp_path / "r.csv", b'text,id\na,1\n"b,2\nc,3\nd,4\n')  # In a row with too few columns.
    assert scoring_error(path) == message
    path = written(tmp_path / "r.csv", b'text,label,note\na,1,x\nb,0,"y\nc,1,z\n')  # In a column that is not read.
    assert training_error(path) == message


def test_a_quote_within_a_word_is_not_open(tmp_path: Path) -> None:
    path = written(tmp_path / "r.csv", b'text,label\na 5" screen,1\n"two\nlines",0\n')
    assert labelled(path) == [('a 5" screen', "1"), ("two\nlines", "0")]
    assert scorable(path) == [(2, 'a 5" screen'), (3, "two\nlines")]


def test_columns_that_are_not_read_may_have_the_same_name_in_training_only(tmp_path: Path) -> None:
    path = written(tmp_path / "r.csv", b"text,id,id,label\nx,1,2,0\n")
    assert labelled(path) == [("x", "0")]
    assert scoring_error(path) == "r.csv: 2 columns are called 'id'; expected different names"


def test_a_column_of_labels_is_missing_only_in_training(tmp_path: Path) -> None:
    path = written(tmp_path / "r.csv", b"text,stars\nx,1\n")
    assert training_error(path) == (
        "r.csv: no column 'label', found 'text', 'stars'; name the right one with --label-column"
    )
    assert scorable(path) == [(2, "x")]


def test_training_stops_at_the_first_of_several_faulty_rows(tmp_path: Path) -> None:
    path = written(tmp_path / "r.csv", HEAD + GOOD + b"caf\xe9,1\n" + GOOD + b"alone\n")
    assert training_error(path) == "r.csv, row 3: the text is not UTF-8; save the file as such"
    path = written(tmp_path / "r.csv", HEAD + b"film,caf\xe9\n" + b"caf\xe9,1\n")
    assert training_error(path) == "r.csv, row 2: the label is not UTF-8; save the file as such"


def test_faulty_rows_that_arrow_finds_ahead_wait_for_their_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_batches(monkeypatch, 100)
    path = written(tmp_path / "r.csv", HEAD + b"film,1\n" * 17 + b"caf\xe9,1\n" + b"film,1\nalone\n" * 40)
    assert training_error(path).startswith("r.csv, row 19: the text is not UTF-8")
    assert [row for _, row, _ in rejects(path)] == [19, *range(21, 100, 2)]


def test_training_names_a_row_of_a_later_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_batches(monkeypatch, 200)
    for row, reason in ((b",0\n", "the text is empty"), (b"caf\xe9,0\n", "the text is not UTF-8"), (b"x\n", "found 1")):
        path = written(tmp_path / "r.csv", HEAD + GOOD * 500 + row + GOOD * 500)
        assert training_error(path).startswith(f"r.csv, row 502: {reason}")


def test_a_file_with_byte_order_mark_windows_line_ends_and_other_columns(tmp_path: Path) -> None:
    content = b'\xef\xbb\xbfid,label,text\r\n1,neg,"a\r\nb"\r\n2,pos,NA\r\n'
    path = written(tmp_path / "r.csv", content)
    assert labelled(path) == [("a\r\nb", "neg"), ("NA", "pos")]
    assert scorable(path) == [(2, "a\r\nb"), (3, "NA")]


def test_scored_rows_keep_their_numbers_and_all_columns_as_written(tmp_path: Path) -> None:
    lines = [b"id,text", b'1,"two\nlines"', b"2,a,b", b"3,good", b"", b"4,\xff", b"5, .!", b"6", b"\xff,b", b"007,last"]
    path = written(tmp_path / "r.csv", b"\n".join(lines))
    assert scorable(path) == [(2, "two\nlines"), (4, "good"), (9, "last")]
    assert rejects(path) == [
        ("r.csv", 3, "found 3 columns, expected 2; put texts with commas or line ends in quotes"),
        ("r.csv", 5, "the text is not UTF-8; save the file as such"),
        ("r.csv", 6, NO_WORD),
        ("r.csv", 7, "found 1 columns, expected 2; put texts with commas or line ends in quotes"),
        ("r.csv", 8, "column 'id' is not UTF-8; save the file as such"),
    ]
    assert batches(path)[0].columns.column("id").to_pylist() == ["1", "3", "007"]


def test_row_numbers_run_on_over_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_batches(monkeypatch, 100)
    lines = [f"row {number}{',' if number % 7 == 0 else ''}" for number in range(2, 200)]
    path = written(tmp_path / "r.csv", "\n".join(["text", *lines]).encode())
    assert len(batches(path)) > 10
    assert scorable(path) == [(number, f"row {number}") for number in range(2, 200) if number % 7]
    assert [row for _, row, _ in rejects(path)] == list(range(7, 200, 7))


def test_empty_lines_may_come_before_the_header(tmp_path: Path) -> None:
    assert scorable(written(tmp_path / "r.csv", b"\xef\xbb\xbf\n\ntext,id\na,1\n")) == [(2, "a")]


@pytest.mark.parametrize("end", [b"\n", b""])
def test_a_file_without_good_rows_gives_only_rejects(tmp_path: Path, end: bytes) -> None:
    assert scorable(written(tmp_path / "r.csv", b"text" + end)) == []
    path = written(tmp_path / "s.csv", b"text\na,b\n")
    assert scorable(path) == []
    assert [row for _, row, _ in rejects(path)] == [2]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_one_with_which_the_header_has_all_columns(tmp_path: Path, delimiter: str) -> None:
    rows = ["id,my text,label", '7,"a, b; c\td|e",1', "8,plain,0"]
    content = "\n".join(row.replace(",", delimiter) if number != 1 else row for number, row in enumerate(rows))
    content = content.replace('7,"a, b; c\td|e",1', delimiter.join(["7", '"a, b; c\td|e"', "1"]))
    path = written(tmp_path / "r.csv", content.encode())
    assert labelled(path, text_column="my text") == [("a, b; c\td|e", "1"), ("plain", "0")]
    (batch,) = batches(path, "my text")
    assert batch.columns.schema.names == ["id", "my text", "label"]


def test_a_header_without_the_columns_is_shown_as_its_own_delimiter_divides_it(tmp_path: Path) -> None:
    path = written(tmp_path / "r.tsv", b"id\tbody, whole\tlabel\n1\tx\t0\n")
    assert training_error(path) == (
        "r.tsv: no column 'text', found 'id', 'body, whole', 'label'; name the right one with --text-column"
    )
    assert scoring_error(path) == training_error(path)


@pytest.mark.parametrize("start", ["sep=;\n", "\n", " \r\n", "\t\n;;\n", "\ufeff\n"])
def test_lines_before_the_header_that_name_nothing_are_skipped(tmp_path: Path, start: str) -> None:
    path = written(tmp_path / "r.csv", f"{start}text;label\ngood;1\n\nbad,film;0\n;\n".encode())
    assert training_error(path) == "r.csv, row 4: the text is empty; remove the row, or give it a text"
    assert scorable(path) == [(2, "good"), (3, "bad,film")]


def test_a_header_alone_may_end_in_any_way(tmp_path: Path) -> None:
    for end in (b"", b"\r", b"\r\n", b"\n\n"):
        assert scorable(written(tmp_path / "r.csv", b"text" + end)) == []


def test_a_nul_is_named_with_its_row_and_the_command_that_removes_it(tmp_path: Path) -> None:
    path = written(tmp_path / "r.csv", HEAD + b"film,1\n" * 30 + b"a\0b,0\nc,1\n")
    message = r"a value contains a NUL character; remove it, as `tr -d '\000' < "
    assert training_error(path).startswith(f"r.csv, row 32: {message}")
    assert [row for _, row, _ in rejects(path)] == [32]
    assert len(scorable(path)) == 31


def test_a_row_with_a_wrong_number_of_columns_that_is_not_utf8_is_one_line(tmp_path: Path) -> None:
    path = written(tmp_path / "r.csv", HEAD + b"film,1\ncaf\xe9,1,2\nfilm,1\n")
    assert "r.csv, row 3: not UTF-8, and found 3 columns, expected 2" in training_error(path)


def test_a_line_as_long_as_a_packed_bomb_is_not_unpacked_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_batches(monkeypatch, 1 << 16)
    path = written(tmp_path / "r.csv.gz", gzip.compress(HEAD + b"film,1\n" + b"x" * (64 << 20)))
    sizes: list[int] = []
    read = gzip.GzipFile.read

    def counted(file: gzip.GzipFile, size: int = -1) -> bytes:
        content = read(file, size)
        sizes.append(len(content))
        return content

    monkeypatch.setattr(gzip.GzipFile, "read", counted)
    assert training_error(path).startswith("r.csv.gz, row 3: longer than 0 MiB, or a quote is never closed")
    assert 0 < sum(sizes) < 8 << 20
