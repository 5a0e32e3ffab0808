import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tasks.data.parquet import read_column, read_tokens
from tasks.errors import DataError
from tasks.fetch import fetch
from tasks.prepare import dataset_record, prepare
from tasks.results.data import Dataset, Source
from tasks.storage.files import sha256_of_file, sha256_of_json, write_json


def test_the_schema_is_as_documented(dataset: Dataset) -> None:
    schema = pq.read_schema(dataset.train.path)
    assert [f"{field.name}: {field.type}" for field in schema] == [
        "review_id: int32",
        "label: uint8",
        "length: int32",
        "tokens: fixed_size_list<element: uint8 not null>[30]",
    ]
    assert schema.metadata[b"source_sha256"] == dataset.source.sha256.encode()
    assert schema.metadata[b"fingerprint"] == dataset.fingerprint.encode()
    assert pq.ParquetFile(dataset.train.path).metadata.row_group(0).column(3).compression == "ZSTD"


def test_dataset_json_describes_both_splits(dataset: Dataset) -> None:
    record = json.loads((dataset.folder / "dataset.json").read_text())
    assert record["train"]["reviews"] == 120
    assert record["test"]["positive"] == 30
    assert record["train"]["length_quantiles"]["100%"] == read_column(dataset.train.path, "length").max()
    assert record["source"]["sha256"] == dataset.source.sha256
    assert 0 < record["train"]["unknown_rate"] < 1


def test_review_ids_are_places_in_the_source(dataset: Dataset) -> None:
    assert sorted(read_column(dataset.train.path, "review_id").tolist()) == list(range(120))


def test_a_second_run_reuses_the_files(dataset: Dataset, source: Source, tmp_path: Path) -> None:
    before = dataset.train.path.stat().st_mtime_ns
    assert prepare.keep(source, 50, 30, None, tmp_path / "data") == dataset
    assert dataset.train.path.stat().st_mtime_ns == before


def test_another_origin_changes_the_description_but_no_token(dataset: Dataset, source: Source, tmp_path: Path) -> None:
    moved = replace(source, origin="elsewhere")
    again = prepare.keep(moved, 50, 30, None, tmp_path / "data")
    assert again.source.origin == "elsewhere"
    assert (again.fingerprint, again.train.sha256) == (dataset.fingerprint, dataset.train.sha256)


def test_the_vocabulary_holds_the_words_of_the_tokens(source: Source, tmp_path: Path) -> None:
    index = tmp_path / "index.json"
    index.write_text('{"the": 1, "film": 46, "rare": 47}')
    indexed = replace(source, word_index=index, word_index_sha256="1" * 64)
    dataset = prepare.keep(indexed, 50, 30, None, tmp_path / "data")
    assert json.loads(dataset.vocabulary.read_text()) == {"the": 1, "film": 46}


@pytest.mark.parametrize("change", [{"vocabulary_size": 40}, {"max_length": 20}, {"reviews": 20}, {"sha256": "1" * 64}])
def test_every_parameter_gives_another_fingerprint(
    dataset: Dataset, source: Source, tmp_path: Path, change: dict
) -> None:
    other = replace(source, sha256=change.pop("sha256", source.sha256))
    cut = {"vocabulary_size": 50, "max_length": 30, "reviews": None} | change
    assert prepare.keep(other, *cut.values(), tmp_path / "data").fingerprint != dataset.fingerprint


def test_a_damaged_file_is_made_again(dataset: Dataset, source: Source, tmp_path: Path) -> None:
    dataset.train.path.write_bytes(b"broken")
    again = prepare.keep(source, 50, 30, None, tmp_path / "data")
    assert read_tokens(again.train.path).padded().shape == (120, 30)


def test_a_damaged_file_without_padding_is_made_again(dataset: Dataset, source: Source, tmp_path: Path) -> None:
    before = dataset.train.unpadded.read_bytes()
    dataset.train.unpadded.write_bytes(b"broken")
    again = prepare.keep(source, 50, 30, None, tmp_path / "data")
    assert again.train.unpadded.read_bytes() == before


def test_a_dataset_of_a_version_without_unpadded_reviews_is_made_again(
    dataset: Dataset, source: Source, tmp_path: Path
) -> None:
    path = dataset.folder / "dataset.json"
    fields = json.loads(path.read_text())
    header = fields.pop("record")
    for split in ("train", "test"):
        (tmp_path / fields[split].pop("unpadded")).unlink()
        del fields[split]["unpadded_sha256"]
    write_json(path, {"record": header | {"checksum": sha256_of_json(fields)}} | fields)
    again = prepare.keep(source, 50, 30, None, tmp_path / "data")
    assert again == dataset
    assert again.test.unpadded.is_file()


def test_all_files_of_both_splits_count(dataset: Dataset) -> None:
    names = {path.name for path in dataset.files()}
    assert names == {"train.parquet", "train.arrow", "test.parquet", "test.arrow", "vocabulary.json"}
    assert {path: sha256_of_file(path) for path in dataset.files()} == dataset.files()


def test_a_failure_leaves_nothing_half_written(source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise DataError("made to fail")

    monkeypatch.setattr("tasks.prepare.check_splits", fail)
    with pytest.raises(DataError):
        prepare.keep(source, 50, 30, None, tmp_path / "data")
    assert [path.suffix for path in (tmp_path / "data").iterdir()] == [".lock"]


def test_the_first_reviews_only(source: Source, tmp_path: Path, dataset: Dataset) -> None:
    few = prepare.keep(source, 50, 30, 20, tmp_path / "data")
    np.testing.assert_array_equal(read_tokens(few.train.path).padded(), read_tokens(dataset.train.path)[:20].padded())


def test_a_dataset_is_reused_where_its_outputs_were_moved_to(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    prepare.keep(fetch.keep(None, "sample", before / "cache"), 50, 30, 20, before / "data")
    before.rename(after)
    source = fetch.keep(None, "sample", after / "cache")
    found = dataset_record(source, 50, 30, 20, after / "data").read()
    assert found
    assert found.folder.parent == after / "data"
    assert found.source.path.parent == after / "cache"
    assert found == prepare.keep(source, 50, 30, 20, after / "data")
