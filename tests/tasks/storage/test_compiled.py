"""The cache of compiled functions: hit while the sources stand, missed when any of them changes."""

import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.storage.compiled import UNUSED_SECONDS, cache_folder

ROOT = Path(__file__).parents[3]
CONSTANT = "FACTOR = 2.0\n"
HELPER = """
from room.constants import FACTOR
from tasks.storage.compiled import compiled

@compiled(inline="{inline}")
def scaled(x):
    return FACTOR * x
"""
FUNCTION = """
from room.helper import scaled
from tasks.storage.compiled import compiled

@compiled
def total(values):
    result = 0.0
    for value in values:
        result += scaled(value)
    return result
"""
PROGRAM = """
import numpy
from room.function import total
print(total(numpy.arange(4.0)), sum(total.stats.cache_hits.values()))
"""


@pytest.fixture
def room(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A package whose compiled function calls a helper in a second file, which reads a constant of a third."""
    folder = tmp_path / "room"
    folder.mkdir()
    sources = {
        "constants": CONSTANT,
        "helper": HELPER.format(inline=getattr(request, "param", "never")),
        "function": FUNCTION,
    }
    for name, source in sources.items():
        (folder / f"{name}.py").write_text(source)
    return folder


def start(room: Path, **environment: str) -> subprocess.Popen[str]:
    """Start a process that prints the total, 6 · FACTOR, and how often it loaded machine code from the cache."""
    # Python's own byte code would be stale when a source changes twice in a second.
    paths = {"PYTHONPATH": f"{room.parent}:{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM], env=os.environ | paths | environment, stdout=subprocess.PIPE, text=True
    )


def output(process: subprocess.Popen[str]) -> str:
    printed, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return printed.strip()


@pytest.mark.parametrize("room", [pytest.param("always", marks=pytest.mark.slow), "never"], indirect=True)
def test_unchanged_sources_hit_the_cache_and_any_change_misses_it(room: Path) -> None:
    assert output(start(room)) == "12.0 0"
    assert output(start(room)) == "12.0 1"
    (room / "constants.py").write_text("FACTOR = 3.0\n")
    assert output(start(room)) == "18.0 0"
    helper = (room / "helper.py").read_text()
    (room / "helper.py").write_text(helper.replace("FACTOR * x", "FACTOR + x"))
    assert output(start(room)) == "18.0 0"
    (room / "constants.py").write_text("FACTOR = 1.0\n")
    assert output(start(room)) == "10.0 0"
    assert output(start(room)) == "10.0 1"


def test_processes_that_start_at_once_all_compute_the_same(room: Path) -> None:
    processes = [start(room) for _ in range(4)]
    assert {output(process).split()[0] for process in processes} == {"12.0"}
    assert output(start(room)) == "12.0 1"


def test_without_a_writable_folder_each_process_compiles_for_itself(room: Path, tmp_path: Path) -> None:
    (room / "__pycache__").write_text("a file where a folder is needed")
    (tmp_path / "file").touch()
    nowhere = {"XDG_CACHE_HOME": str(tmp_path / "file"), "NUMBA_CACHE_DIR": str(tmp_path / "file")}
    assert [output(start(room, **nowhere)) for _ in range(2)] == ["12.0 0", "12.0 0"]


@pytest.fixture
def sources(tmp_path: Path) -> Iterator[Path]:
    """A folder with one source."""
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "module.py").write_text("FACTOR = 1\n")
    yield folder
    cache_folder.cache_clear()


def changed(sources: Path) -> None:
    """Let a new process see another source."""
    module = sources / "module.py"
    module.write_text(module.read_text() + "\n")
    cache_folder.cache_clear()


def test_a_new_cache_replaces_those_that_no_process_has_opened_for_an_hour(sources: Path) -> None:
    folders = []
    for _ in range(3):
        changed(sources)
        folders.append(cache_folder(sources, ""))
    unused, recent, _ = folders
    long_ago = time.time() - UNUSED_SECONDS - 60
    os.utime(unused, (long_ago, long_ago))
    (sources / "__pycache__" / "module.cpython-311.pyc").touch()
    changed(sources)
    newest = cache_folder(sources, "")
    left = {path.name for path in (sources / "__pycache__").iterdir()}
    assert unused.name not in left
    assert {recent.name, newest.name, "module.cpython-311.pyc"} < left


def test_opening_a_cache_marks_it_as_in_use(sources: Path) -> None:
    folder = cache_folder(sources, "")
    long_ago = time.time() - UNUSED_SECONDS - 60
    os.utime(folder, (long_ago, long_ago))
    cache_folder.cache_clear()
    assert cache_folder(sources, "") == folder
    assert time.time() - folder.stat().st_mtime < UNUSED_SECONDS


def test_the_users_folder_comes_first(sources: Path, tmp_path: Path) -> None:
    assert cache_folder(sources, str(tmp_path / "numba")).parent == tmp_path / "numba"
    assert not (sources / "__pycache__").exists()


def test_a_tree_that_cannot_be_written_uses_the_users_cache(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (sources / "__pycache__").write_text("a file where a folder is needed")
    assert cache_folder(sources, "").parent == tmp_path / "cache" / "numba"


def test_rooms_that_share_a_folder_keep_apart(sources: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / "sources"
    other.mkdir(parents=True)
    (other / "module.py").write_text((sources / "module.py").read_text())
    shared = str(tmp_path / "numba")
    assert cache_folder(sources, shared) != cache_folder(other, shared)


@pytest.mark.parametrize("mode", [0o777, 0o757])
def test_machine_code_is_not_loaded_from_where_others_may_write(tmp_path: Path, mode: int) -> None:
    (tmp_path / "room").mkdir()
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(mode)
    found = cache_folder(tmp_path / "room", str(tmp_path / "shared"))
    assert found
    assert found.parent == tmp_path / "room" / "__pycache__"
    (tmp_path / "sticky").mkdir()
    (tmp_path / "sticky").chmod(0o1777)
    (tmp_path / "room2").mkdir()
    found = cache_folder(tmp_path / "room2", str(tmp_path / "sticky"))
    assert found
    assert found.parent == tmp_path / "sticky"
    assert stat.S_IMODE(found.stat().st_mode) == 0o700


def test_a_planted_folder_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "room").mkdir()
    (tmp_path / "sticky").mkdir()
    (tmp_path / "sticky").chmod(0o1777)
    found = cache_folder(tmp_path / "room", str(tmp_path / "sticky"))
    assert found
    found.chmod(0o777)
    cache_folder.cache_clear()
    again = cache_folder(tmp_path / "room", str(tmp_path / "sticky"))
    assert again
    assert again.parent == tmp_path / "room" / "__pycache__"
