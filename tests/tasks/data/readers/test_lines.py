"""JSON Lines, text files with a review per line, and folders of text files."""

import gzip
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tasks.data.readers import lines
from tasks.data.readers.inputs import NO_WORD
from tests.tasks.data.own_texts.forms import Row, write_folder
from tests.tasks.data.readers.reading import (
    batches,
    labelled,
    rejects,
    scorable,
    scoring_error,
    training_error,
    written,
)

GOOD_LINE = b'{"text": "a fine film", "label": 1}\n'


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"text": "cut', 'not JSON; expected one object per line, such as {"text": "good", "label": 1}'),
        (b"{'text': 'x', 'label': 1}", "not JSON; names and texts are in single quotes; expected double ones"),
        (b'{"text": "a\tb", "label": 1}', "not JSON; a text contains a tab or another control character"),
        (b'{"text": "a\0b", "label": 1}', "the line contains a NUL character; remove it, as `tr -d '\\000' < "),
        (b"[1]", "found a JSON list; expected one object per line"),
        (b"[" * 100_000, "not JSON"),
        (b'{"review": "x", "label": 1}', "no 'text', found 'review', 'label'; name the right one with --text-column"),
        (b'{"text": 7, "label": 1}', "the text is a JSON int; expected a string"),
        (b'{"text": "x\\ud800", "label": 1}', "the text contains '\\ud800', half a character; write it as UTF-8"),
        (b'{"text": "caf\xe9", "label": 1}', "the line is not UTF-8; save the file as such"),
        (b'{"text": "x", "label": 1, "deep": ' + b"[" * 101 + b"]" * 101 + b"}", "nested more than 100 levels deep"),
    ],
)
def test_training_stops_at_a_faulty_line_and_scoring_sets_it_aside(tmp_path: Path, line: bytes, reason: str) -> None:
    path = written(tmp_path / "r.jsonl", GOOD_LINE + b"\n" + GOOD_LINE + line + b"\n" + GOOD_LINE)
    assert training_error(path).startswith(f"r.jsonl, row 4: {reason}")
    ((file, row, rejected),) = rejects(path)
    assert (file, row) == ("r.jsonl", 4)
    assert rejected.startswith(reason)
    assert [number for number, _ in scorable(path)] == [1, 3, 5]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"text": "x"}', "no 'label', found 'text'; name the right one with --label-column"),
        (b'{"text": "x", "label": {}}', "the label is a JSON dict; expected 0 or 1, true or false, or a name"),
        (b'{"text": "x", "label": "\\udc00"}', "the label contains '\\udc00', half a character"),
        (b'{"text": null, "label": 1}', "the text is empty; remove the row, or give it a text"),
    ],
)
def test_training_stops_at_a_line_without_text_or_label(tmp_path: Path, line: bytes, message: str) -> None:
    path = written(tmp_path / "r.jsonl", GOOD_LINE + line + b"\n")
    assert training_error(path).startswith(f"r.jsonl, row 2: {message}")


def test_a_text_that_is_null_and_half_a_character_in_any_column_are_set_aside(tmp_path: Path) -> None:
    objects = ['{"text": null}', '{"text": "a", "tags": ["\\ud800"]}', '{"text": "b", "\\ud800": 1}', '{"text": "c"}']
    path = written(tmp_path / "r.jsonl", "\n".join(objects).encode())
    assert [(row, reason) for _, row, reason in rejects(path)] == [
        (1, NO_WORD),
        (2, "column 'tags' contains '\\ud800', half a character; write it as UTF-8"),
        (3, "column '\\ud800' contains '\\ud800', half a character; write it as UTF-8"),
    ]
    assert scorable(path) == [(4, "c")]


def test_json_labels_of_any_kind(tmp_path: Path) -> None:
    labels = (True, 0, 1.0, "neg", None)
    content = [json.dumps({"text": "x\u2028y", "label": label, "tags": ["a"]}) for label in labels]
    path = written(tmp_path / "r.jsonl", b"\xef\xbb\xbf" + "\r\n".join(content).encode())
    assert [label for _, label in labelled(path)] == ["true", "0", "1.0", "neg", None]
    assert [text for _, text in scorable(path)] == ["x\u2028y"] * 5


