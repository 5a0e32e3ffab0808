"""Networks by the names that users give."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.errors import DataError
from tasks.results.data import SourceKind
from tasks.storage.files import write_json
from tasks.storage.networks import AUTO, find_folder, find_network, find_scoring_network
from tasks.storage.registry import Registry
from tasks.storage.runs import is_smoke
from tests.fixtures.registry import promote
from tests.fixtures.runs import branch_of, finished_run, keep_run, write_run


def test_champion_and_hash_name_a_network_of_the_registry(tmp_path: Path) -> None:
    first, second = (promote(tmp_path, name) for name in ("first", "second"))
    registry = Registry(tmp_path)
    assert registry.networks() == sorted([first, second])
    assert find_network(tmp_path, "champion").folder == registry.folder(second)
    assert find_network(tmp_path, first[:8]).test == registry.folder(first) / "test.parquet"


def test_a_folder_names_its_data(tmp_path: Path) -> None:
    write_json(tmp_path / "models" / "lstm" / "network.json", {"dataset": {"fingerprint": "abc"}})
    with pytest.raises(DataError, match=r"found no test\.parquet"):
        find_network(tmp_path, str(tmp_path / "models" / "lstm"))
    (tmp_path / "data" / "abc").mkdir(parents=True)
    (tmp_path / "data" / "abc" / "test.parquet").touch()
    found = find_network(tmp_path, str(tmp_path / "models" / "lstm"))
    assert found.train == tmp_path / "data" / "abc" / "train.parquet"
    assert found.word_index == tmp_path / "data" / "abc" / "word_index.json"


def test_unknown_and_ambiguous_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match="no champion yet; promote the newest run with `uv run flows/main.py promote latest`"
    ):
        find_network(tmp_path, "champion")
    with pytest.raises(DataError, match="--model abc: no such network"):
        find_network(tmp_path, "abc")
    for name in ("first", "second"):
        promote(tmp_path, name)
    with pytest.raises(DataError, match="no such network"):
        find_network(tmp_path, "")


def test_a_changed_network_is_refused(tmp_path: Path) -> None:
    network = promote(tmp_path, "first")
    path = Registry(tmp_path).folder(network) / "weights"
    path.chmod(0o644)
    path.write_text("other")
    with pytest.raises(DataError, match="changed; restore"):
        find_network(tmp_path, "champion")


def test_a_run_names_its_best_network_by_validation_or_another(tmp_path: Path) -> None:
    first = write_run(tmp_path, "20260101-a", lstm=0.7, gru=0.8)
    second = write_run(tmp_path, "20260102-b", lstm=0.9, gru=0.6)
    assert find_folder(tmp_path, "latest") == second["lstm"]
    assert find_folder(tmp_path, "latest:gru") == second["gru"]
    assert find_folder(tmp_path, "20260101") == first["gru"]
    assert find_folder(tmp_path, "20260101-a:lstm") == first["lstm"]
    with pytest.raises(DataError, match="found the networks lstm, gru, no rnn; choose one of them"):
        find_folder(tmp_path, "latest:rnn")
    with pytest.raises(DataError, match="run 2026: 2 runs in"):
        find_folder(tmp_path, "2026")
    with pytest.raises(DataError, match="run latest: 0 runs in"):
        find_folder(tmp_path / "empty", "latest")
    for name, message in {str(tmp_path): "found no network.json in this folder", "2026*": "no such network"}.items():
        with pytest.raises(DataError, match=message):
            find_folder(tmp_path, name)


def test_a_copy_of_a_folder_scores_with_all_words_or_its_vocabulary(tmp_path: Path) -> None:
    folder = write_run(tmp_path, "20260101-a", lstm=0.7)["lstm"]
    write_json(folder / "vocabulary.json", {"film": 1})
    copy = tmp_path / "elsewhere" / "copy"
    shutil.copytree(folder, copy)
    alone = find_scoring_network(tmp_path / "other", str(copy))
    assert (alone.folder, alone.words) == (copy, copy / "vocabulary.json")
    write_json(tmp_path / "data" / "abc" / "word_index.json", {"film": 1})
    original = find_scoring_network(tmp_path, "latest")
    assert original.words == tmp_path / "data" / "abc" / "word_index.json"
    assert original.model == alone.model
    write_json(copy / "vocabulary.json", {"film": 2})
    assert find_scoring_network(tmp_path, str(copy)).model != alone.model


def test_a_copy_without_words_or_with_a_damaged_description_is_one_line(tmp_path: Path) -> None:
    folder = write_run(tmp_path, "20260101-a", lstm=0.7)["lstm"]
    with pytest.raises(DataError, match="found neither word_index.json nor vocabulary.json in it; copy the whole"):
        find_scoring_network(tmp_path, str(folder))
    for content in ("{", "[]", '{"dataset": "x"}'):
        (folder / "network.json").write_text(content)
        with pytest.raises(DataError, match="no readable description of a network"):
            find_scoring_network(tmp_path, str(folder))


def test_a_folder_has_the_hash_that_the_registry_gives_it(tmp_path: Path) -> None:
    folder = write_run(tmp_path, "20260101-a", lstm=0.7)["lstm"]
    write_json(folder / "vocabulary.json", {"film": 1})
    registry = Registry(tmp_path)
    with registry.writing():
        network = registry.add({name: folder / name for name in ("network.json", "vocabulary.json")}, {})
    assert find_scoring_network(tmp_path, "latest").model == network


def kept(outputs: Path, name: str, kind: SourceKind = "file", smoke: bool = False) -> Path:
    """Keep a run with a network; returns the network's folder."""
    folder = outputs / "models" / f"lstm-{name}"
    title = "bundled sample" if kind == "sample" else "own file"
    write_json(folder / "network.json", {"name": "lstm", "dataset": {"fingerprint": "abc", "title": title}})
    write_json(folder / "vocabulary.json", {"film": 1})
    run = finished_run(outputs, name, [branch_of("lstm", folder, 0.7)], settings={"run": {"smoke": smoke}})
    source = replace(run.dataset.source, kind=kind)
    keep_run(outputs, replace(run, dataset=replace(run.dataset, source=source)))
    return folder


