import os
from pathlib import Path

import pytest

from tasks.storage import attached
from tasks.storage.attached import attached_folders


def test_folders_are_found_four_levels_deep_the_nearest_first(tmp_path: Path) -> None:
    (tmp_path / "b" / "c" / "d" / "e" / "f").mkdir(parents=True)
    (tmp_path / "a").mkdir()
    found = [str(folder.relative_to(tmp_path)) for folder in attached_folders(tmp_path)]
    assert found == [".", "a", "b", "b/c", "b/c/d", "b/c/d/e"]


def test_links_are_not_followed_and_files_are_no_folders(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "file").touch()
    assert list(attached_folders(tmp_path)) == [tmp_path, tmp_path / "a"]
    assert list(attached_folders(tmp_path / "file")) == []
    assert list(attached_folders(tmp_path / "none")) == []


def test_a_huge_folder_does_not_hide_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attached, "MOST_IN_FOLDER", 10)
    for number in range(50):
        (tmp_path / "a" / str(number)).mkdir(parents=True)
    (tmp_path / "b" / "c").mkdir(parents=True)
    found = list(attached_folders(tmp_path))
    assert tmp_path / "b" / "c" in found
    assert len(found) == 3 + 10 + 1


def test_the_walk_ends_in_a_huge_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attached, "MOST_IN_ALL", 25)
    for number in range(100):
        (tmp_path / str(number % 10) / str(number)).mkdir(parents=True)
    assert len(list(attached_folders(tmp_path))) == 1 + 25


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read every folder")
def test_a_folder_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    assert list(attached_folders(tmp_path)) == [tmp_path]
