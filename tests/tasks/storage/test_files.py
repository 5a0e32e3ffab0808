import io
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tasks.errors import PipelineError
from tasks.storage.files import (
    atomic_path,
    fingerprint,
    is_whole,
    point,
    read_json,
    remove,
    sha256_of_file,
    spool,
    write_bytes,
    write_json,
    write_text,
)


def test_a_file_appears_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.json"
    write_json(path, {"a": [1, "ü"]})
    assert read_json(path) == {"a": [1, "ü"]}
    assert stat.S_IMODE(path.stat().st_mode) & 0o600 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    write_bytes(path, b"old")

    def fail() -> None:
        with atomic_path(path) as temporary:
            temporary.write_bytes(b"half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_temporary_file_keeps_the_suffix(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "model.keras") as temporary:
        assert temporary.suffix == ".keras"
        assert temporary.parent == tmp_path


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "file.json", float("nan"))
    assert list(tmp_path.iterdir()) == []


def test_a_link_points_to_the_newest_target(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        point(tmp_path / "latest", tmp_path / name)
    assert (tmp_path / "latest").resolve() == tmp_path / "b"


def test_without_links_a_text_names_the_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError

    monkeypatch.setattr(Path, "symlink_to", refuse)
    point(tmp_path / "latest", tmp_path / "a")
    assert (tmp_path / "latest.txt").read_text() == f"{tmp_path / 'a'}\n"


def test_a_fingerprint_depends_on_every_part() -> None:
    assert fingerprint(1, {"a": 2, "b": 3}) == fingerprint(1, {"b": 3, "a": 2})
    assert len({fingerprint(1, "x"), fingerprint(2, "x"), fingerprint(1, "y"), fingerprint(1)}) == 4
    assert len(fingerprint()) == 16


@dataclass
class Files:
    """A result with the given files."""

    digests: dict[Path, str]

    def files(self) -> dict[Path, str]:
        return self.digests


def test_whole_is_every_file_with_its_digest(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text(json.dumps(1))
    result = Files({path: sha256_of_file(path)})
    assert is_whole(result)
    path.write_text("2")
    assert not is_whole(result)
    path.unlink()
    assert not is_whole(result)


def test_a_link_in_the_place_of_a_file_is_replaced_and_its_target_stays(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("theirs")
    link.symlink_to(target)
    write_bytes(link, b"ours")
    assert (target.read_text(), link.read_text(), link.is_symlink()) == ("theirs", "ours", False)


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(PipelineError, match="folder: found a folder, expected a file"):
        write_bytes(tmp_path / "folder", b"ours")


def test_removing_a_link_leaves_its_target(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    remove(tmp_path / "link")
    assert (tmp_path / "target" / "file").exists()
    remove(tmp_path / "target")
    remove(tmp_path / "target")
    assert list(tmp_path.iterdir()) == []


def test_a_link_moves_although_a_killed_process_left_its_own(tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    point(tmp_path / "link", tmp_path / "old")
    (tmp_path / ".link-new").symlink_to("new")
    point(tmp_path / "link", tmp_path / "new")
    assert (tmp_path / "link").resolve() == tmp_path / "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "new", "old"]


def test_json_that_is_nested_too_deep_is_a_value_error(tmp_path: Path) -> None:
    (tmp_path / "deep.json").write_text("[" * 100_000)
    with pytest.raises(ValueError, match="nested too deep"):
        read_json(tmp_path / "deep.json")


@pytest.fixture
def umask() -> Iterator[None]:
    """A umask that hides files from everybody but their owner."""
    before = os.umask(0o077)
    yield
    os.umask(before)


def mode_of(path: Path) -> int:
    """A file's permissions."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("umask")
def test_the_umask_decides_who_reads_a_new_file(tmp_path: Path) -> None:
    write_text(tmp_path / "private", "x")
    assert mode_of(tmp_path / "private") == 0o600
    assert mode_of(spool(io.BytesIO(b"x"), tmp_path, ".txt")) == 0o600
    os.umask(0o002)
    write_text(tmp_path / "group", "x")
    assert mode_of(tmp_path / "group") == 0o664


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o400])
def test_a_file_that_is_replaced_hands_on_its_mode_and_nobody_reads_it_before(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "file"
    path.touch()
    path.chmod(mode)
    with atomic_path(path) as temporary:
        assert mode_of(temporary) == 0o600
        temporary.write_text("x")
    assert (mode_of(path), path.read_text()) == (mode, "x")


@pytest.mark.parametrize("text", ["[" * 101 + "]" * 101, '{"a":' * 101 + "1" + "}" * 101])
def test_json_has_at_most_100_levels(tmp_path: Path, text: str) -> None:
    (tmp_path / "deep.json").write_text(text)
    with pytest.raises(ValueError, match="nested too deep"):
        read_json(tmp_path / "deep.json")
    (tmp_path / "deep.json").write_text("[" * 100 + "]" * 100)
    assert read_json(tmp_path / "deep.json")
