"""The loops of each cell are compiled once, whichever process needs them first."""

import subprocess
import sys
from pathlib import Path

import numba
import pytest

from tasks.models import compiling
from tasks.models.compiling import compile_loops, missing_loops
from tasks.models.spec import Cell
from tasks.storage.compiled import cache_folder

CELLS: list[Cell] = ["simple_rnn", "lstm", "gru"]


@pytest.fixture
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Cell]:
    """The cells that were compiled, with an empty cache; nothing is really compiled."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    cells: list[Cell] = []
    monkeypatch.setattr(compiling, "_train", cells.append)
    return cells


def test_what_is_missing_is_compiled_once(compiled: list[Cell]) -> None:
    assert missing_loops(CELLS) == CELLS
    compile_loops(["lstm", "lstm"])
    compile_loops(["lstm", "gru"])
    assert compiled == ["lstm", "gru"]
    assert missing_loops(CELLS) == ["simple_rnn"]


def test_changed_libraries_compile_again(compiled: list[Cell], monkeypatch: pytest.MonkeyPatch) -> None:
    compile_loops(["lstm"])
    monkeypatch.setattr(numba, "__version__", "another")
    compile_loops(["lstm"])
    assert compiled == ["lstm", "lstm"]


def test_without_a_folder_for_machine_code_nothing_is_compiled_ahead(
    compiled: list[Cell], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling, "cache_folder", lambda *_: None)
    assert missing_loops(CELLS) == []
    compile_loops(CELLS)
    assert not compiled


def run(script: str, cache: Path) -> str:
    """Run a script in a process with a cache of its own, and return what it prints."""
    arguments = [sys.executable, "-c", f"import numba; numba.config.CACHE_DIR = {str(cache)!r}\n{script}"]
    return subprocess.run(arguments, check=True, capture_output=True, text=True, cwd=Path.cwd()).stdout


def test_forked_processes_compile_meanwhile_and_this_one_loads_afterwards(tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = f"""
import os
from tasks.models import compiling

def train(cell):
    with open({str(log)!r}, "a") as file:
        print(cell, "here" if os.getpid() == me else "elsewhere", file=file)

compiling._train, me = train, os.getpid()
compiling.available_cores = lambda: 3
with compiling.loaded_after(["simple_rnn", "lstm"]):
    while compiling.missing_loops(["simple_rnn", "lstm"]):
        pass
"""
    run(script, tmp_path)
    lines = log.read_text().splitlines()
    assert sorted(lines[:2]) == ["lstm elsewhere", "simple_rnn elsewhere"]
    assert lines[2:] == ["simple_rnn here", "lstm here"]


def test_what_no_other_process_has_begun_is_compiled_here(tmp_path: Path) -> None:
    script = """
import os
from tasks.models import compiling

compiling._fork_compiler = lambda cells: os.spawnlp(os.P_NOWAIT, "true", "true")
compiling._train = lambda cell: print(cell)
with compiling.loaded_after(["simple_rnn", "lstm"]):
    pass
"""
    assert run(script, tmp_path).split() == ["lstm", "simple_rnn", "simple_rnn", "lstm"]


SIGNATURES = """
import importlib, pkgutil
from numba.core.dispatcher import Dispatcher
from tasks.models import loops
from tasks.models.compiling import load_loops
load_loops(["simple_rnn", "lstm", "gru"])
for module in pkgutil.iter_modules(loops.__path__):
    for name, function in vars(importlib.import_module(f"tasks.models.loops.{module.name}")).items():
        if isinstance(function, Dispatcher) and len(function.signatures) > 1:
            print(name)
"""


@pytest.mark.slow
def test_each_function_is_compiled_for_one_list_of_types_so_that_cells_can_be_compiled_side_by_side(
    tmp_path: Path,
) -> None:
    assert run(SIGNATURES, tmp_path) == ""
    assert list(tmp_path.glob("*/*.compiled"))
    assert cache_folder(compiling.ROOM, str(tmp_path))
