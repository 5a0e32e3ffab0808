from dataclasses import dataclass
from pathlib import Path

import pytest

from tasks.errors import DataError
from tasks.results.data import Source
from tasks.storage.paths import below, located_in, relative_to


@dataclass(frozen=True)
class Part:
    """A record in a record."""

    path: Path


@dataclass(frozen=True)
class Whole:
    """A record with paths of every kind."""

    folder: Path
    parts: tuple[Part, ...]
    source: Source
    none: Path | None = None


OUTSIDE = ["", ".", "..", "../x", "x/../../y", "x/../y", "/etc/passwd", "a\0b", "link/x", "deep/link", "deep/link/x"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with links that lead out of it, and one of its user's that is a direct child."""
    folder = tmp_path / "outputs"
    (folder / "deep").mkdir(parents=True)
    for link in (folder / "link", folder / "deep" / "link"):
        link.symlink_to("/etc")
    (tmp_path / "disk" / "inner").mkdir(parents=True)
    (folder / "data").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "out").symlink_to("/etc")
    return folder


@pytest.mark.parametrize("name", ["x", "x/y", "deep/x", "data/inner/x", "data/new", "..x", "x..y/z"])
def test_a_plain_name_is_a_path_below_the_folder(folder: Path, name: str) -> None:
    assert below(folder, name) == folder / name


@pytest.mark.parametrize("name", [*OUTSIDE, "data/out", "data/out/x"])
def test_a_name_that_leads_out_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(DataError, match="leads out of this folder"):
        below(folder, name)


def record(folder: Path, source: Path) -> Whole:
    """A record of things below a folder, and of a file of the user's."""
    return Whole(folder, (Part(folder / "a"), Part(folder / "b" / "c")), Source("file", source, "", ""))


@pytest.mark.parametrize("source", [Path("/home/me/reviews.csv"), Path("own.csv")])
def test_a_record_moves_with_its_folder(tmp_path: Path, source: Path) -> None:
    short = relative_to(tmp_path, record(tmp_path, tmp_path / source))
    assert (short.folder, [str(part.path) for part in short.parts]) == (Path(), ["a", "b/c"])
    found = located_in(tmp_path / "elsewhere", short)
    expected = source if source.is_absolute() else tmp_path / "elsewhere" / source
    assert found == record(tmp_path / "elsewhere", expected)


def test_a_file_given_by_a_relative_path_is_found_from_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    short = relative_to(tmp_path / "outputs", record(tmp_path / "outputs", Path("own.csv")))
    monkeypatch.chdir("/")
    assert located_in(tmp_path / "outputs", short).source.path == tmp_path / "own.csv"


@pytest.mark.parametrize("name", ["..", "../x", "/etc/passwd", "deep/link", "x/../../y"])
def test_a_record_that_names_something_outside_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(DataError, match="leads out of this folder"):
        located_in(folder, Whole(folder, (Part(Path(name)),), Source("file", Path("/x"), "", "")))


@pytest.mark.parametrize("name", ["loop", "loop/x", "\ud800"])
def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(DataError, match="a link leads to itself|no usable path"):
        below(tmp_path, name)
