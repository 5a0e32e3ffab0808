"""No quote changes, merges or drops a row without a word."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.data.readers import csv_file
from tasks.data.readers.inputs import labelled_columns, labelled_inputs, read_all
from tasks.data.readers.quotes import QuoteCheck
from tasks.results.data import TextData
from tests.tasks.data.readers.reading import (
    labelled,
    rejects,
    scorable,
    scoring_error,
    small_batches,
    training_error,
    written,
)

ROWS = "".join(f"film number {number},{number % 2}\n" for number in range(20))
HEAD = "text,label\n"


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ('"He said \\"hi\\", bye",1\n', "quotes within texts are escaped by a backslash; write them twice, as `sed"),
        ('"He said \\"hi\\" bye",1\n', "quotes within texts are escaped by a backslash"),
        ('"5" screen",1\n', "text follows a closing quote, or an earlier quote is not closed"),
        ('"a film,"good",1\n', "text follows a closing quote"),
        ('"never closed,1\n', "a quote is never closed, and the rest of the file is one row"),
    ],
)
@pytest.mark.parametrize("size", [8 << 20, 70])
def test_a_quote_that_csv_does_not_allow_is_named_with_its_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, row: str, fault: str
) -> None:
    small_batches(monkeypatch, size)
    rest = "" if "never" in row and size == 70 else ROWS
    path = written(tmp_path / "r.csv", f'{HEAD}\n{ROWS}"two\nlines ""here""",1\n{row}{rest}'.encode())
    assert training_error(path).startswith(f"r.csv, row 23: {fault}")
    assert scoring_error(path).startswith(f"r.csv, row 23: {fault}")


def test_a_stray_quote_before_quoted_texts_is_named_at_its_row(tmp_path: Path) -> None:
    path = written(tmp_path / "r.csv", f'{HEAD}{ROWS}"inch wide,1\n"good, really",0\n{ROWS}'.encode())
    assert training_error(path).startswith("r.csv, row 22: text follows a closing quote, or an earlier quote")


def test_quotes_in_tabs_come_with_the_command_that_puts_all_texts_in_quotes(tmp_path: Path) -> None:
    path = written(tmp_path / "r.tsv", b'text\tlabel\n"Best" film\t1\nbad\t0\n')
    assert "if no text is in quotes, `sed " in training_error(path)


MERGED = [
    ("text,label\n", 'inch wide,1\n"inch', 'film number 3,1\nfilm number 4,0\n12",0\n', 1),
    ("text,label\n", '"inch wide,1\nfilm 12",0\n', "", 0),
    ("label,text\n", '1,"inch wide\n0,film number 4\n0,12"\n', "", 0),
    ("id|label|text\n", '21|1|"inch wide\n22|0|film\n23|0|12"\n', "", 0),
    ("id;text;label\n", '21;"inch wide;1\n22;film;0\n23;12";0\n', "", 0),
    ("text,label,note\n", 'film,1,"a note\nfilm,0,other\nfilm,0,12"\n', "", 0),  # In a column that is not read.
]


@pytest.mark.parametrize(("header", "start", "end", "before"), MERGED)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_rows_merged_by_two_stray_quotes_are_refused(
    tmp_path: Path, header: str, start: str, end: str, before: int, line_end: str
) -> None:
    columns, delimiter = header.strip(), next(each for each in "|;," if each in header)
    values = {"text": "film number {}", "label": "{}", "id": "1{}", "note": "note {}"}
    rows = "".join(
        delimiter.join(values[name].format(number % 2) for name in columns.split(delimiter)) + "\n"
        for number in range(9)
    )
    path = written(tmp_path / "r.csv", (header + rows + start + end + rows).replace("\n", line_end).encode())
    assert training_error(path).startswith(f"r.csv, row {11 + before}: a value contains what look like whole rows")
    assert [row for _, row, _ in rejects(path)] == [11 + before]
    assert len(scorable(path)) == 18 + before


