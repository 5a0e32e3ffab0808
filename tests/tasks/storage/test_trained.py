"""Networks by the names that users give."""

from pathlib import Path

import pytest

from tasks.results.errors import DataError
from tasks.storage.files import write_json
from tasks.storage.registry import Registry
from tasks.storage.trained import find_network
from tests.tasks.storage.test_registry import promote


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
    with pytest.raises(DataError, match="no champion yet"):
        find_network(tmp_path, "champion")
    with pytest.raises(DataError, match="found 0, expected one"):
        find_network(tmp_path, "abc")
    for name in ("first", "second"):
        promote(tmp_path, name)
    with pytest.raises(DataError, match="network '': found 0, expected one"):
        find_network(tmp_path, "")


def test_a_changed_network_is_refused(tmp_path: Path) -> None:
    network = promote(tmp_path, "first")
    path = Registry(tmp_path).folder(network) / "weights"
    path.chmod(0o644)
    path.write_text("other")
    with pytest.raises(DataError, match="changed; restore"):
        find_network(tmp_path, "champion")
