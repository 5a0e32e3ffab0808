import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tasks.data.own_texts import second_pass
from tasks.data.own_texts.workers import using_executor
from tasks.data.parquet import read_column, read_tokens
from tasks.data.tokenizer import Tokenizer, split_words
from tasks.errors import DataError
from tasks.fetch import fetch
from tasks.prepare import prepare
from tasks.results.data import UNICODE_RULES, Dataset, TextData
from tests.tasks.data.own_texts.forms import FORMS, Row, reviews, write, write_csv
from tests.tasks.data.readers.reading import small_batches

ROWS = reviews(120)


def prepared(data: TextData, folder: Path, vocabulary_size: int = 30, limit: int | None = None) -> Dataset:
    """The dataset of own texts."""
    source = fetch.keep(data, "auto", folder / "cache")
    return prepare.keep(source, vocabulary_size, 12, limit, folder / "data")


def content(dataset: Dataset) -> list[bytes]:
    """Everything that training reads."""
    return [
        dataset.train.path.read_bytes(), dataset.test.path.read_bytes(), dataset.vocabulary.read_bytes(),
        (dataset.word_index or Path()).read_bytes(),
    ]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_the_form_changes_neither_fingerprint_nor_tokens(tmp_path: Path, form: str) -> None:
    expected = prepared(TextData((write(tmp_path, ".csv", ROWS),)), tmp_path / "csv")
    other = list(reversed(ROWS)) if form == ".csv" else ROWS
    found = prepared(TextData((write(tmp_path / "other", form, other),)), tmp_path / "out")
    assert found.fingerprint == expected.fingerprint
    assert content(found) == content(expected)


@pytest.mark.parametrize("form", FORMS)
def test_the_form_of_given_splits_changes_nothing_either(tmp_path: Path, form: str) -> None:
    def given(form: str) -> TextData:
        folder = tmp_path / form
        return TextData((write(folder, form, ROWS[:80]),), (write(folder, form, ROWS[80:], "test"),))

    expected, found = prepared(given(".csv"), tmp_path / "csv"), prepared(given(form), tmp_path / "out")
    assert (found.train.reviews, found.test.reviews) == (80, 40)
    assert content(found) == content(expected)


def test_names_of_labels_are_kept_with_the_dataset(tmp_path: Path) -> None:
    def named(*names: str) -> Dataset:
        path = tmp_path / "r.csv"
        path.write_text("text,label\n" + "".join(f"film {n},{names[n % 2]}\n" for n in range(60)))
        return prepared(TextData((path,), positive=names[1] if names[1] == "gut" else None), tmp_path)

    usual, other = named("negative", "positive"), named("0", "1")
    assert (usual.labels, other.labels) == (("negative", "positive"), ("0", "1"))
    assert other.fingerprint == usual.fingerprint  # Networks are not trained again.
    own = named("schlecht", "gut")
    assert own.labels == ("schlecht", "gut")
    assert own.fingerprint != usual.fingerprint  # They are, because each keeps its names.


def test_the_parts_of_a_folder_like_aclimdb_are_used(tmp_path: Path) -> None:
    root = tmp_path / "aclImdb"
    write(root, "folder", ROWS[:80], "train")
    write(root, "folder", ROWS[80:], "test")
    (root / "train" / "unsup").mkdir()
    (root / "train" / "unsup" / "1_0.txt").write_text("ignored")
    found = prepared(TextData((root,)), tmp_path / "folder")
    files = TextData((write(tmp_path, ".csv", ROWS[:80]),), (write(tmp_path, ".csv", ROWS[80:], "test"),))
    assert content(found) == content(prepared(files, tmp_path / "csv"))


def test_each_review_has_the_tokens_of_its_text_and_its_label(tmp_path: Path) -> None:
    dataset = prepared(TextData((write(tmp_path, ".csv", ROWS),)), tmp_path)
    assert dataset.word_index
    tokenizer = Tokenizer.read(dataset.word_index, UNICODE_RULES)
    expected = {
        (
            tuple(tokenizer.encode([row.text]).tokens(30, 12).values.tolist()),
            row.label,
            len(split_words([row.text], UNICODE_RULES).words) + 1,
        )
        for row in ROWS
    }
    found = set()
    for split in (dataset.train, dataset.test):
        columns = (
            [tokens.tolist() for tokens in map(read_tokens(split.path).review, range(split.reviews))],
            read_column(split.path, "label"),
            read_column(split.path, "length"),
        )
        found |= {(tuple(tokens), int(label), int(length)) for tokens, label, length in zip(*columns, strict=True)}
    assert {row[:2] for row in found} == {row[:2] for row in expected}
    assert dataset.train.reviews + dataset.test.reviews == 120
    assert read_column(dataset.test.path, "review_id").tolist() == list(range(dataset.test.reviews))