@pytest.mark.parametrize(
    "text",
    [
        "two\nlines", "Roses are red, violets are blue\nand so, are you\nthe end", "a, b\nc, 1\nd", "1, the plot\n0",
        "Budget:\n10,000 dollars\n", "a,\n,b", "x\n,1\n", "good,bad\nugly",
    ],
)  # fmt: skip
def test_a_text_with_line_ends_is_read(tmp_path: Path, text: str) -> None:
    for header, row in (("text,label", [text, "1"]), ("label,text", ["1", text]), ("text,label,id", [text, "1", "7"])):
        names = header.split(",")
        others = [[{"text": f"film {n}", "label": str(n % 2), "id": str(n)}[name] for name in names] for n in range(9)]
        content = io.StringIO()
        csv.writer(content).writerows([names, *others, row])
        assert labelled(written(tmp_path / "r.csv", content.getvalue().encode()))[-1] == (text, "1")


PIECES = st.sampled_from(['"', '""', "a", ",", "\n", "\r", "\r\n", ' "', '"x', "b,1\n", "\\"])


@settings(deadline=None, max_examples=300)
@given(st.lists(PIECES, max_size=25).map("".join), st.integers(1, 7))
def test_quotes_are_doubtful_wherever_exact_reading_finds_a_fault(text: str, size: int) -> None:
    check = QuoteCheck(",")
    for start in range(0, len(text), size):
        check.add(text[start : start + size].encode())
    check.end()
    try:
        list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error:
        assert check.is_doubtful
    quoted = io.StringIO()
    csv.writer(quoted, quoting=csv.QUOTE_ALL).writerow([text, text])
    check = QuoteCheck(",")
    check.add(quoted.getvalue().encode())
    check.end()
    assert not check.is_doubtful


TEXT = st.text(st.sampled_from('ab ,;\t|"\r\n\u00e9\U0001f600\u2028'), min_size=1, max_size=12).filter(str.strip)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(TEXT, TEXT, st.sampled_from("01")), min_size=1, max_size=12),
    delimiter=st.sampled_from(",;\t|"),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    quotes_all=st.booleans(),
    order=st.permutations([0, 1, 2]),
    size=st.integers(150, 300),
    start=st.sampled_from(["", "\ufeff", "\n", "\r\n \r\n"]),
    end=st.sampled_from(["", "\n", "\r\r", "\r\n\r\n"]),
)
def test_any_csv_is_read_as_pythons_module_reads_it(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str, str]],
    delimiter: str,
    line_end: str,
    quotes_all: bool,
    order: list[int],
    size: int,
    start: str,
    end: str,
) -> None:
    rows = [(f"t{n}{text}", f"o{n}{other}", label) for n, (text, other, label) in enumerate(rows)]  # Nothing repeats.

    def quoted(value: str) -> str:
        needs_quotes = quotes_all or any(character in value for character in f'"\r\n{delimiter}')
        return '"{}"'.format(value.replace('"', '""')) if needs_quotes else value

    lines = [delimiter.join(quoted(row[place]) for place in order) for row in [("text", "other", "label"), *rows]]
    content = start + line_end.join(lines) + end
    path = written(tmp_path_factory.mktemp("csv") / "r.csv", content.encode())
    expected = list(csv.DictReader(io.StringIO(content.lstrip("\ufeff\r\n "), newline=""), delimiter=delimiter))
    with pytest.MonkeyPatch.context() as patch:
        small_batches(patch, size)
        patch.setattr(csv_file, "_HEADER_BYTES", 64)  # What follows is read from the file block by block.
        found = labelled(path)
    assert found == [(row["text"], row["label"]) for row in expected]
    assert found == [(text, label) for text, _, label in rows]


@pytest.mark.parametrize("offset", range(6))
@pytest.mark.parametrize("line_end", ["\r\n", "\n", "\r", "\r\r\n", "\r\n\r\n"])
def test_line_ends_in_texts_keep_their_bytes_wherever_a_block_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offset: int, line_end: str
) -> None:
    small_batches(monkeypatch, 64)
    monkeypatch.setattr(csv_file, "_HEADER_BYTES", 64)
    texts = [f"{'x' * (number % 23)}{'y' * offset}a{line_end}b" for number in range(40)]
    path = written(tmp_path / "r.csv", ("text,label\r\n" + "".join(f'"{text}",1\r\n' for text in texts)).encode())
    data = TextData((path,))
    batches = [batch for _, batch in read_all(labelled_inputs(data), labelled_columns(data))]
    assert len(batches) > 10
    assert [text for batch in batches for text in batch.strings("text").to_pylist()] == texts