@pytest.mark.parametrize("content", [b"", b"\n \r\n"])
def test_a_file_without_lines_is_empty(tmp_path: Path, content: bytes) -> None:
    path = written(tmp_path / "r.jsonl", content)
    assert training_error(path) == scoring_error(path) == "r.jsonl: the file is empty; expected one review per line"
    assert scoring_error(written(tmp_path / "r.txt", content)).startswith("r.txt: the file is empty")


def test_a_file_of_objects_without_the_column_is_one_line(tmp_path: Path) -> None:
    path = written(tmp_path / "r.jsonl", b'{"body": "x"}\n{"body": "y", "n": 1}\n')
    message = "r.jsonl: no 'text', found 'body', 'n'; name the right one with --text-column"
    assert training_error(path) == scoring_error(path) == message


def test_a_text_file_contains_a_review_per_line(tmp_path: Path) -> None:
    path = written(tmp_path / "r.txt", "\ufefffirst\r\n\n \nsecond, \u00e9\x85t\u00e9\nthird".encode())
    assert scorable(path) == [(1, "first"), (4, "second, \u00e9\x85t\u00e9"), (5, "third")]


@pytest.mark.parametrize("name", ["r.txt", "r.jsonl"])
def test_a_file_in_utf_16_is_one_line(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / name, "good\nbad\n".encode("utf-16"))
    assert scoring_error(path).startswith(f"{name}: the file is UTF-16; convert it with `iconv -f UTF-16 -t UTF-8 < ")


def test_a_line_that_is_too_long_is_a_faulty_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_LINE", 40)
    path = written(tmp_path / "r.jsonl", GOOD_LINE + b'"' + b"x" * 150 + b'"\n' + GOOD_LINE)
    assert [number for number, _ in scorable(path)] == [1, 3]
    assert rejects(path) == [("r.jsonl", 2, "longer than 0 MiB; expected a review")]
    assert training_error(path) == "r.jsonl, row 2: longer than 0 MiB; expected a review"


def test_a_text_that_is_not_utf8_in_a_folder_of_classes_is_named(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "acl", [Row("good", 1), Row("bad", 0), Row("bad\r\nworse", 0)])
    assert labelled(folder) == [("bad", "neg"), ("bad\r\nworse", "neg"), ("good", "pos")]
    (folder / "pos" / "9_9.txt").write_bytes(b"caf\xe9")
    assert training_error(folder) == "acl/pos/9_9.txt: the text is not UTF-8; save the file as such"
    (folder / "pos" / "9_9.txt").write_bytes(b" ")
    assert training_error(folder) == "acl/pos/9_9.txt: the text is empty; remove the row, or give it a text"


@pytest.mark.parametrize(
    ("name", "content", "row"),
    [("t/a.txt", b"\xef\xbb\xbffilm", 1), ("r.txt", b"\xef\xbb\xbf\nfilm", 2),
     ("r.jsonl", b'\xef\xbb\xbf\n{"text": "film"}', 2)],
)  # fmt: skip
def test_a_byte_order_mark_is_no_part_of_a_text(tmp_path: Path, name: str, content: bytes, row: int) -> None:
    path = written(tmp_path / name, content)
    given = path.parent if path.parent != tmp_path else path
    assert scorable(given) == [(row, "film")]
    assert rejects(given) == []


def test_a_scored_folder_gives_all_texts_below_it_with_their_files(tmp_path: Path) -> None:
    contents = {"b.txt": b"two", "a/c.txt": b"one\n", "a/d.txt": b"\xff", "a/e.txt": b" ", "notes.md": b"no"}
    for name, content in contents.items():
        written(tmp_path / "t" / name, content)
    (tmp_path / "t" / "folder.txt").mkdir()
    (tmp_path / "t" / "lost.txt").symlink_to("nowhere")
    (batch,) = batches(tmp_path / "t")
    assert batch.columns.to_pydict() == {"file": ["a/c.txt", "b.txt"], "text": ["one\n", "two"]}
    assert rejects(tmp_path / "t") == [
        ("d.txt", 1, "the text is not UTF-8; save the file as such"),
        ("e.txt", 1, NO_WORD),
    ]


