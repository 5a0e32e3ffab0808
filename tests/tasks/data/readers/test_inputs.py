"""What one command reads, every command reads."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from tasks.data.new_texts import read_texts
from tasks.data.readers.inputs import FORMATS, labelled_inputs, signature, unlabelled_inputs
from tasks.data.tokenizer import Tokenizer
from tasks.errors import DataError
from tasks.results.data import IMDB_RULES, TextData
from tests.tasks.data.own_texts.forms import FORMS, reviews, write
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

ROWS = reviews(60)


def drift_tokens(path: Path) -> list[list[int]]:
    """Tokens of texts as the drift check reads them."""
    return sorted(
        read_texts(path, "text", Tokenizer({"film": 1, "bad": 2, "good": 3}, IMDB_RULES), 7, 20)
        .tokens.padded()
        .tolist()
    )


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_every_command_the_same_texts(tmp_path: Path, form: str) -> None:
    path = write(tmp_path, form, ROWS)
    texts = sorted(row.text for row in ROWS)
    assert sorted(text for text, _ in labelled(path)) == texts
    assert sorted(text for _, text in scorable(path)) == texts
    assert not rejects(path)
    assert drift_tokens(path) == drift_tokens(write(tmp_path / "csv", ".csv", ROWS))


@pytest.mark.parametrize("form", [".csv", ".parquet", ".jsonl"])
def test_every_command_reads_a_folder_of_files(tmp_path: Path, form: str) -> None:
    parts = tmp_path / "parts"
    for number in range(3):
        write(parts, form, ROWS[number * 20 : number * 20 + 20], f"part-{number}")
    written(parts / "_SUCCESS", b"")
    written(parts / f".part-0{form}.crc", b"")
    written(parts / f".hidden{form}", b"\xff")
    texts = [row.text for row in ROWS]
    assert [text for text, _ in labelled(parts)] == texts
    assert [text for _, text in scorable(parts)] == texts
    assert drift_tokens(parts) == drift_tokens(write(tmp_path, ".csv", ROWS))


def test_drift_reads_lines_and_folders_of_texts_as_scoring_does(tmp_path: Path) -> None:
    lines = written(tmp_path / "r.txt", b"good film\nbad film\n")
    folder = tmp_path / "texts"
    written(folder / "a.txt", b"good film")
    written(folder / "deep" / "b.txt", b"bad film")
    assert drift_tokens(lines) == drift_tokens(folder) == [[0] * 17 + [1, 5, 4], [0] * 17 + [1, 6, 4]]
    assert sorted(text for _, text in scorable(folder)) == sorted(text for _, text in scorable(lines))


@pytest.mark.parametrize("form", [".parquet", ".jsonl", "folder"])
def test_a_batch_has_few_bytes_and_few_rows_and_row_numbers_run_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    path = write(tmp_path, form, ROWS)
    numbers = [number for number, _ in scorable(path)]
    assert numbers == ([1] * 60 if form == "folder" else list(range(1, 61)))
    for size, rows in ((1_000, 8_192), (8 << 20, 7)):
        small_batches(monkeypatch, size, rows)
        found = batches(path)
        assert max(map(len, found)) <= 20
        assert np.concatenate([batch.rows for batch in found]).tolist() == numbers


def test_a_name_that_is_not_utf8_in_a_folder_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "parts", ".csv", ROWS, "a\udcff")
    for error in (training_error(tmp_path / "parts"), scoring_error(tmp_path / "parts")):
        assert error.endswith("a\\udcff.csv': the name is not UTF-8; rename the file")


def test_a_link_is_read_by_its_own_name(tmp_path: Path) -> None:
    path = written(tmp_path / "blobs" / "3f9a", b"text,label\ngood,1\n")
    (tmp_path / "r.csv").symlink_to(path)
    assert labelled(tmp_path / "r.csv") == [("good", "1")]
    assert scorable(tmp_path / "r.csv") == [(2, "good")]


def test_hidden_files_are_no_texts(tmp_path: Path) -> None:
    write(tmp_path, "folder", ROWS[:4], "t")
    for name in ("pos/._1.txt", "pos/.ipynb_checkpoints/2.txt", ".3.txt"):
        written(tmp_path / "t" / name, b"\x00\xff")
    assert len(labelled(tmp_path / "t")) == len(scorable(tmp_path / "t")) == 4
    assert not rejects(tmp_path / "t")


def test_a_folder_of_texts_and_of_rows_is_ambiguous(tmp_path: Path) -> None:
    written(tmp_path / "t" / "README.txt", b"What these files are.")
    written(tmp_path / "t" / "a.csv", b"text\ngood\n")
    assert "README.txt and a.csv in this folder; give a pattern of one kind" in scoring_error(tmp_path / "t")


def test_a_pattern_means_all_its_files_in_order(tmp_path: Path) -> None:
    for name in ("b", "a"):
        written(tmp_path / f"{name}.jsonl", json.dumps({"text": name}).encode())
    assert scorable(tmp_path / "*.jsonl") == [(1, "a"), (1, "b")]
    before = signature(unlabelled_inputs(tmp_path / "*.jsonl"))
    written(tmp_path / "b.jsonl", b'{"text": "other"}')
    assert signature(unlabelled_inputs(tmp_path / "*.jsonl")) != before


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.csv", "none.csv: no such file; give a path or a pattern of .csv, .tsv, .parquet, .jsonl"),
        ("a.doc", "a.doc: the file is of kind '.doc'; expected .csv, .tsv, .parquet, .jsonl"),
        ("bare", "bare: the file has no suffix; expected .csv"),
    ],
)
def test_what_is_no_input_is_named(tmp_path: Path, name: str, message: str) -> None:
    for other in ("a.doc", "bare"):
        (tmp_path / other).touch()
    assert scoring_error(tmp_path / name).startswith(message)
    assert training_error(tmp_path / name).startswith(f"--data {message}")
    with pytest.raises(DataError, match=f"^{tmp_path}/{message}"):
        drift_tokens(tmp_path / name)


def test_a_folder_without_texts_is_named(tmp_path: Path) -> None:
    written(tmp_path / "t" / "a.doc", b"text")
    assert scoring_error(tmp_path / "t") == (
        f"t: no files of kind {', '.join(FORMATS)} in this folder; expected at least one"
    )
    assert training_error(tmp_path / "t") == (
        "--data t: neither train/pos and train/neg nor pos and neg in this folder, nor files of kind .csv, .tsv, "
        ".parquet, .jsonl, .ndjson, .json; expected one of these"
    )


def test_texts_without_labels_are_nothing_to_train_on(tmp_path: Path) -> None:
    path = written(tmp_path / "r.txt", b"good\n")
    assert training_error(path).startswith(
        "--data r.txt: the file is of kind '.txt'; expected .csv, .tsv, .parquet, .jsonl"
    )
    written(tmp_path / "t" / "r.txt", b"good\n")
    assert training_error(tmp_path / "t").startswith("--data t: neither train/pos and train/neg")


def test_the_test_part_of_a_folder_is_left_out_where_other_test_data_are_given(tmp_path: Path) -> None:
    root = tmp_path / "acl"
    write(root, "folder", ROWS[:4], "train")
    write(root, "folder", ROWS[4:8], "test")
    held_out = write(tmp_path, ".csv", ROWS[8:12])
    parts = [(entry.path.name, entry.part) for entry in labelled_inputs(TextData((root,), (held_out,)))]
    assert parts == [("train", "train"), ("reviews.csv", "test")]
    parts = [(entry.path.name, entry.part) for entry in labelled_inputs(TextData((root, held_out)))]
    assert parts == [("train", "train"), ("test", "test"), ("reviews.csv", "train")]


@pytest.mark.parametrize("link", [False, True])
def test_a_pipe_or_a_link_to_one_is_no_input(tmp_path: Path, link: bool) -> None:
    os.mkfifo(tmp_path / ("pipe" if link else "t.csv"))
    if link:
        (tmp_path / "t.csv").symlink_to(tmp_path / "pipe")
    for inputs in (lambda path: labelled_inputs(TextData((path,))), unlabelled_inputs):
        with pytest.raises(DataError, match="t.csv: found a folder, a pipe or a device; expected a file"):
            inputs(tmp_path / "t.csv")


def test_the_content_decides_even_with_the_same_size_and_times(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text\ngood\n")
    before, times = signature(unlabelled_inputs(path)), path.stat()
    path.write_text("text\nevil\n")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert signature(unlabelled_inputs(path)) != before
    path.write_text("text\ngood\n")
    assert signature(unlabelled_inputs(path)) == before


@pytest.mark.parametrize("target", ["nowhere.csv", "r.csv"])
def test_a_link_that_leads_nowhere_is_named(tmp_path: Path, target: str) -> None:
    (tmp_path / "r.csv").symlink_to(target)
    with pytest.raises(DataError, match="r.csv: a link that leads nowhere, or to itself; correct it"):
        unlabelled_inputs(tmp_path / "r.csv")


def test_folders_around_the_data_are_stepped_into(tmp_path: Path) -> None:
    data = tmp_path / "v1" / "__extracted" / "aclImdb"
    write(data, "folder", ROWS[:6], "train")
    write(tmp_path / "v2" / "deep" / "er", ".csv", ROWS[:6])
    for name in ("v1/.DS_Store", "v1/__MACOSX/._aclImdb", "v1/__extracted/._aclImdb", "v2/deep/.git/x.csv"):
        written(tmp_path / name, b"\x00\xff")
    for folder in ("v1", "v2"):
        assert sorted(text for text, _ in labelled(tmp_path / folder)) == sorted(row.text for row in ROWS[:6])
        assert sorted(text for _, text in scorable(tmp_path / folder)) == sorted(row.text for row in ROWS[:6])


def test_a_folder_beside_others_is_not_stepped_into(tmp_path: Path) -> None:
    write(tmp_path / "v1" / "a", ".csv", ROWS[:6])
    (tmp_path / "v1" / "b").mkdir()
    assert "v1: neither train/pos and train/neg" in training_error(tmp_path / "v1")
    (tmp_path / "loop" / "a").mkdir(parents=True)
    (tmp_path / "loop" / "a" / "b").symlink_to(tmp_path / "loop")
    assert "loop: neither train/pos" in training_error(tmp_path / "loop")


def test_json_beside_other_tables_describes_them(tmp_path: Path) -> None:
    written(tmp_path / "t" / "dataset_info.json", b'{\n "features": {}\n}')
    path = written(tmp_path / "t" / "r.ndjson", b'{"text": "good", "label": 1}\n')
    assert labelled(tmp_path / "t") == [("good", "1")]
    path.rename(tmp_path / "t" / "r.JSON")
    (tmp_path / "t" / "dataset_info.json").unlink()
    assert labelled(tmp_path / "t") == [("good", "1")]


def test_texts_in_folders_within_a_class_have_its_label(tmp_path: Path) -> None:
    for name in ("pos/2019/a.txt", "pos/b.txt", "neg/pos/c.txt", "neg/.d/e.txt", "neg/._f.txt"):
        written(tmp_path / "acl" / "train" / name, name.encode())
    assert labelled(tmp_path / "acl") == [("neg/pos/c.txt", "neg"), ("pos/2019/a.txt", "pos"), ("pos/b.txt", "pos")]


def test_a_pattern_means_no_hidden_files_unless_it_names_them(tmp_path: Path) -> None:
    for name in ("a.csv", "._a.csv", ".b.csv"):
        written(tmp_path / name, b"text,label\nx,1\n")
    assert [entry.path.name for entry in unlabelled_inputs(tmp_path / "*.csv")] == ["a.csv"]
    assert [entry.path.name for entry in unlabelled_inputs(tmp_path / ".*.csv")] == ["._a.csv", ".b.csv"]


@pytest.mark.parametrize("form", [".csv", ".parquet", ".jsonl", "folder"])
def test_rows_with_dropped_labels_are_not_read(tmp_path: Path, form: str) -> None:
    path = write(tmp_path, form, ROWS[:10])
    positive = "pos" if form == "folder" else "1.0"
    kept = labelled(path, drop=(positive,))
    assert sorted(text for text, _ in kept) == sorted(row.text for row in ROWS[:10] if not row.label)