def test_the_vocabulary_is_that_of_the_training_part_by_frequency_then_by_word(tmp_path: Path) -> None:
    train = [Row("b a c b c", 0), Row("c é Z", 1)]
    test = [Row("x x x x x b", 0), Row("x c", 1)]
    dataset = prepared(
        TextData((write(tmp_path, ".csv", train),), (write(tmp_path, ".csv", test, "test"),)),
        tmp_path,
        vocabulary_size=6,
    )
    assert dataset.word_index
    assert json.loads(dataset.word_index.read_text()) == {"c": 1, "b": 2, "a": 3, "z": 4, "é": 5}
    assert json.loads(dataset.vocabulary.read_text()) == {"c": 1, "b": 2}
    assert dataset.test.unknown_rate == 0
    assert dataset.train.unknown_rate == pytest.approx(3 / 8)
    rows = zip(
        read_tokens(dataset.train.path).padded()[:, -6:].tolist(), read_column(dataset.train.path, "label"), strict=True
    )
    assert sorted(rows) == [([0, 0, 1, 4, 2, 2], 1), ([1, 5, 2, 4, 5, 4], 0)]


def test_keras_index_instead_of_an_own_vocabulary(tmp_path: Path) -> None:
    index = {"film": 1, "good": 2, "bad": 30}
    (tmp_path / "imdb_word_index.json").write_text(json.dumps(index))
    data = TextData((write(tmp_path, ".csv", ROWS),), vocabulary="imdb")
    dataset = prepared(data, tmp_path)
    assert dataset.word_index
    assert json.loads(dataset.word_index.read_text()) == index
    assert json.loads(dataset.vocabulary.read_text()) == {"film": 1, "good": 2}
    assert dataset.fingerprint != prepared(TextData(data.data), tmp_path).fingerprint


def test_dataset_json_says_which_tokenizer_and_words(tmp_path: Path) -> None:
    dataset = prepared(TextData((write(tmp_path, ".csv", ROWS),)), tmp_path)
    record = json.loads((dataset.folder / "dataset.json").read_text())
    assert record["word_rules"] == {"name": "unicode", "version": 1}
    assert record["source"]["texts"]["vocabulary"] == "training"
    assert record["word_index_sha256"] == dataset.word_index_sha256
    assert dataset.title == "texts of reviews.csv"


def test_a_second_run_reads_no_text_and_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path, ".csv", ROWS)
    dataset = prepared(TextData((path,)), tmp_path)
    record = fetch.record(TextData((path,)), "auto", tmp_path / "cache")
    assert record
    assert record.read() == dataset.source
    write_csv(path, reviews(130))
    changed = fetch.record(TextData((path,)), "auto", tmp_path / "cache")
    assert changed
    assert changed.read() is None
    assert prepared(TextData((path,)), tmp_path).fingerprint != dataset.fingerprint


def test_files_that_change_between_both_passes_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, ".csv", ROWS)
    source = fetch(TextData((path,)), "auto", tmp_path / "cache")
    write_csv(path, reviews(119))
    with pytest.raises(DataError, match="changed since they were surveyed"):
        prepare.keep(source, 30, 12, None, tmp_path / "data")
    assert [path.suffix for path in (tmp_path / "data").iterdir()] == [".lock"]


@pytest.mark.parametrize("form", FORMS)
def test_small_batches_and_buckets_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    path = write(tmp_path, form, ROWS)
    expected = prepared(TextData((path,)), tmp_path / "expected")
    small_batches(monkeypatch, 500, rows=5)
    monkeypatch.setattr(second_pass, "ROW_GROUP", 7)
    monkeypatch.setattr(second_pass, "_BUCKET", 21)
    found = prepared(TextData((path,)), tmp_path / "found")
    for split in ("train", "test"):
        one, other = getattr(expected, split), getattr(found, split)
        assert pq.read_table(one.path).equals(pq.read_table(other.path))
        assert (one.length_quantiles, one.unknown_rate) == (other.length_quantiles, other.unknown_rate)


def test_the_first_reviews_only(tmp_path: Path) -> None:
    path = write(tmp_path, ".csv", ROWS)
    every, few = (prepared(TextData((path,)), tmp_path, limit=limit) for limit in (None, 15))
    assert (few.train.reviews, few.test.reviews) == (15, 15)
    np.testing.assert_array_equal(read_tokens(few.train.path).padded(), read_tokens(every.train.path)[:15].padded())


def test_other_processes_can_do_the_work(tmp_path: Path) -> None:
    path = write(tmp_path, ".csv", ROWS)
    expected = prepared(TextData((path,)), tmp_path / "expected")
    with ProcessPoolExecutor(1) as pool, using_executor(pool, 1):
        assert content(prepared(TextData((path,)), tmp_path / "found")) == content(expected)
