import os
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.storage import attached
from tasks.storage.attached import attached_folders

NOBODY = 65534


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


def test_a_folder_that_cannot_be_read_is_left_out() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "closed").mkdir(mode=0)
        found = as_a_user_without_rights(lambda: [path.name for path in attached_folders(folder)])
        assert found == [folder.name]


def as_a_user_without_rights(work: Callable[[], list[str]]) -> list[str]:
    """Do work in another process. It runs as "nobody" if this one is root, because root can read every folder."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forks where there are threads.
        child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setuid(NOBODY)
            os.write(writer, "\n".join(work()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as result:
        return result.read().splitlines()