def test_by_default_the_newest_real_run_is_taken_and_the_champion_before_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="runs: no finished run yet; train networks with"):
        find_folder(tmp_path, AUTO)
    sample = kept(tmp_path, "20260101-a", kind="sample")
    assert find_folder(tmp_path, AUTO) == sample
    older, real = kept(tmp_path, "20260102-b"), kept(tmp_path, "20260103-c")
    kept(tmp_path, "20260104-d", smoke=True)
    kept(tmp_path, "20260105-e", kind="sample")
    assert find_folder(tmp_path, AUTO) == real
    (tmp_path / "runs" / "20260103-c" / "run.json").write_text("{")
    assert find_folder(tmp_path, AUTO) == older
    network = promote(tmp_path, "first")
    assert find_folder(tmp_path, AUTO) == Registry(tmp_path).folder(network)


def test_what_a_network_is_known_to_be(tmp_path: Path) -> None:
    kept(tmp_path, "20260101-a")
    found = find_scoring_network(tmp_path, AUTO)
    assert (found.run, found.data, found.toy) == ("20260101-a", "own file", None)
    sample = kept(tmp_path, "20260102-b", kind="sample")
    assert find_scoring_network(tmp_path, "latest").toy == "sample"
    alone = find_scoring_network(tmp_path, str(sample))
    assert (alone.run, alone.data, alone.toy) == (None, "bundled sample", "sample")
    kept(tmp_path, "20260103-c", smoke=True)
    assert find_scoring_network(tmp_path, "latest").toy == "smoke"


@pytest.mark.parametrize("settings", [{}, {"run": None}, {"run": [1]}, {"run": {"smoke": None}}])
def test_settings_from_a_file_may_be_anything(settings: dict[str, object]) -> None:
    assert not is_smoke(settings)


def test_the_best_threshold_is_the_networks_own_one(tmp_path: Path) -> None:
    folder = write_run(tmp_path, "20260101-000000-a", lstm=0.9)["lstm"]
    write_json(folder / "vocabulary.json", {"good": 1})
    with pytest.raises(DataError, match="--threshold best: .*network.json has no threshold, as networks of earlier"):
        find_scoring_network(tmp_path, str(folder), "best")
    write_json(folder / "network.json", {"name": "lstm", "dataset": {"fingerprint": "abc"}, "threshold": 0.25})
    assert find_scoring_network(tmp_path, str(folder), "best").threshold == 0.25
    assert find_scoring_network(tmp_path, str(folder)).threshold == 0.5
    assert find_scoring_network(tmp_path, str(folder), 0.75).threshold == 0.75
    for wrong in (1.5, -0.1, float("nan")):
        with pytest.raises(DataError, match="--threshold .*expected best, or a number from 0 to 1"):
            find_scoring_network(tmp_path, str(folder), wrong)