def test_brackets_beside_one_another_are_not_deep(tmp_path: Path) -> None:
    line = json.dumps({"text": "x", "label": 1, "wide": [[]] * 200, "deep": json.loads("[" * 99 + "]" * 99)})
    assert rejects(written(tmp_path / "r.jsonl", line.encode())) == []


@pytest.mark.parametrize(("keys", "is_refused"), [(1, True), (40, False)])
def test_objects_with_a_key_of_their_own_each_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: int, is_refused: bool
) -> None:
    monkeypatch.setattr(lines, "MAX_KEYS", 50)
    objects = [{"text": "x", "label": 1} | {f"k{row}-{key}": 1 for key in range(keys)} for row in range(60)]
    content = "".join(f"{json.dumps(each)}\n" for each in (objects if is_refused else objects[:2]))
    path = written(tmp_path / "r.jsonl", content.encode())
    if is_refused:
        expected = "r.jsonl, line 49: 51 different keys so far, 3 in this object; expected objects with the same keys"
        assert scoring_error(path) == expected
    else:
        assert rejects(path) == []
    assert len(labelled(path)) == (60 if is_refused else 2)  # Training keeps the columns that it needs.


OTHER_FORMS = {
    b'[\n {"text": "x", "label": 1},\n {"text": "y", "label": 0}\n]\n': ("a JSON array", "jq -c '.[]'"),
    b'[{"text": "x", "label": 1}]': ("a JSON array", "jq -c '.[]'"),
    b'{"text": "x", "label": 1},\n{"text": "y", "label": 0}\n': ("a comma follows the object", "sed"),
    b'{\n "text": "x",\n "label": 1\n}\n': ("a JSON object of several lines", "jq -c ."),
    b'{"text": "x",\n "label": 1}\n': ("a JSON object of several lines", "jq -c ."),
    b'{"text": "x", "label": 1} {"text": "y", "label": 0}\n': ("several objects in a line", "jq -c ."),
}


@pytest.mark.parametrize("content", OTHER_FORMS)
@pytest.mark.parametrize("name", ["r.jsonl", "R.JSON", "r.ndjson.gz"])
def test_json_that_is_not_json_lines_is_named_with_the_command_that_converts_it(
    tmp_path: Path, name: str, content: bytes
) -> None:
    form, program = OTHER_FORMS[content]
    content = b"\n" + content
    path = written(tmp_path / name, gzip.compress(content) if name.endswith("gz") else content)
    message = training_error(path)
    assert message == scoring_error(path)
    assert message.startswith(f"{name}, row 2: {form}; ")
    assert f"{program}" in message
    assert "r-lines.jsonl` " in message.lower()
    command = message.split("`")[1]
    if shutil.which(program.split()[0]):
        subprocess.run(["sh", "-c", command], check=True, cwd=tmp_path)
        assert len(scorable(tmp_path / f"{name[0]}-lines.jsonl")) in (1, 2)


def test_a_line_of_the_greatest_length_after_a_byte_order_mark_is_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "MAX_LINE", 100)
    path = written(tmp_path / "r.jsonl", b'\xef\xbb\xbf{"text": "' + b"x" * 100 + b'"}\n' + GOOD_LINE)
    assert training_error(path).startswith("r.jsonl, row 1: longer than 0 MiB")
    assert [number for number, _ in scorable(path)] == [2]


@pytest.mark.parametrize("name", ["r.txt", "r.jsonl", "r.txt.gz"])
def test_lines_may_end_as_on_old_macs(tmp_path: Path, name: str) -> None:
    content = b'{"text": "one"}\r\r{"text": "two"}\r' if "json" in name else b"one\r\rtwo\r"
    path = written(tmp_path / name, gzip.compress(content) if name.endswith("gz") else content)
    assert scorable(path) == [(1, "one"), (3, "two")]


def test_a_text_in_a_folder_that_is_too_long_is_a_faulty_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_LINE", 40)
    written(tmp_path / "t" / "a.txt", b"x" * 41)
    written(tmp_path / "t" / "b.txt", b"good")
    assert rejects(tmp_path / "t") == [("a.txt", 1, "longer than 0 MiB; expected a review")]
